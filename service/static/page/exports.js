// The result as a file, and the request as a command. The token is not in either: a variable stands for it.

import { byId } from "./dom.js";

export class Exports {
  constructor(store, say) {
    this.store = store;
    this.say = say;
    const on = (id, action) => byId(id).addEventListener("click", () => action(this.store.state.result));
    on("download-csv", (result) => download("scores.csv", "text/csv", csv(result)));
    on("download-json", (result) => download("scores.json", "application/json", json(result)));
    on("copy-curl", (result) => this.copy("curl command", curl(result)));
    on("copy-python", (result) => this.copy("Python program", python(result)));
  }

  async copy(what, text) {
    try {
      await navigator.clipboard.writeText(text);
      this.say(`The ${what} is in the clipboard; set SCOREPOOL_TOKEN before running it.`);
    } catch {
      // Without HTTPS a page has no clipboard, except on this computer.
      this.say("The browser does not let this page use the clipboard here; it was downloaded instead.");
      download(what === "curl command" ? "score.sh" : "score.py", "text/plain", text);
    }
  }
}

function download(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const COLUMNS = ["id", "cluster", "distance", "margin", "outlier", "tokens", "known"];

export function csv({ documents, scores }) {
  const head = [...COLUMNS, "nearest", "similarity", "text"];
  const rows = scores.map((score, i) => {
    const [near] = score.neighbours;
    return [...COLUMNS.map((name) => score[name]), near?.id, near?.similarity, documents[i].text];
  });
  return [head, ...rows].map((row) => `${row.map(field).join(",")}\r\n`).join("");
}

// A spreadsheet runs a text that begins like a formula; behind an apostrophe it shows it.
function field(value) {
  const formula = typeof value === "string" && /^[=+\-@\t\r]/.test(value);
  const text = `${formula ? "'" : ""}${value ?? ""}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function json({ documents, scores, clusters, model }) {
  const scored = scores.map((score, i) => ({ ...score, text: documents[i].text }));
  const named = clusters.map(({ rank, ...cluster }) => cluster);
  return JSON.stringify({ model, documents: scored, clusters: named }, null, 1);
}

export const request = (documents) => ({ documents, similarity: "neighbours", neighbours: 10 });

const address = () => new URL("score", document.baseURI).href;

// The body comes from the standard input: it may be longer than an argument can be, and nothing in it is expanded. It is
// one line, so no line of it ends it.
export function curl({ documents }) {
  return `curl -sS '${address()}' \\
  -H "Authorization: Bearer $SCOREPOOL_TOKEN" -H 'Content-Type: application/json' --data-binary @- <<'END'
${JSON.stringify(request(documents))}
END
`;
}

// A text in JSON is a text in Python too.
export function python({ documents }) {
  const entries = documents.map((document) => `    ${JSON.stringify(document)},\n`).join("");
  return `import json
import os
import urllib.request

documents = [
${entries}]
body = {"documents": documents, "similarity": "neighbours", "neighbours": 10}
request = urllib.request.Request(
    ${JSON.stringify(address())},
    json.dumps(body).encode(),
    {"Authorization": f"Bearer {os.environ['SCOREPOOL_TOKEN']}", "Content-Type": "application/json"},
)
with urllib.request.urlopen(request) as answer:
    scores = json.load(answer)
for document in scores["documents"]:
    print(document["id"], document["cluster"], document["neighbours"][:1])
`;
}
