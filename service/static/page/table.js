// The documents in rows, a page at a time: only what is on the page exists, so that thousands cost nothing.

import { warnings } from "./analysis.js";
import { button, byId, element, fixed, percent, shortened } from "./dom.js";
import { glyph } from "./palette.js";
import { brushed } from "./store.js";

const ROWS = 20;

const COLUMNS = [
  { name: "Document", key: ({ documents }, i) => documents[i].text },
  { name: "Cluster", key: ({ scores }, i) => scores[i].cluster },
  { name: "Distance", key: ({ scores }, i) => scores[i].distance },
  { name: "Margin", key: ({ scores }, i) => scores[i].margin },
  { name: "Outlier", key: ({ scores }, i) => scores[i].outlier },
  { name: "Known words", key: ({ scores }, i) => scores[i].known },
  { name: "Warnings", key: ({ scores }, i) => -warnings(scores[i]).length },
];

export class Table {
  constructor(store) {
    this.store = store;
    this.page = 0;
    this.sorted = { column: -1, down: false };
    byId("previous").addEventListener("click", () => this.turn(-1));
    byId("next").addEventListener("click", () => this.turn(1));
    this.heads = COLUMNS.map(({ name }, column) => {
      const head = element("th", { scope: "col" });
      head.append(button({}, () => this.sort(column), name));
      return head;
    });
    byId("table").tHead.append(element("tr", {}, ...this.heads));
    store.subscribeCalmly(["result", "brush"], byId("table"), () => {
      this.page = 0;
      this.arrange();
    });
    store.subscribe(["selected"], () => this.draw());
  }

  turn(pages) {
    this.page += pages;
    this.draw();
  }

  sort(column) {
    const again = this.sorted.column === column;
    this.sorted = again && this.sorted.down ? { column: -1, down: false } : { column, down: again };
    this.page = 0;
    this.heads.forEach((head, at) => {
      if (at === this.sorted.column) head.setAttribute("aria-sort", this.sorted.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    this.arrange();
  }

  arrange() {
    const { state } = this.store;
    if (!state.result) return;
    const { column, down } = this.sorted;
    this.positions = brushed(state);
    if (column >= 0) {
      const keys = new Map(this.positions.map((i) => [i, COLUMNS[column].key(state.result, i)]));
      const sign = down ? -1 : 1;
      this.positions.sort((a, b) => compare(keys.get(a), keys.get(b), sign) || a - b);
    }
    this.draw();
  }

  draw() {
    const { result, selected } = this.store.state;
    if (!result || !this.positions) return;
    const pages = Math.max(1, Math.ceil(this.positions.length / ROWS));
    this.page = Math.max(0, Math.min(this.page, pages - 1));
    const from = this.page * ROWS;
    const shown = this.positions.slice(from, from + ROWS);
    byId("table").tBodies[0].replaceChildren(...shown.map((i) => this.row(result, i, i === selected)));
    byId("rows").textContent = shown.length ? `${from + 1}–${from + shown.length} of ${this.positions.length}` : "none";
    byId("previous").disabled = this.page === 0;
    byId("next").disabled = this.page === pages - 1;
  }

  row({ documents, scores, ranks }, position, selected) {
    const { id, cluster, distance, margin, outlier, known } = scores[position];
    const text = shortened(documents[position].text, 200);
    const select = () => this.store.select(position);
    const named = documents[position].id !== undefined;
    const open = named ? button({}, select, `${id}: `, element("bdi", { text })) : button({ dir: "auto" }, select, text);
    if (selected) open.setAttribute("aria-current", "true");
    return element(
      "tr",
      selected ? { class: "selected" } : {},
      element("td", { class: "text" }, open),
      element("td", {}, glyph(ranks[position]), cluster === null ? " –" : ` ${cluster}`),
      element("td", { text: fixed(distance) }),
      element("td", { text: fixed(margin, 3) }),
      element("td", { text: fixed(outlier) }),
      element("td", { text: percent(known) }),
      element("td", { class: "warnings" }, ...marks(warnings(scores[position]))),
    );
  }
}

const marks = (found) => found.flatMap(({ short, long }, at) => [at ? ", " : "", element("span", { title: long, text: short })]);

// What a document lacks comes last in both directions.
function compare(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "string") return sign * a.localeCompare(b);
  return sign * (a - b);
}
