// The document that is read, its nearest neighbours, and why one of them is similar (`/explain`).

import { warnings } from "./analysis.js";
import { Problem, post } from "./api.js";
import { button, byId, counted, element, fixed, percent, shortened } from "./dom.js";
import { glyph } from "./palette.js";
import { problemParts } from "./problem.js";
import { findWords } from "./words.js";

// As many words as the service lists, to mark all of them in the texts; the bars show the first.
const TOP = 1000;
const BARS = 12;
const LEVELS = 5;

export class Detail {
  constructor(store) {
    this.store = store;
    this.request = null;
    store.subscribe(["result", "selected", "partner"], (state, changed) => this.show(changed));
  }

  show(changed) {
    const { result, selected, partner } = this.store.state;
    if (!result || selected < 0) {
      if (changed.has("result")) byId("detail-body").replaceChildren(hint());
      return;
    }
    const near = result.scores[selected].neighbours;
    if (partner < 0 && near.length) {
      this.store.set({ partner: result.position.get(near[0].id) });
      return;
    }
    this.pair = element("div");
    byId("detail-body").replaceChildren(
      facts(result, selected),
      element("div", { class: "detail" }, this.neighbours(result, selected, partner), this.pair),
    );
    this.explain(result, selected, partner);
  }

  neighbours({ scores, position, documents }, selected, partner) {
    const items = scores[selected].neighbours.map(({ id, similarity }) => {
      const at = position.get(id);
      const text = element("span", { class: "clip", dir: "auto", text: shortened(documents[at].text, 120) });
      const press = button(
        { "aria-pressed": String(at === partner) },
        () => this.store.set({ partner: at }),
        element("strong", { class: "number", text: fixed(similarity, 3) }),
        ` ${id}`,
        text,
      );
      return element("li", {}, press);
    });
    const list = items.length ? element("ul", { class: "neighbours" }, ...items) : element("p", { class: "soft", text: "None: it has no vector." });
    return element("div", {}, element("h3", { text: "Nearest neighbours" }), list);
  }

  async explain({ documents }, selected, partner) {
    this.request?.abort();
    if (partner < 0) {
      this.pair.replaceChildren(plainText(documents[selected].text));
      return;
    }
    const [a, b] = [documents[selected].text, documents[partner].text];
    const { pair } = this;
    pair.replaceChildren(sideBySide([a, b].map((text) => [plainText(text)])));
    this.request = new AbortController();
    try {
      const { body } = await post("explain", { documents: [a, b], top: TOP }, { signal: this.request.signal });
      pair.replaceChildren(...explained(body, [a, b], this.store.state.tokenizer));
    } catch (error) {
      if (error.name === "AbortError") return;
      pair.append(...(error instanceof Problem ? problemParts(error) : [element("p", { text: "The service cannot be reached." })]));
    }
  }
}

function hint() {
  const text = "Choose a document on the map, in the matrix or in the table: its nearest neighbours appear here, and the words that make them similar.";
  return element("p", { class: "soft", text });
}

function facts({ scores, ranks }, position) {
  const { id, cluster, distance, margin, outlier, tokens, known } = scores[position];
  const found = warnings(scores[position]);
  const place = cluster === null ? " no cluster" : ` cluster ${cluster} · distance ${fixed(distance)} · margin ${fixed(margin, 3)} · outlier ${fixed(outlier)}`;
  const line = element("p", {}, element("strong", { text: id }), " ", glyph(ranks[position]), `${place} · ${counted(tokens, "word")}, ${percent(known)} known`);
  if (found.length) line.append(element("span", { class: "warn", text: ` · ${found.map(({ long }) => long).join("; ")}` }));
  return line;
}

const plainText = (text) => element("div", { class: "text-body", dir: "auto", tabindex: "0", role: "group", "aria-label": "Text", text });

function sideBySide(columns) {
  return element("div", { class: "texts" }, ...columns.map((parts) => element("div", {}, ...parts)));
}

function explained({ similarity, documents }, texts, tokenizer) {
  const title = element("h3", { text: `Why the cosine is ${fixed(similarity, 3)}` });
  const note = element("p", { class: "soft", text: "What the words of either text add to it. Underlined and shaded: makes the two similar. Dashed: makes them less similar." });
  const columns = documents.map((document, at) => [marked(texts[at], document.contributions, tokenizer), bars(document, similarity)]);
  return [title, note, sideBySide(columns)];
}

function marked(text, contributions, tokenizer) {
  const words = new Map(contributions.map(({ token, contribution }) => [token, contribution]));
  const most = Math.max(1e-9, ...contributions.map(({ contribution }) => Math.abs(contribution)));
  const body = element("div", { class: "text-body", dir: "auto", tabindex: "0", role: "group", "aria-label": "Text with marked words" });
  let end = 0;
  for (const place of findWords(text, tokenizer, words)) {
    const contribution = words.get(place.word);
    const level = Math.round((Math.abs(contribution) / most) * LEVELS);
    if (level === 0) continue;
    const mark = element("mark", { class: contribution > 0 ? "for" : "against", title: signed(contribution), text: text.slice(place.start, place.end) });
    mark.style.setProperty("--level", level);
    body.append(text.slice(end, place.start), mark);
    end = place.end;
  }
  body.append(text.slice(end));
  return body;
}

function bars({ contributions, rest }, similarity) {
  const shown = strongest(contributions);
  const most = Math.max(1e-9, ...shown.map(({ contribution }) => Math.abs(contribution)));
  const others = contributions.length - shown.length;
  const left = rest + contributions.reduce((sum, { contribution }) => sum + contribution, 0) - shown.reduce((sum, { contribution }) => sum + contribution, 0);
  const rows = shown.map(({ token, count, known, contribution }) => {
    const name = `${token}${count > 1 ? ` × ${count}` : ""}${known ? "" : " (unknown)"}`;
    return bar(name, contribution, Math.abs(contribution) / most);
  });
  if (others > 0 || rest) rows.push(bar(`${others} other words`, left, 0));
  const total = element("li", { class: "total" }, element("span", { text: "sum" }), element("span"), element("span", { class: "number", text: fixed(similarity, 3) }));
  return element("ul", { class: "words" }, ...rows, total);
}

function strongest(contributions) {
  const by = [...contributions].sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
  return by.slice(0, BARS).sort((a, b) => b.contribution - a.contribution);
}

function bar(name, contribution, share) {
  const fill = element("span", { class: contribution < 0 ? "fill against" : "fill" });
  fill.style.width = `${share * 100}%`;
  return element("li", {}, element("span", { class: "word", dir: "auto", text: name, title: name }), element("span", { class: "track" }, fill), element("span", { class: "number", text: signed(contribution) }));
}

const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
