// What a cluster looks like: one of eight colours and one of six shapes. Its number is beside it wherever there is room.

import { element } from "./dom.js";

const COLOURS = 8;

// Paths in a square from -1 to 1.
const SHAPES = [
  "M1 0A1 1 0 1 1-1 0A1 1 0 1 1 1 0Z",
  "M-.88-.88H.88V.88H-.88Z",
  "M0-1.1L1.05 .8H-1.05Z",
  "M0-1.2L1.05 0L0 1.2L-1.05 0Z",
  "M-.35-1H.35V-.35H1V.35H.35V1H-.35V.35H-1V-.35H-.35Z",
  "M0 1.1L1.05-.8H-1.05Z",
];

const SVG = "http://www.w3.org/2000/svg";

// The largest clusters, which have the lowest ranks, differ in colour; later ones in shape too.
const colourOf = (rank) => (rank < 0 ? "none" : `c${rank % COLOURS}`);
const shapeOf = (rank) => (rank < 0 ? 4 : Math.floor(rank / COLOURS) + (rank % COLOURS)) % SHAPES.length;

export function glyph(rank) {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", "-1.4 -1.4 2.8 2.8");
  picture.setAttribute("class", `glyph ${colourOf(rank)}`);
  picture.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[shapeOf(rank)]);
  path.setAttribute("vector-effect", "non-scaling-stroke");
  picture.append(path);
  return picture;
}

// The colours of the theme that is on, by the names of their custom properties, as `rgb(…)`.
export function themeColours(...names) {
  const probe = element("span", { hidden: "" });
  document.body.append(probe);
  const found = names.map((name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return found;
}

export const clusterColours = () => themeColours(...Array.from({ length: COLOURS }, (_, i) => `c${i}`), "soft");

// One drawing of each shape that is used, to be copied for every point: drawing a path each time takes ten times as long.
export class Sprites {
  constructor(radius) {
    this.radius = radius;
    this.half = radius * 1.4 + 1;
    this.colours = clusterColours();
    [this.ink] = themeColours("ink");
    this.made = new Map();
  }

  draw(context, rank, x, y) {
    const key = rank < 0 ? -1 : rank;
    if (!this.made.has(key)) this.made.set(key, this.make(rank));
    const size = this.half * 2;
    context.drawImage(this.made.get(key), x - this.half, y - this.half, size, size);
  }

  make(rank) {
    const ratio = devicePixelRatio || 1;
    const side = Math.ceil(this.half * 2 * ratio);
    const canvas = new OffscreenCanvas(side, side);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.translate(this.half, this.half);
    context.scale(this.radius, this.radius);
    const path = new Path2D(SHAPES[shapeOf(rank)]);
    context.fillStyle = rank < 0 ? this.colours.at(-1) : this.colours[rank % COLOURS];
    context.strokeStyle = this.ink;
    context.lineWidth = 0.8 / this.radius;
    context.fill(path);
    context.stroke(path);
    return canvas.transferToImageBitmap();
  }
}

// 256 colours from cosine -1 to 1: ochre, the paper, teal; for one theme.
export function heatColours() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const [low, middle, high] = dark
    ? [[240, 163, 107], [24, 30, 38], [108, 226, 211]]
    : [[166, 84, 20], [250, 249, 246], [4, 74, 82]];
  return Array.from({ length: 256 }, (_, i) => {
    const value = (i / 255) * 2 - 1;
    const end = value < 0 ? low : high;
    return middle.map((from, channel) => Math.round(from + (end[channel] - from) * Math.abs(value)));
  });
}
