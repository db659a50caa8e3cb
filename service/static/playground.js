// The playground: scores the lines of a text box and shows clusters, neighbours and the similarity matrix.
"use strict";

const EXAMPLE = [
  "Storms close the harbour and keep the ferries in port",
  "Gales and heavy rain shut the harbour for a second day",
  "Firefighters battle a bushfire driven by strong winds",
  "Hot winds fan the bushfires as crews protect homes",
  "The central bank raised interest rates by a quarter of a point",
  "Markets fell after the bank lifted rates again",
  "Australia won the first Test by an innings",
  "The bowlers took the last wickets before lunch on the final day of the Test",
];

const byId = (id) => document.getElementById(id);

// The token is in the fragment, which browsers do not send to servers; it is removed from the address at once.
const fragment = new URLSearchParams(location.hash.slice(1));
if (fragment.has("token")) {
  byId("token").value = fragment.get("token");
  history.replaceState(null, "", location.pathname);
}
byId("texts").value = EXAMPLE.join("\n");

fetch("info").then((answer) => answer.json()).then(({ version, model }) => {
  byId("model").textContent = `${version} · ${model.name}: ${model.clusters} clusters, ${model.dimensions} dimensions`;
});

byId("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.submitter;
  const texts = byId("texts").value.split("\n").filter((line) => line.trim());
  say("Scoring …");
  button.disabled = true;
  try {
    const begin = performance.now();
    const [near, all] = await Promise.all([score(texts, "neighbours"), score(texts, "matrix")]);
    show(texts, near, all.matrix);
    say(`${texts.length} documents in ${Math.round(performance.now() - begin)} ms`);
  } catch (error) {
    say(error.message, true);
  } finally {
    button.disabled = false;
  }
});

async function score(documents, similarity) {
  const answer = await fetch("score", {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${byId("token").value.trim()}` },
    body: JSON.stringify({ documents, similarity, neighbours: 1 }),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(`${body.title}: ${body.detail}`);
  return body;
}

function say(text, bad = false) {
  byId("message").textContent = text;
  byId("message").classList.toggle("bad", bad);
}

// Sets textContent only, never HTML: a document may contain markup.
function element(name, text, ...children) {
  const made = document.createElement(name);
  made.textContent = text;
  made.append(...children);
  return made;
}

function show(texts, { documents, clusters }, matrix) {
  const order = documents.map((_, position) => position);
  const rank = (position) => documents[position].cluster ?? Infinity;
  order.sort((a, b) => rank(a) - rank(b) || a - b);
  const groups = clusters.map(({ id, size, cohesion, terms }) => element(
    "article", "",
    element("h2", `Cluster ${id}`, element("small", `${size} · cohesion ${cohesion.toFixed(2)} · ${terms.slice(0, 6).join(", ")}`)),
    list(texts, documents, order.filter((position) => documents[position].cluster === id)),
  ));
  const wordless = order.filter((position) => documents[position].cluster === null);
  if (wordless.length) groups.push(element("article", "", element("h2", "Without a word"), list(texts, documents, wordless)));
  byId("clusters").replaceChildren(...groups);
  draw(texts, matrix, order);
  byId("answer").hidden = false;
}

function list(texts, documents, positions) {
  return element("ul", "", ...positions.map((position) => {
    const [near] = documents[position].neighbours;
    const text = near ? `most similar (${near.similarity.toFixed(2)}): ${texts[near.id]}` : "nothing similar";
    return element("li", texts[position], element("small", text));
  }));
}

function draw(texts, matrix, order) {
  const canvas = byId("picture");
  const context = canvas.getContext("2d");
  const side = canvas.width / order.length;
  order.forEach((row, y) => order.forEach((column, x) => {
    context.fillStyle = colour(matrix[row][column]);
    context.fillRect(Math.floor(x * side), Math.floor(y * side), Math.ceil(side), Math.ceil(side));
  }));
  canvas.onmousemove = ({ offsetX, offsetY }) => {
    const at = (offset) => order[Math.min(order.length - 1, Math.floor((offset / canvas.clientWidth) * order.length))];
    const [row, column] = [at(offsetY), at(offsetX)];
    byId("caption").textContent = `${matrix[row][column].toFixed(2)} · ${texts[row]} — ${texts[column]}`;
  };
}

// The colour of a cosine similarity: -1 is ochre, 0 nearly white, 1 teal.
function colour(similarity) {
  const share = Math.min(1, Math.abs(similarity));
  const [hue, saturation] = similarity < 0 ? [38, 75] : [184, 55];
  return `hsl(${hue} ${saturation}% ${96 - 66 * share}%)`;
}
