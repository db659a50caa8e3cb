// One line about the result, where its time went, and what is selected.

import { byId, counted, element, kibibytes } from "./dom.js";
import { brushed } from "./store.js";

export class Summary {
  constructor(store) {
    this.store = store;
    store.subscribe(["result"], () => this.draw());
    store.subscribeCalmly(["result", "brush"], byId("brush-line"), () => this.count());
    byId("clear-brush").addEventListener("click", () => store.set({ brush: null }));
  }

  draw() {
    const { result } = this.store.state;
    if (!result) return;
    const { n, clusters, model, took, bytes } = result;
    byId("summary").textContent =
      `${counted(n, "document")} in ${clusters.length} of ${counted(model.clusters, "cluster")} · answered in ${(took / 1000).toFixed(2)} s · ${kibibytes(bytes)}`;
    byId("timing").replaceChildren(...timing(result));
  }

  count() {
    const { state } = this.store;
    if (!state.result) return;
    const { n } = state.result;
    byId("brush-text").textContent = state.brush ? `${brushed(state).length} of ${n} documents are selected` : `All ${n} documents are shown`;
    byId("clear-brush").hidden = state.brush === null;
  }
}

// The stages of the service (Server-Timing); what is left of the time passed between it and this page.
function timing({ stages, took }) {
  const known = stages.reduce((sum, [, milliseconds]) => sum + milliseconds, 0);
  const all = [...stages, ["elsewhere", Math.max(0, took - known)]];
  const bars = all.map(([, milliseconds], i) => {
    const part = element("span", { class: `s${i % 8}` });
    part.style.width = `${(milliseconds / took) * 100}%`;
    return part;
  });
  const items = all.map(([name, milliseconds], i) =>
    element("li", {}, element("span", { class: `swatch s${i % 8}` }), `${name} ${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`),
  );
  return [element("div", { class: "bars", "aria-hidden": "true" }, ...bars), element("ul", { class: "stages", "aria-label": "Where the time went" }, ...items)];
}
