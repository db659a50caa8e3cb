// Elements from text alone: what a document says is never markup.

export const byId = (id) => document.getElementById(id);

// `properties`: `class`, `text`, and attributes by their names.
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "text") made.textContent = value;
    else if (key === "class") made.className = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export function button(properties, pressed, ...children) {
  const made = element("button", { type: "button", ...properties }, ...children);
  made.addEventListener("click", pressed);
  return made;
}

// Sizes the canvas to its place on the page and to the screen's pixels; returns its context, in units of CSS pixels.
export function prepared(canvas) {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const [pixels, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== pixels || canvas.height !== rows) [canvas.width, canvas.height] = [pixels, rows];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

// Calls back when the element has another size or the colours change, in the next frame and not before it is visible.
export function onRedraw(target, draw) {
  const visible = () => target.clientWidth > 0 && draw();
  new ResizeObserver(visible).observe(target);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", visible);
}

export const fixed = (value, digits = 2) => (value === null || value === undefined ? "–" : value.toFixed(digits));

export const percent = (share) => (share === null || share === undefined ? "–" : `${Math.round(share * 100)}\u00a0%`);

export const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

export function shortened(text, length = 140) {
  return text.length <= length ? text : `${text.slice(0, length).replace(HALF, "").trimEnd()} …`;
}

// The first of two code units of a character that is cut apart.
const HALF = /[\ud800-\udbff]$/;

// A text within a line of other words: what runs from right to left changes the order of nothing around it.
export const isolated = (text) => `\u2068${text}\u2069`;

export const kibibytes = (bytes) =>
  bytes < 1 << 20 ? `${Math.max(1, Math.round(bytes / 1024))} KiB` : `${(bytes / (1 << 20)).toFixed(1)} MiB`;
