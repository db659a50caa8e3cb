// An answer of `/score` to the result that the views draw.
//
// n           documents; texts, names and scores have an entry for each, in the request's order
// ranks       Int32Array (n): the rank of a document's cluster by size, -1 without a cluster
// clusters    largest first, each with its `rank`
// x, y        the places on the map; explained: the share of the variance that the plane keeps
// order       the documents in the order of the heat map, place: where each is in it
// matrix      all cosines, row by row; cells: the same as bytes in the order of the heat map

export async function analyse(documents, answer, signal) {
  const scores = answer.documents;
  const n = scores.length;
  const d = answer.model.dimensions;
  const vectors = new Float32Array(n * d);
  scores.forEach((score, i) => {
    vectors.set(score.vector, i * d);
    delete score.vector;
  });
  const clusters = [...answer.clusters].sort((a, b) => b.size - a.size || a.id - b.id);
  clusters.forEach((cluster, rank) => (cluster.rank = rank));
  const rankOf = new Map(clusters.map(({ id, rank }) => [id, rank]));
  const ranks = Int32Array.from(scores, ({ cluster }) => rankOf.get(cluster) ?? -1);
  const drawn = await inWorker({ vectors, clusters: ranks, n, d }, signal);
  const place = new Int32Array(n);
  drawn.order.forEach((document, at) => (place[document] = at));
  const position = new Map(scores.map(({ id }, i) => [id, i]));
  return { n, documents, scores, model: answer.model, clusters, ranks, place, position, ...drawn };
}

function inWorker(message, signal) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./analysis_worker.js", import.meta.url), { type: "module" });
    const end = (settle, value) => {
      worker.terminate();
      settle(value);
    };
    worker.onmessage = ({ data }) => end(resolve, data);
    worker.onerror = (error) => end(reject, new Error(`the map could not be computed: ${error.message ?? "the script did not load"}`));
    signal.addEventListener("abort", () => end(reject, signal.reason));
    worker.postMessage(message, [message.vectors.buffer]);
  });
}

// What a reader should know before trusting a document's scores: in a word or two, and in a sentence.
export function warnings(score) {
  const found = [];
  const warn = (short, long) => found.push({ short, long });
  if (score.tokens === 0) warn("no words", "no words: the tokenizer finds none in it");
  else if (score.cluster === null) warn("no vector", "no vector: the model knows neither its words nor their parts");
  if (score.known !== null && score.known < 0.5) {
    const share = `${Math.round((1 - score.known) * 100)} % unknown`;
    warn(share, `${share}: the model was not trained on most of its words`);
  }
  if (score.outlier !== null && score.outlier >= 0.95) warn("outlier", "outlier: far from what its cluster was trained on, or of other words");
  if (score.tokens > 0 && score.tokens < 3) warn("very short", "very short: few words decide its scores");
  return found;
}
