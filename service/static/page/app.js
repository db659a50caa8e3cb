// The page: its views, its two sides, and the token.

import { get, setToken } from "./api.js";
import { Clusters } from "./clusters.js";
import { Compose } from "./compose.js";
import { Detail } from "./detail.js";
import { byId, counted } from "./dom.js";
import { Duplicates } from "./duplicates.js";
import { Exports } from "./exports.js";
import { HeatMap } from "./heatmap.js";
import { MapView } from "./map.js";
import { StatusPage } from "./status.js";
import { Store } from "./store.js";
import { Summary } from "./summary.js";
import { Table } from "./table.js";

const store = new Store();
const compose = new Compose(store);
const speak = (text) => (byId("spoken").textContent = text);
new Summary(store);
new MapView(store, speak);
new HeatMap(store, speak);
new Clusters(store);
new Duplicates(store);
new Detail(store);
new Table(store);
new Exports(store, (text) => compose.say(text));
const statusPage = new StatusPage();

// The last view has drawn. The program that takes the pictures reads this measure, and that of the answer.
store.subscribe(["result"], ({ result }) => {
  if (result) requestAnimationFrame(() => performance.measure("score-drawn", "score-begun"));
});
// A reader who chooses a document in the table or in a list is led to it.
store.subscribe(["selected", "partner"], ({ selected }) => {
  const { activeElement: active } = document;
  if (selected >= 0 && active?.closest("#table, #duplicates")) byId("detail").scrollIntoView({ block: "nearest" });
});

// Browsers do not send the fragment to servers. A token in it is taken out of the address at once.
function route() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (fragment.has("token")) {
    byId("token").value = fragment.get("token");
    setToken(fragment.get("token"));
    fragment.delete("token");
    const rest = [...fragment.keys()][0] ?? "";
    history.replaceState(null, "", rest ? `#${rest}` : location.pathname + location.search);
  }
  const status = fragment.has("status");
  byId("status-page").hidden = !status;
  byId("playground-page").hidden = status;
  byId(status ? "to-status" : "to-playground").setAttribute("aria-current", "page");
  byId(status ? "to-playground" : "to-status").removeAttribute("aria-current");
  document.title = status ? "Scorepool: status" : "Scorepool: playground";
  statusPage.show(status);
}

byId("token").addEventListener("input", ({ target }) => setToken(target.value));
addEventListener("hashchange", route);
route();

get("info").then(
  ({ body: { version, model, scorer } }) => {
    const served = model ? `${model.name}: ${counted(model.clusters, "cluster")}, ${counted(model.dimensions, "dimension")}` : scorer.name;
    byId("model").textContent = `${version} · ${served}`;
    if (model) store.set({ tokenizer: model.tokenizer });
    else {
      byId("compose").hidden = true;
      byId("other-scorer").hidden = false;
      byId("other-scorer-name").textContent = scorer.name;
    }
  },
  () => (byId("model").textContent = "not connected"),
);
