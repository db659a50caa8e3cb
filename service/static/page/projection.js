// From document vectors to what is drawn. Plain functions, which a Web Worker runs (analysis_worker.js).
//
// vectors   Float32Array (n, d), row by row; a document without words has zeros
// clusters  Int32Array (n), -1 for such a document

const ITERATIONS = 200;

export function unitVectors(vectors, n, d) {
  const units = new Float32Array(n * d);
  for (let i = 0; i < n; i++) {
    let squares = 0;
    for (let k = i * d; k < (i + 1) * d; k++) squares += vectors[k] * vectors[k];
    const length = Math.sqrt(squares) || 1;
    for (let k = i * d; k < (i + 1) * d; k++) units[k] = vectors[k] / length;
  }
  return units;
}

// All cosines (n, n). The service has computed those of neighbours from the same vectors; these agree to 1e-6.
export function cosines(units, n, d) {
  const matrix = new Float32Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = i; j < n; j++) {
      let sum = 0;
      for (let a = i * d, b = j * d, end = a + d; a < end; a++, b++) sum += units[a] * units[b];
      matrix[i * n + j] = matrix[j * n + i] = Math.max(-1, Math.min(1, sum));
    }
  }
  return matrix;
}

// Principal components (PCA) of the unit vectors: the plane that keeps most of their variance, and how much it keeps.
export function principalPlane(units, n, d, clusters) {
  const rows = [];
  for (let i = 0; i < n; i++) if (clusters[i] >= 0) rows.push(i);
  const mean = new Float64Array(d);
  for (const i of rows) for (let k = 0; k < d; k++) mean[k] += units[i * d + k] / rows.length;
  const covariance = covarianceOf(units, d, rows, mean);
  let total = 0;
  for (let k = 0; k < d; k++) total += covariance[k * d + k];
  const places = [new Float32Array(n), new Float32Array(n)];
  let kept = 0;
  for (const place of places) {
    const { axis, variance } = largestAxis(covariance, d);
    kept += variance;
    for (const i of rows) {
      let sum = 0;
      for (let k = 0; k < d; k++) sum += (units[i * d + k] - mean[k]) * axis[k];
      place[i] = sum;
    }
  }
  return { x: places[0], y: places[1], explained: total > 0 ? kept / total : 1 };
}

function covarianceOf(units, d, rows, mean) {
  const covariance = new Float64Array(d * d);
  const centred = new Float64Array(d);
  for (const i of rows) {
    for (let k = 0; k < d; k++) centred[k] = units[i * d + k] - mean[k];
    for (let k = 0; k < d; k++) {
      for (let l = k; l < d; l++) covariance[k * d + l] += (centred[k] * centred[l]) / rows.length;
    }
  }
  for (let k = 0; k < d; k++) for (let l = 0; l < k; l++) covariance[k * d + l] = covariance[l * d + k];
  return covariance;
}

// The axis of the largest variance, by power iteration; its part is taken out of the covariance. The largest entry is
// positive, so that the same documents always have the same picture.
function largestAxis(covariance, d) {
  let axis = Float64Array.from({ length: d }, (_, k) => 1 + ((k * 7919) % 101) / 101);
  let variance = 0;
  for (let turn = 0; turn < ITERATIONS; turn++) {
    const next = new Float64Array(d);
    for (let k = 0; k < d; k++) for (let l = 0; l < d; l++) next[k] += covariance[k * d + l] * axis[l];
    const length = Math.sqrt(next.reduce((sum, value) => sum + value * value, 0));
    if (length < 1e-12) return { axis: new Float64Array(d), variance: 0 };
    axis = next.map((value) => value / length);
    const settled = Math.abs(length - variance) < 1e-9 * length;
    variance = length;
    if (settled && turn > 20) break;
  }
  const largest = axis.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
  if (largest < 0) axis = axis.map((value) => -value);
  for (let k = 0; k < d; k++) for (let l = 0; l < d; l++) covariance[k * d + l] -= variance * axis[k] * axis[l];
  return { axis, variance };
}

// The documents cluster by cluster: beginning with the largest, then always the cluster most like the last one. In a
// cluster those first that are most like its mean. Documents without words come last.
export function clusterOrder(units, n, d, clusters) {
  const groups = new Map();
  for (let i = 0; i < n; i++) {
    if (!groups.has(clusters[i])) groups.set(clusters[i], { members: [], mean: new Float64Array(d) });
    const group = groups.get(clusters[i]);
    group.members.push(i);
    for (let k = 0; k < d; k++) group.mean[k] += units[i * d + k];
  }
  const wordless = groups.get(-1)?.members ?? [];
  groups.delete(-1);
  const order = [];
  for (const { members, mean } of chained([...groups.values()])) {
    const likeness = new Map(members.map((i) => [i, dot(mean, units.subarray(i * d, (i + 1) * d))]));
    order.push(...members.sort((a, b) => likeness.get(b) - likeness.get(a) || a - b));
  }
  return Int32Array.from([...order, ...wordless]);
}

function chained(groups) {
  const chain = [];
  let rest = groups.sort((a, b) => b.members.length - a.members.length);
  while (rest.length) {
    const last = chain.at(-1);
    const next = last ? rest.reduce((best, group) => (likeness(group, last) > likeness(best, last) ? group : best)) : rest[0];
    chain.push(next);
    rest = rest.filter((group) => group !== next);
  }
  return chain;
}

const likeness = (a, b) => dot(a.mean, b.mean) / (Math.sqrt(dot(a.mean, a.mean) * dot(b.mean, b.mean)) || 1);

function dot(a, b) {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k] * b[k];
  return sum;
}

// The cosines in the order of the heat map, -1 to 1 as 0 to 255: one byte a cell is enough to choose a colour.
export function heatCells(matrix, order) {
  const n = order.length;
  const cells = new Uint8Array(n * n);
  for (let row = 0; row < n; row++) {
    for (let column = 0; column < n; column++) {
      cells[row * n + column] = Math.round((matrix[order[row] * n + order[column]] + 1) * 127.5);
    }
  }
  return cells;
}
