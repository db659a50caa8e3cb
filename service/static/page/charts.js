// Lines over the last five minutes, drawn by uPlot.

import { byId, element } from "./dom.js";
import { themeColours } from "./palette.js";

const SPAN_S = 300;
const HEIGHT = 170;

// Each line: its name, the colour of the palette, and its value.
const CHARTS = [
  {
    title: "Throughput, a second",
    lines: [
      ["requests", "c0", (_, rates) => rates.requests],
      ["documents", "c4", (_, rates) => rates.documents],
    ],
  },
  {
    title: "Latency over the last minute, ms",
    lines: [
      ["median", "c0", (status) => status.last_minute.p50_ms],
      ["99 %", "c4", (status) => status.last_minute.p99_ms],
      ["longest", "c3", (status) => status.last_minute.max_ms],
    ],
  },
  {
    title: "Queue",
    lines: [
      ["jobs", "c0", (status) => status.queue.jobs],
      ["seconds of work", "c4", (status) => status.queue.cost_s],
    ],
  },
  {
    title: "Event loop lag, ms",
    lines: [
      ["99 %", "c0", (status) => status.loop_lag_ms.p99],
      ["longest", "c4", (status) => status.loop_lag_ms.max],
    ],
  },
  {
    title: "Slots",
    lines: [
      ["busy", "c0", (status) => status.slots.filter(({ state }) => state === "busy").length],
      ["able to serve", "c4", (status) => status.slots.filter(({ state }) => state === "busy" || state === "ready").length],
    ],
  },
  { title: "Failures in the last minute", lines: [["failures", "dead", (status) => status.last_minute.failures]] },
];

export class Charts {
  constructor() {
    this.data = CHARTS.map(({ lines }) => [[], ...lines.map(() => [])]);
    this.plots = null;
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.plots && this.make());
    new ResizeObserver(() => this.resize()).observe(byId("charts"));
  }

  add(now, status, rates) {
    CHARTS.forEach(({ lines }, at) => {
      const [times, ...values] = this.data[at];
      times.push(now / 1000);
      lines.forEach(([, , value], line) => values[line].push(value(status, rates)));
      while (times[0] < now / 1000 - SPAN_S) this.data[at].forEach((column) => column.shift());
    });
    if (!this.plots) this.make();
    this.plots.forEach((plot, at) => {
      plot.setData(this.data[at]);
      // Where the pointer is not, the legend has the latest values.
      if (plot.cursor.idx === null || plot.cursor.left < 0) plot.setLegend({ idx: this.data[at][0].length - 1 });
    });
  }

  make() {
    this.plots?.forEach((plot) => plot.destroy());
    const places = CHARTS.map(({ title }) => {
      const place = element("div", { class: "chart", role: "group", "aria-label": title });
      byId("charts").append(element("section", { class: "card" }, element("h3", { text: title }), place));
      return place;
    });
    byId("charts").replaceChildren(...places.map((place) => place.parentElement));
    this.places = places;
    this.plots = CHARTS.map((chart, at) => new uPlot(options(chart, places[at].clientWidth), this.data[at], places[at]));
  }

  resize() {
    this.plots?.forEach((plot, at) => {
      const width = this.places[at].clientWidth;
      if (width > 0 && width !== plot.width) plot.setSize({ width, height: HEIGHT });
    });
  }
}

function options({ lines }, width) {
  const [ink, line] = themeColours("soft", "line");
  const colours = themeColours(...lines.map(([, colour]) => colour));
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "11px system-ui, sans-serif" };
  const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hourCycle: "h23" });
  const shown = (_, value) => (value === null || value === undefined ? "–" : String(Math.round(value * 10) / 10));
  return {
    width: Math.max(200, width),
    height: HEIGHT,
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { x: { time: true }, y: { range: (_, low, high) => [0, Math.max(1, (high ?? 0) * 1.1)] } },
    axes: [{ ...axis, space: 90, values: (_, times) => times.map(clock) }, { ...axis, size: 48 }],
    series: [
      { value: (_, time) => (time === null ? "–" : clock(time)) },
      ...lines.map(([label], at) => ({ label, stroke: colours[at], width: 1.8, dash: [[], [6, 3], [2, 3]][at], points: { show: false }, value: shown })),
    ],
  };
}
