// Node's fetch: prints what each kind of request was answered with, as JSON. Settings come from the environment.
import { readFileSync } from "node:fs";

const { URL: url, TOKEN: token } = process.env;
const [body, large, huge] = ["BODY", "LARGE", "HUGE"].map((name) => readFileSync(process.env[name]));
const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };

async function post(content, options = {}) {
  const answer = await fetch(`${url}/score`, { method: "POST", headers, body: content, ...options });
  await answer.arrayBuffer();
  return answer.status;
}

function stream(content) {
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < content.length; at += 50) controller.enqueue(content.subarray(at, at + 50));
      controller.close();
    },
  });
}

const result = {};
result.many = [];
for (let i = 0; i < 20; i++) result.many.push(await post(body));
result.together = await Promise.all(Array.from({ length: 20 }, () => post(body)));
result.chunked = await post(stream(body), { duplex: "half" });
result.large = await post(large);
result.huge = await post(huge);
console.log(JSON.stringify(result));
