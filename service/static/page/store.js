// What the views share. A view subscribes, and is told once a frame what has changed since the last.
//
// result     the documents with their scores, places and cosines (analysis.js), or null
// brush      which documents are selected: a Uint8Array, or null for all
// selected   the document that is read, partner the one it is compared with; -1 for none
// hovered    the document under the pointer
// threshold  from which cosine on two documents are near-duplicates
// tokenizer  the name of that of the model

const CALM_MS = 200;

export class Store {
  constructor() {
    this.state = { result: null, brush: null, selected: -1, partner: -1, hovered: -1, threshold: 0.8, tokenizer: "letters" };
    this.views = [];
    this.changed = new Set();
  }

  subscribe(names, view) {
    this.views.push({ names, view });
  }

  set(changes) {
    for (const [name, value] of Object.entries(changes)) {
      if (this.state[name] === value) continue;
      this.state[name] = value;
      if (this.changed.size === 0) requestAnimationFrame(() => this.tell());
      this.changed.add(name);
    }
  }

  select(selected, partner = -1) {
    this.set({ selected, partner });
  }

  // Selects those of the positions; none of them means that all are shown.
  brush(positions) {
    const { result } = this.state;
    let brush = null;
    for (const position of positions) {
      brush ??= new Uint8Array(result.n);
      brush[position] = 1;
    }
    this.set({ brush });
  }

  // For lists of elements, which cost more than a picture. While changes come in every frame, they are drawn five times a
  // second where `place` is in sight, and elsewhere when the changes have ended.
  subscribeCalmly(names, place, view) {
    let last = -Infinity;
    let waiting = null;
    let seen = true;
    new IntersectionObserver(([entry]) => (seen = entry.isIntersecting)).observe(place);
    const run = () => {
      last = performance.now();
      waiting = null;
      view(this.state);
    };
    this.subscribe(names, (state, changed) => {
      if (changed.has("result")) last = -Infinity;
      const wait = seen ? last + CALM_MS - performance.now() : CALM_MS;
      if (changed.has("result") || wait <= 0) run();
      else if (seen) waiting ??= setTimeout(run, wait);
      else {
        clearTimeout(waiting);
        waiting = setTimeout(run, wait);
      }
    });
  }

  tell() {
    const changed = this.changed;
    this.changed = new Set();
    for (const { names, view } of this.views) if (names.some((name) => changed.has(name))) view(this.state, changed);
  }
}

export function isBrushed({ brush }, position) {
  return brush === null || brush[position] === 1;
}

export function brushed(state) {
  const positions = [];
  for (let i = 0; i < state.result.n; i++) if (isBrushed(state, i)) positions.push(i);
  return positions;
}
