// All cosines as a picture, ordered by cluster. The picture is drawn once; marks of what is selected lie on a second canvas.

import { byId, element, fixed, isolated, onRedraw, prepared, shortened } from "./dom.js";
import { clusterColours, heatColours, themeColours } from "./palette.js";
import { isBrushed } from "./store.js";

const STRIP = 9;
const CLICK = 4;
// How opaque the veil is, of 255.
const VEIL = 184;

export class HeatMap {
  constructor(store, speak) {
    this.store = store;
    this.speak = speak;
    this.picture = byId("heat");
    this.marks = byId("heat-marks");
    this.cell = null;
    this.drag = null;
    store.subscribe(["result"], () => this.begin());
    store.subscribe(["result", "brush", "selected", "partner", "hovered"], () => this.mark());
    onRedraw(this.picture, () => this.begin());
    this.listen();
  }

  begin() {
    const { result } = this.store.state;
    if (!result || !this.picture.clientWidth) return;
    this.colours = heatColours();
    const [ink, accent, card] = themeColours("ink", "accent", "card");
    [this.ink, this.accent] = [ink, accent];
    this.veil = [...card.match(/\d+/g).slice(0, 3).map(Number), VEIL];
    const { context, width } = prepared(this.picture);
    this.side = width - STRIP;
    context.imageSmoothingEnabled = result.n > this.side;
    context.drawImage(this.cells(result), STRIP, STRIP, this.side, this.side);
    this.strips(context, result);
    this.legend();
    this.mark();
  }

  cells({ n, cells }) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = n;
    const context = canvas.getContext("2d");
    const image = context.createImageData(n, n);
    // One 32-bit number a pixel; little-endian, as every processor that browsers run on.
    const packed = Uint32Array.from(this.colours, ([r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r);
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < pixels.length; i++) pixels[i] = packed[cells[i]];
    context.putImageData(image, 0, 0);
    return canvas;
  }

  // The clusters' colours along both edges.
  strips(context, { n, order, ranks }) {
    const colours = clusterColours();
    const step = this.side / n;
    for (let at = 0; at < n; at++) {
      const rank = ranks[order[at]];
      context.fillStyle = rank < 0 ? colours.at(-1) : colours[rank % 8];
      context.fillRect(STRIP + at * step, 0, Math.max(step, 0.7), STRIP - 2);
      context.fillRect(0, STRIP + at * step, STRIP - 2, Math.max(step, 0.7));
    }
  }

  legend() {
    const scale = element("canvas", { width: "256", height: "1", "aria-hidden": "true" });
    const context = scale.getContext("2d");
    this.colours.forEach(([r, g, b], i) => {
      context.fillStyle = `rgb(${r} ${g} ${b})`;
      context.fillRect(i, 0, 1, 1);
    });
    byId("heat-legend").replaceChildren("−1", scale, "1");
  }

  mark() {
    const { state } = this.store;
    if (!state.result || !this.side) return;
    const { context, width } = prepared(this.marks);
    const { n, order, place } = state.result;
    const step = this.side / n;
    if (state.brush) this.cover(context, (at) => isBrushed(state, order[at]));
    context.lineWidth = 1;
    context.strokeStyle = this.accent;
    if (state.selected >= 0) this.cross(context, STRIP + (place[state.selected] + 0.5) * step, width);
    if (state.hovered >= 0 && !this.cell) this.cross(context, STRIP + (place[state.hovered] + 0.5) * step, width, [2, 3]);
    if (this.cell) {
      context.strokeStyle = this.ink;
      context.lineWidth = 1.6;
      const size = Math.max(step, 6);
      const at = (index) => STRIP + (index + 0.5) * step - size / 2;
      context.strokeRect(at(this.cell.column), at(this.cell.row), size, size);
    }
  }

  // A veil over the rows and columns of documents that are not selected: one strip of pixels, stretched both ways.
  cover(context, selected) {
    const { n } = this.store.state.result;
    const strip = new OffscreenCanvas(n, 1);
    const pixels = new ImageData(n, 1);
    for (let at = 0; at < n; at++) if (!selected(at)) pixels.data.set(this.veil, 4 * at);
    strip.getContext("2d").putImageData(pixels, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(strip, STRIP, STRIP, this.side, this.side);
    // The same, with x and y exchanged.
    context.save();
    context.transform(0, 1, 1, 0, 0, 0);
    context.drawImage(strip, STRIP, STRIP, this.side, this.side);
    context.restore();
  }

  cross(context, at, width, dash = []) {
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(at, STRIP);
    context.lineTo(at, width);
    context.moveTo(STRIP, at);
    context.lineTo(width, at);
    context.stroke();
    context.setLineDash([]);
  }

  listen() {
    const { marks, store } = this;
    marks.addEventListener("pointerdown", (event) => {
      if (!store.state.result || event.button !== 0) return;
      marks.setPointerCapture(event.pointerId);
      this.drag = { from: this.at(event), x: event.offsetX, moved: false };
    });
    marks.addEventListener("pointermove", (event) => this.moved(event));
    marks.addEventListener("pointerup", (event) => this.released(event));
    marks.addEventListener("pointercancel", () => (this.drag = null));
    marks.addEventListener("pointerleave", () => !this.drag && this.point(null));
    marks.addEventListener("keydown", (event) => this.key(event));
  }

  at({ offsetX, offsetY }) {
    const { n } = this.store.state.result;
    const index = (offset) => Math.max(0, Math.min(n - 1, Math.floor(((offset - STRIP) / this.side) * n)));
    return { row: index(offsetY), column: index(offsetX) };
  }

  moved(event) {
    if (!this.store.state.result) return;
    const cell = this.at(event);
    if (!this.drag) {
      this.point(cell);
      return;
    }
    this.drag.moved ||= Math.abs(event.offsetX - this.drag.x) > CLICK;
    if (!this.drag.moved) return;
    const { order } = this.store.state.result;
    const ends = [this.drag.from.column, this.drag.from.row, cell.column, cell.row];
    this.cell = null;
    this.store.brush(order.subarray(Math.min(...ends), Math.max(...ends) + 1));
  }

  released(event) {
    const { drag } = this;
    this.drag = null;
    if (drag && !drag.moved) this.choose(this.at(event));
  }

  choose({ row, column }) {
    const { order } = this.store.state.result;
    this.store.select(order[row], row === column ? -1 : order[column]);
  }

  point(cell) {
    this.cell = cell;
    const { result } = this.store.state;
    byId("heat-caption").textContent = cell && result ? this.describe(cell) : "";
    this.store.set({ hovered: cell && result ? result.order[cell.row] : -1 });
    this.mark();
  }

  describe({ row, column }) {
    const { n, matrix, order, documents } = this.store.state.result;
    const [a, b] = [order[row], order[column]];
    return `${fixed(matrix[a * n + b])} · ${isolated(shortened(documents[a].text, 90))} — ${isolated(shortened(documents[b].text, 90))}`;
  }

  key(event) {
    const { result } = this.store.state;
    if (!result) return;
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (event.key in steps) {
      const [down, right] = steps[event.key];
      const { row, column } = this.cell ?? { row: -down, column: -right };
      const inside = (index) => Math.max(0, Math.min(result.n - 1, index));
      this.point({ row: inside(row + down), column: inside(column + right) });
      this.speak(this.describe(this.cell));
    } else if (event.key === "Enter" && this.cell) this.choose(this.cell);
    else if (event.key === "Escape") {
      this.point(null);
      this.store.set({ brush: null });
    } else return;
    event.preventDefault();
  }
}
