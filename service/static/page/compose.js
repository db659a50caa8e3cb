// The documents to score, and the request: its progress, its cancelling, and its repetition when the service is busy.

import { analyse } from "./analysis.js";
import { Problem, get, post } from "./api.js";
import { byId, counted, element, kibibytes } from "./dom.js";
import { request } from "./exports.js";
import { ParseError, fromFile, fromLines } from "./parse.js";
import { problemParts } from "./problem.js";

// How often the elapsed time is written.
const TICK_MS = 100;

// Characters that a text box still shows and edits at once.
const EDITABLE = 100_000;

export class Compose {
  constructor(store) {
    this.store = store;
    this.texts = byId("texts");
    this.loaded = null;
    this.running = null;
    this.texts.addEventListener("input", () => this.load(null));
    byId("compose").addEventListener("submit", (event) => {
      event.preventDefault();
      this.run();
    });
    byId("cancel").addEventListener("click", () => this.running?.abort());
    byId("load-sample").addEventListener("click", () => this.sample());
    byId("clear").addEventListener("click", () => this.empty());
    byId("file").addEventListener("change", ({ target }) => {
      this.open(target.files[0]);
      target.value = "";
    });
    this.acceptDrops(byId("compose"));
    this.load(null);
  }

  get documents() {
    return this.loaded ?? fromLines(this.texts.value);
  }

  // `loaded`: documents with ids or line breaks, which the text box cannot hold; editing the box replaces them. It shows
  // the beginning of many, and then cannot be edited.
  load(loaded, name = "") {
    this.loaded = loaded;
    if (loaded) this.texts.value = this.preview(loaded);
    else this.texts.readOnly = false;
    const { length } = this.documents;
    const only = this.texts.readOnly ? "; the box shows the first" : "";
    byId("count").textContent = `${counted(length, "document")}${name ? ` from ${name}` : ""}${only}`;
    byId("clear").hidden = length === 0;
  }

  preview(loaded) {
    const lines = [];
    let size = 0;
    for (const { text } of loaded) {
      if (size > EDITABLE) break;
      lines.push(text.replace(/\s+/g, " "));
      size += text.length;
    }
    this.texts.readOnly = size > EDITABLE;
    return this.texts.readOnly ? `${lines.join("\n").slice(0, EDITABLE)} …` : lines.join("\n");
  }

  empty() {
    this.texts.value = "";
    this.load(null);
    this.texts.focus();
  }

  async open(file) {
    if (!file) return;
    this.clear();
    try {
      this.load(fromFile(file.name, await file.arrayBuffer()), file.name);
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      this.fail([element("p", { class: "problem-title", text: "The file cannot be read" }), element("p", { text: `${file.name}: ${error.message}` })]);
    }
  }

  async sample() {
    this.clear();
    try {
      const { body } = await get("static/sample.json");
      this.load(body.documents.map((text) => ({ text })), body.source);
    } catch (error) {
      this.fail(partsOf(error));
    }
  }

  acceptDrops(place) {
    const over = (event) => {
      event.preventDefault();
      place.classList.add("over");
    };
    place.addEventListener("dragenter", over);
    place.addEventListener("dragover", over);
    place.addEventListener("dragleave", () => place.classList.remove("over"));
    place.addEventListener("drop", (event) => {
      event.preventDefault();
      place.classList.remove("over");
      const [file] = event.dataTransfer.files;
      if (file) this.open(file);
      else this.load(fromLines(event.dataTransfer.getData("text/plain")));
    });
  }

  async run() {
    if (this.running) return;
    const { documents } = this;
    performance.mark("score-begun");
    this.running = new AbortController();
    this.busy(true);
    try {
      while (!(await this.attempt(documents, this.running.signal)));
    } catch (error) {
      if (error.name === "AbortError") this.say("Cancelled.");
      else this.fail(partsOf(error));
    } finally {
      this.running = null;
      this.busy(false);
    }
  }

  // Returns whether there is a result; waits when the service asks to come back later.
  async attempt(documents, signal) {
    const begun = performance.now();
    const seconds = () => `${((performance.now() - begun) / 1000).toFixed(1)} s`;
    let doing = "Waiting for the answer";
    const ticking = setInterval(() => (byId("elapsed").textContent = `${doing} · ${seconds()}`), TICK_MS);
    try {
      const received = (bytes, total) => {
        doing = `Reading the answer: ${kibibytes(bytes)}`;
        if (total) [byId("bar").max, byId("bar").value] = [total, bytes];
      };
      const { body, bytes, stages } = await post("score", { ...request(documents), vectors: true }, { signal, received });
      const took = performance.now() - begun;
      performance.measure("score-answered", "score-begun");
      doing = "Placing and ordering the documents";
      byId("bar").removeAttribute("value");
      const result = { ...(await analyse(documents, body, signal)), took, bytes, stages };
      byId("results").hidden = false;
      this.clear();
      this.store.set({ result, brush: null, selected: -1, partner: -1, hovered: -1 });
      this.say(`${counted(documents.length, "document")} scored.`);
      return true;
    } catch (error) {
      if (!(error instanceof Problem) || error.retryAfter === null) throw error;
      this.fail(problemParts(error), false);
      clearInterval(ticking);
      await this.countDown(error.retryAfter, signal);
      return false;
    } finally {
      clearInterval(ticking);
    }
  }

  async countDown(seconds, signal) {
    for (let left = seconds; left > 0; left--) {
      byId("elapsed").textContent = `Trying again in ${left} s`;
      await pause(1000, signal);
    }
    byId("problem").replaceChildren();
  }

  busy(busy) {
    byId("score").disabled = byId("load-sample").disabled = busy;
    byId("cancel").hidden = byId("progress").hidden = !busy;
    byId("bar").removeAttribute("value");
    byId("elapsed").textContent = "";
    if (busy) this.clear();
  }

  clear() {
    byId("problem").replaceChildren();
    byId("message").textContent = "";
  }

  say(text) {
    byId("message").textContent = text;
  }

  fail(parts) {
    byId("message").textContent = "";
    byId("problem").replaceChildren(...parts);
  }
}

function partsOf(error) {
  if (error instanceof Problem) return problemParts(error);
  const unreachable = error instanceof TypeError;
  return problemParts({
    title: unreachable ? "The service cannot be reached" : "The page failed",
    message: unreachable ? "It may be stopped or restarting; try again." : error.message,
    errors: [],
    requestId: "",
  });
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
