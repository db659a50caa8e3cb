// The slots over the last two minutes: a row each, coloured by state; a cross where a worker ended.

import { byId, element, onRedraw, prepared } from "./dom.js";
import { themeColours } from "./palette.js";

const SPAN_MS = 120_000;
const ROW = 22;
const LEFT = 46;
const BOTTOM = 18;

// What the states are drawn as; the table beside it has their own names.
const LOOKS = { starting: "starting", ready: "ready", busy: "busy", draining: "starting", killing: "dead", dead: "dead", backoff: "dead" };
const LEGEND = { ready: "ready", busy: "busy", starting: "starting, draining", dead: "killed, dead, waiting to restart (✕: a worker ended)" };

export class SlotTimes {
  constructor() {
    this.canvas = byId("slot-times");
    this.samples = [];
    this.deaths = [];
    const items = Object.entries(LEGEND).map(([look, text]) => element("span", {}, element("span", { class: `swatch ${look}` }), text));
    byId("slot-legend").replaceChildren(...items);
    onRedraw(this.canvas, () => {
      this.colours = null;
      this.draw();
    });
  }

  add(slots, now) {
    const states = slots.map(({ state }) => LOOKS[state] ?? "dead");
    this.samples.push({ now, states });
    const height = `${slots.length * ROW + BOTTOM}px`;
    if (this.canvas.style.height !== height) this.canvas.style.height = height;
    const since = now - SPAN_MS;
    while (this.samples.length > 1 && this.samples[1].now < since) this.samples.shift();
    while (this.deaths.length && this.deaths[0].now < since) this.deaths.shift();
    this.draw();
  }

  died(slot, now) {
    this.deaths.push({ slot, now });
  }

  draw() {
    const last = this.samples.at(-1);
    if (!last || !this.canvas.clientWidth) return;
    this.colours ??= named(["starting", "ready", "busy", "dead", "ink", "soft"]);
    const { context, width, height } = prepared(this.canvas);
    const x = (time) => Math.max(LEFT, LEFT + (width - LEFT - 6) * (1 - (last.now - time) / SPAN_MS));
    this.samples.forEach(({ now, states }, at) => {
      const until = this.samples[at + 1]?.now ?? now;
      states.forEach((look, row) => {
        context.fillStyle = this.colours[look];
        context.fillRect(x(now), row * ROW + 4, Math.max(1.5, x(until) - x(now) + 0.4), ROW - 7);
      });
    });
    this.crosses(context, x);
    context.fillStyle = this.colours.ink;
    context.font = "12px system-ui, sans-serif";
    last.states.forEach((_, row) => context.fillText(`slot ${row}`, 6, row * ROW + 16));
    context.fillStyle = this.colours.soft;
    context.fillText("2 min ago", LEFT, height - 4);
    context.textAlign = "right";
    context.fillText("now", width - 6, height - 4);
    context.textAlign = "left";
  }

  crosses(context, x) {
    for (const { slot, now } of this.deaths) {
      const [at, row] = [x(now), slot * ROW + ROW / 2 + 0.5];
      context.strokeStyle = this.colours.dead;
      context.lineWidth = 3;
      context.beginPath();
      for (const [dx, dy] of [[6, 6], [6, -6]]) {
        context.moveTo(at - dx, row - dy);
        context.lineTo(at + dx, row + dy);
      }
      context.stroke();
    }
  }
}

function named(names) {
  const colours = themeColours(...names);
  return Object.fromEntries(names.map((name, i) => [name, colours[i]]));
}
