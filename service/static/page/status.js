// What the service is doing, asked for twice a second while this page is looked at.

import { Problem, get, getText } from "./api.js";
import { Charts } from "./charts.js";
import { byId, element, fixed, kibibytes } from "./dom.js";
import { problemParts } from "./problem.js";
import { SlotTimes } from "./slot_times.js";

const EVERY_MS = 500;
const EVENTS = 100;

export class StatusPage {
  constructor() {
    this.charts = new Charts();
    this.slotTimes = new SlotTimes();
    this.pids = new Map();
    this.asking = null;
    this.previous = null;
    document.addEventListener("visibilitychange", () => this.shown && this.show(true));
  }

  show(shown) {
    this.shown = shown;
    this.asking?.abort();
    this.asking = null;
    if (shown && document.visibilityState === "visible") this.ask((this.asking = new AbortController()).signal);
  }

  // One request at a time: a slow answer delays the next question.
  async ask(signal) {
    while (!signal.aborted) {
      const begun = performance.now();
      try {
        const [{ body }, metrics] = await Promise.all([get("status", signal), getText("metrics", signal)]);
        byId("status-problem").replaceChildren();
        byId("live").textContent = "Live";
        this.take(body, metrics);
      } catch (error) {
        if (signal.aborted) return;
        this.fail(error);
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, EVERY_MS - (performance.now() - begun))));
    }
  }

  fail(error) {
    byId("live").textContent = "Not connected";
    const parts = error instanceof Problem ? problemParts(error) : [element("p", { text: "The service cannot be reached; still trying." })];
    if (byId("status-problem").textContent === parts.map((part) => part.textContent).join("")) return;
    byId("status-problem").replaceChildren(...parts);
  }

  take(status, metrics) {
    const now = Date.now();
    const counted = counters(metrics);
    const rates = this.rates(counted, now);
    this.note(status.slots, now);
    this.tiles(status, rates);
    this.slotTimes.add(status.slots, now);
    this.table(status.slots);
    this.charts.add(now, status, rates);
  }

  // A second: the growth of counters since the last answer.
  rates(counted, now) {
    const { previous } = this;
    this.previous = { counted, now };
    if (!previous) return { requests: null, documents: null };
    const seconds = (now - previous.now) / 1000;
    const rate = (name) => Math.max(0, counted[name] - previous.counted[name]) / seconds;
    return { requests: rate("requests"), documents: rate("documents") };
  }

  // A worker is back within tens of milliseconds, between two questions: its process id shows it.
  note(slots, now) {
    for (const { slot, pid, restarts } of slots) {
      const before = this.pids.get(slot);
      if (before?.pid && pid && before.pid !== pid) {
        this.event(now, slot, `worker ${before.pid} ended; ${pid} serves in its place (restart ${restarts})`);
      } else if (before?.pid && !pid) this.event(now, slot, `worker ${before.pid} ended`);
      else if (before && !before.pid && pid) this.event(now, slot, `worker ${pid} serves (restart ${restarts})`);
      this.pids.set(slot, { pid });
    }
  }

  event(now, slot, text) {
    const time = element("time", { datetime: new Date(now).toISOString(), text: new Date(now).toLocaleTimeString([], { hourCycle: "h23" }) });
    byId("events").prepend(element("li", {}, time, `Slot ${slot}: ${text}`));
    while (byId("events").childElementCount > EVENTS) byId("events").lastChild.remove();
    byId("no-events").hidden = true;
    this.slotTimes.died(slot, now);
  }

  tiles({ queue, last_minute: minute, loop_lag_ms: lag, slots }, rates) {
    const milliseconds = (value) => (value === null ? "–" : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`);
    const values = {
      "Requests a second": fixed(rates.requests, 1),
      "Documents a second": fixed(rates.documents, 0),
      "Median, last minute": milliseconds(minute.p50_ms),
      "99 % within": milliseconds(minute.p99_ms),
      "Waiting": `${queue.jobs} (${fixed(queue.cost_s)} s)`,
      "Busy slots": `${slots.filter(({ state }) => state === "busy").length} of ${slots.length}`,
      "Failures, last minute": String(minute.failures),
      "Loop lag, 99 %": milliseconds(lag.p99),
    };
    this.values ??= new Map(Object.keys(values).map((name) => [name, element("dd")]));
    if (!byId("tiles").childElementCount) {
      byId("tiles").replaceChildren(...[...this.values].map(([name, value]) => element("div", {}, element("dt", { text: name }), value)));
    }
    for (const [name, value] of Object.entries(values)) this.values.get(name).textContent = value;
  }

  table(slots) {
    const rows = slots.map(({ slot, state, pid, calls, restarts, memory_bytes: memory }) =>
      element("tr", {}, ...[slot, state, pid ?? "–", calls, restarts, memory ? kibibytes(memory) : "–"].map((text) => element("td", { text }))),
    );
    byId("slot-table").tBodies[0].replaceChildren(...rows);
  }
}

// The counters that the charts need, from the text for Prometheus.
function counters(metrics) {
  let requests = 0;
  for (const [, count] of metrics.matchAll(/^http_server_request_duration_seconds_count\{[^}]*http_route="\/(?:score|explain)"[^}]*\} (\S+)$/gm)) {
    requests += Number(count);
  }
  const [, documents] = metrics.match(/^scorepool_documents_total (\S+)$/m) ?? [0, 0];
  return { requests, documents: Number(documents) };
}
