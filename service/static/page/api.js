// Requests to the service. Addresses are relative, so that the page works below a proxy's prefix.

let token = "";

// In memory only: no cookie, no storage, and the fragment that brought it is removed from the address.
export function setToken(text) {
  token = text.trim();
}

export class Problem extends Error {
  constructor(status, body, headers) {
    super(body.detail ?? body.title ?? `status ${status}`);
    this.status = status;
    this.title = body.title ?? "The service did not answer as expected";
    this.code = body.code ?? "";
    this.errors = body.errors ?? [];
    this.requestId = body.request_id ?? headers.get("x-request-id") ?? "";
    const seconds = Number(headers.get("retry-after"));
    this.retryAfter = [429, 503].includes(status) && seconds > 0 ? seconds : null;
  }
}

export async function get(path, signal) {
  return answerOf(await fetch(path, { headers: authorization(), signal }));
}

export async function getText(path, signal) {
  const answer = await fetch(path, { signal });
  return answer.ok ? answer.text() : "";
}

// `received` is told how many bytes of how many have come. Aborting the signal closes the connection, and the service
// then stops the work.
export async function post(path, value, { signal, received } = {}) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...authorization() },
    body: typeof value === "string" ? value : JSON.stringify(value),
    signal,
  });
  return answerOf(answer, received);
}

function authorization() {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function answerOf(answer, received) {
  const text = received ? await read(answer, received) : await answer.text();
  const body = parsed(text);
  if (!answer.ok) throw new Problem(answer.status, body, answer.headers);
  return { body, bytes: text.length, stages: stages(answer.headers.get("server-timing") ?? "") };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

async function read(answer, received) {
  const total = Number(answer.headers.get("content-length"));
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.length;
    text += decoder.decode(value, { stream: true });
    received(bytes, total);
  }
}

// `queue;dur=1.5, decode;dur=0.5` → [["queue", 1.5], ["decode", 0.5]]
function stages(header) {
  return [...header.matchAll(/([a-z]+);dur=([\d.]+)/g)].map(([, name, milliseconds]) => [name, Number(milliseconds)]);
}
