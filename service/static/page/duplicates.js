// Pairs of documents above a threshold, the most similar first.

import { button, byId, counted, element, fixed, shortened } from "./dom.js";
import { isBrushed } from "./store.js";

const SHOWN = 50;
// Equal documents can have a cosine this much below 1: their vectors are of 32-bit numbers.
const ROUNDING = 1e-6;

export class Duplicates {
  constructor(store) {
    this.store = store;
    const slider = byId("threshold");
    slider.addEventListener("input", () => store.set({ threshold: Number(slider.value) }));
    store.subscribeCalmly(["result", "threshold", "brush"], byId("duplicates"), () => this.draw());
  }

  // A pass over half the matrix, in which few pairs are kept.
  find({ result: { n, matrix }, threshold, ...state }) {
    const found = [];
    for (let i = 0; i < n; i++) {
      if (!isBrushed(state, i)) continue;
      for (let j = i + 1, at = i * n + j; j < n; j++, at++) {
        if (matrix[at] >= threshold - ROUNDING && isBrushed(state, j)) found.push({ i, j, similarity: matrix[at] });
      }
    }
    return found;
  }

  draw() {
    const { state } = this.store;
    byId("threshold-value").textContent = fixed(state.threshold);
    if (!state.result) return;
    const found = this.find(state).sort((a, b) => b.similarity - a.similarity || a.i - b.i);
    const more = found.length > SHOWN ? `; the first ${SHOWN} are listed` : "";
    byId("duplicates-count").textContent = `${counted(found.length, "pair")}${more}`;
    byId("duplicates").replaceChildren(...found.slice(0, SHOWN).map((pair) => this.item(state.result, pair)));
  }

  item({ documents }, { i, j, similarity }) {
    const clip = (position) => element("span", { class: "clip", dir: "auto", text: shortened(documents[position].text, 160) });
    const press = button({ class: "pair" }, () => this.store.select(i, j), element("strong", { class: "number", text: fixed(similarity, 3) }), clip(i), clip(j));
    return element("li", {}, press);
  }
}
