// The documents as points of a plane: drag to select, click to read.

import { byId, isolated, onRedraw, percent, prepared, shortened } from "./dom.js";
import { Sprites, themeColours } from "./palette.js";
import { isBrushed } from "./store.js";

const MARGIN = 22;
const REACH = 14;
const CLICK = 4;
// Clusters of at least this share of the documents have their number on the map.
const LABEL_SHARE = 0.05;

export class MapView {
  constructor(store, speak) {
    this.store = store;
    this.speak = speak;
    this.canvas = byId("map");
    this.drag = null;
    store.subscribe(["result"], () => this.begin());
    store.subscribe(["result", "brush", "selected", "partner", "hovered"], () => this.draw());
    store.subscribe(["hovered"], () => this.caption());
    onRedraw(this.canvas, () => this.begin());
    this.listen();
  }

  begin() {
    const { result } = this.store.state;
    if (!result) return;
    this.sprites = new Sprites(result.n > 400 ? 3.6 : 5.5);
    [this.ink, this.paper, this.accent] = themeColours("ink", "card", "accent");
    byId("map-note").textContent =
      `Principal components (PCA) of the unit document vectors: this plane shows ${percent(result.explained)} of their variance. Colour and shape: the cluster.`;
    this.all = null;
    this.fit(result);
    this.middles = new Map(this.labelled(result).map(({ rank, size }) => [rank, this.middle(result.ranks, rank, size)]));
    this.draw();
  }

  // One scale for both axes, so that distances compare.
  fit({ n, x, y, ranks }) {
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    const shown = Array.from({ length: n }, (_, i) => i).filter((i) => ranks[i] >= 0);
    const range = (values) => shown.reduce(([low, high], i) => [Math.min(low, values[i]), Math.max(high, values[i])], [Infinity, -Infinity]);
    const [[left, right], [bottom, top]] = shown.length ? [range(x), range(y)] : [[0, 1], [0, 1]];
    const scale = Math.min((width - 2 * MARGIN) / (right - left || 1), (height - 2 * MARGIN) / (top - bottom || 1));
    const [middleX, middleY] = [(left + right) / 2, (bottom + top) / 2];
    this.px = Float32Array.from(x, (value, i) => (ranks[i] < 0 ? 12 : width / 2 + (value - middleX) * scale));
    this.py = Float32Array.from(y, (value, i) => (ranks[i] < 0 ? height - 12 : height / 2 - (value - middleY) * scale));
  }

  draw() {
    const { state } = this.store;
    if (!state.result || !this.sprites || !this.canvas.clientWidth) return;
    const { context, width, height } = prepared(this.canvas);
    const { n, ranks } = state.result;
    if (state.brush) {
      context.globalAlpha = 0.16;
      context.drawImage((this.all ??= this.points(width, height)), 0, 0, width, height);
      context.globalAlpha = 1;
    }
    for (let i = 0; i < n; i++) if (isBrushed(state, i)) this.sprites.draw(context, ranks[i], this.px[i], this.py[i]);
    this.labels(context, state.result);
    this.links(context, state);
    if (this.drag?.moved) this.rectangle(context);
  }

  // All documents in one picture, which lies below those that are selected.
  points(width, height) {
    const ratio = devicePixelRatio || 1;
    const canvas = new OffscreenCanvas(Math.round(width * ratio), Math.round(height * ratio));
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const { n, ranks } = this.store.state.result;
    for (let i = 0; i < n; i++) this.sprites.draw(context, ranks[i], this.px[i], this.py[i]);
    return canvas.transferToImageBitmap();
  }

  labelled({ clusters, n }) {
    return clusters.filter(({ size }) => size >= Math.max(3, n * LABEL_SHARE));
  }

  labels(context, result) {
    context.font = "600 11px system-ui, sans-serif";
    context.textAlign = "center";
    for (const { id, rank } of this.labelled(result)) {
      const { x, y } = this.middles.get(rank);
      context.lineWidth = 3.5;
      context.strokeStyle = this.paper;
      context.strokeText(String(id), x, y - 9);
      context.fillStyle = this.ink;
      context.fillText(String(id), x, y - 9);
    }
  }

  // The place of the document that is nearest to the mean of its cluster.
  middle(ranks, rank, size) {
    let [x, y] = [0, 0];
    const members = Array.from(ranks.keys()).filter((i) => ranks[i] === rank);
    for (const i of members) [x, y] = [x + this.px[i] / size, y + this.py[i] / size];
    const away = (i) => Math.hypot(this.px[i] - x, this.py[i] - y);
    const nearest = members.reduce((best, i) => (away(i) < away(best) ? i : best));
    return { x: this.px[nearest], y: this.py[nearest] };
  }

  links(context, { result, selected, partner, hovered }) {
    if (selected >= 0) {
      context.strokeStyle = this.accent;
      context.lineWidth = 1;
      for (const { id } of result.scores[selected].neighbours) {
        const to = result.position.get(id);
        context.globalAlpha = to === partner ? 1 : 0.35;
        context.beginPath();
        context.moveTo(this.px[selected], this.py[selected]);
        context.lineTo(this.px[to], this.py[to]);
        context.stroke();
      }
      context.globalAlpha = 1;
    }
    for (const [position, dash] of [[selected, []], [partner, [4, 3]], [hovered, [2, 2]]]) {
      if (position < 0) continue;
      context.setLineDash(dash);
      context.strokeStyle = this.ink;
      context.lineWidth = 1.8;
      context.beginPath();
      context.arc(this.px[position], this.py[position], this.sprites.radius + 4, 0, 7);
      context.stroke();
    }
    context.setLineDash([]);
  }

  rectangle(context) {
    const { fromX, fromY, x, y } = this.drag;
    context.strokeStyle = this.accent;
    context.lineWidth = 1.2;
    context.strokeRect(fromX, fromY, x - fromX, y - fromY);
  }

  caption() {
    const { result, hovered } = this.store.state;
    if (!result) return;
    byId("map-caption").textContent = hovered < 0 ? "" : describe(result, hovered);
  }

  listen() {
    const { canvas, store } = this;
    canvas.addEventListener("pointerdown", (event) => {
      if (!store.state.result || event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.drag = { fromX: event.offsetX, fromY: event.offsetY, x: event.offsetX, y: event.offsetY, moved: false };
    });
    canvas.addEventListener("pointermove", (event) => this.moved(event));
    canvas.addEventListener("pointerup", () => this.released());
    canvas.addEventListener("pointercancel", () => (this.drag = null));
    canvas.addEventListener("pointerleave", () => !this.drag && store.set({ hovered: -1 }));
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  moved({ offsetX, offsetY }) {
    if (!this.store.state.result) return;
    if (!this.drag) {
      this.store.set({ hovered: this.nearest(offsetX, offsetY) });
      return;
    }
    Object.assign(this.drag, { x: offsetX, y: offsetY });
    this.drag.moved ||= Math.hypot(offsetX - this.drag.fromX, offsetY - this.drag.fromY) > CLICK;
    if (this.drag.moved) this.store.brush(this.within());
  }

  released() {
    const { drag, store } = this;
    this.drag = null;
    if (!drag) return;
    if (drag.moved) {
      this.draw();
      return;
    }
    const position = this.nearest(drag.x, drag.y);
    if (position >= 0) store.select(position);
    else store.set({ brush: null });
  }

  within() {
    const { fromX, fromY, x, y } = this.drag;
    const [left, right, top, bottom] = [Math.min(fromX, x), Math.max(fromX, x), Math.min(fromY, y), Math.max(fromY, y)];
    const found = [];
    for (let i = 0; i < this.px.length; i++) {
      if (this.px[i] >= left && this.px[i] <= right && this.py[i] >= top && this.py[i] <= bottom) found.push(i);
    }
    return found;
  }

  nearest(x, y, reach = REACH) {
    let [best, distance] = [-1, reach];
    for (let i = 0; i < this.px.length; i++) {
      const away = Math.hypot(this.px[i] - x, this.py[i] - y);
      if (away < distance) [best, distance] = [i, away];
    }
    return best;
  }

  key(event) {
    const { store } = this;
    const { result, hovered, selected } = store.state;
    if (!result) return;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const from = hovered >= 0 ? hovered : selected;
    if (event.key in steps) {
      const to = from < 0 ? 0 : this.towards(from, ...steps[event.key]);
      store.set({ hovered: to });
      this.speak(describe(result, to));
    } else if (event.key === "Enter" && from >= 0) store.select(from);
    else if (event.key === "Escape") store.set({ brush: null, hovered: -1 });
    else return;
    event.preventDefault();
  }

  // The nearest point in a direction; sideways distance counts double.
  towards(from, dx, dy) {
    let [best, distance] = [from, Infinity];
    for (let i = 0; i < this.px.length; i++) {
      const [x, y] = [this.px[i] - this.px[from], this.py[i] - this.py[from]];
      const ahead = x * dx + y * dy;
      const away = ahead + 2 * Math.abs(x * dy + y * dx);
      if (ahead > 0.01 && away < distance) [best, distance] = [i, away];
    }
    return best;
  }
}

export function describe({ scores, documents }, position) {
  const { id, cluster } = scores[position];
  const place = cluster === null ? "no cluster" : `cluster ${cluster}`;
  return `${id} · ${place} · ${isolated(shortened(documents[position].text))}`;
}
