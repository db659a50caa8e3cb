// What the service says is wrong, in its own words.

import { element } from "./dom.js";

export function problemParts({ title, message, errors, requestId }) {
  const parts = [element("p", { class: "problem-title", text: title }), element("p", { text: message })];
  // A single fault is in the detail already.
  if (errors.length > 1) {
    parts.push(element("ul", {}, ...errors.map(({ pointer, detail }) => element("li", { text: `${pointer}: ${detail}` }))));
  }
  if (requestId) parts.push(element("p", { class: "problem-id", text: `Request ${requestId}` }));
  return parts;
}
