// The clusters of the documents: pressing one selects its documents.

import { button, byId, element, fixed } from "./dom.js";
import { glyph } from "./palette.js";
import { isBrushed } from "./store.js";

const TERMS = 8;

export class Clusters {
  constructor(store) {
    this.store = store;
    store.subscribe(["result"], () => this.draw());
    store.subscribeCalmly(["result", "brush"], byId("clusters"), () => this.count());
  }

  draw() {
    const { result } = this.store.state;
    if (!result) return;
    this.rows = result.clusters.map((cluster) => {
      const share = element("span", { class: "share" });
      const press = button(
        { "aria-pressed": "false" },
        () => this.press(cluster.rank),
        glyph(cluster.rank),
        element("span", { text: `Cluster ${cluster.id}` }),
        share,
        element("span", { class: "terms", dir: "auto", text: cluster.terms.slice(0, TERMS).join(", ") || "no terms in the bundle" }),
      );
      return { cluster, share, press };
    });
    byId("clusters").replaceChildren(...this.rows.map(({ press }) => element("li", {}, press)));
  }

  members(rank) {
    const { ranks } = this.store.state.result;
    return Array.from(ranks.keys()).filter((i) => ranks[i] === rank);
  }

  press(rank) {
    const row = this.rows[rank];
    if (row.press.getAttribute("aria-pressed") === "true") this.store.set({ brush: null });
    else this.store.brush(this.members(rank));
  }

  count() {
    const { state } = this.store;
    if (!state.result) return;
    const { ranks, n } = state.result;
    const selected = new Int32Array(this.rows.length);
    let all = 0;
    for (let i = 0; i < n; i++) {
      if (!isBrushed(state, i)) continue;
      all += 1;
      if (ranks[i] >= 0) selected[ranks[i]] += 1;
    }
    this.rows.forEach(({ cluster, share, press }, rank) => {
      const of = state.brush ? `${selected[rank]} of ${cluster.size}` : String(cluster.size);
      const text = `${of} · cohesion ${fixed(cluster.cohesion)}`;
      if (share.textContent !== text) share.textContent = text;
      const whole = state.brush !== null && selected[rank] === cluster.size && all === cluster.size;
      press.setAttribute("aria-pressed", String(whole));
    });
  }
}
