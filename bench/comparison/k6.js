// k6: send the requests of a folder by the schedule in SETTINGS and print one line for each answer:
//   millisecond (Unix) of its end, milliseconds it took, milliseconds it was sent late, status (0: none), 1 if huge.
import http from 'k6/http';
import exec from 'k6/execution';
import { sleep } from 'k6';
import { open as share } from 'k6/experimental/fs';

const settings = JSON.parse(__ENV.SETTINGS);
const params = { headers: settings.headers, timeout: settings.timeout_ms };

// Each virtual user holds one body and sends that. k6 opens only files that user 0, the first, has opened.
// The huge body is shared by all users.
const read = (i) => open(`${settings.folder}/${i}.json`, 'b');
for (let i = 0; __VU === 0 && i < settings.count; i++) read(i);
const body = read(__VU % settings.count);
const huge = settings.huge ? await share(`${settings.huge}/0.json`) : null;

export const options = { scenarios: settings.scenarios, discardResponseBodies: true };

// When arrival i was due, in milliseconds after the start: at a constant rate, or on a ramp from none to `peak`.
function due(i, rate) {
  return rate ? (i * 1000) / rate : Math.sqrt((2 * (i + 1) * settings.seconds) / settings.peak) * 1000;
}

function send(bytes, rate, kind) {
  const began = Date.now();
  const closed = !rate && !settings.peak;
  const late = closed ? 0 : began - exec.scenario.startTime - due(exec.scenario.iterationInTest, rate);
  const answer = http.post(settings.url, bytes, params);
  const ended = Date.now();
  console.log(`${ended} ${ended - began} ${late.toFixed(1)} ${answer.status} ${kind}`);
  if (answer.status !== 200) sleep(settings.pause_s);
}

export default function () {
  send(body, settings.rate, 0);
}

export async function sendHuge() {
  const bytes = new Uint8Array((await huge.stat()).size);
  await huge.seek(0, 0);
  await huge.read(bytes);
  send(bytes.buffer, settings.huge_rate, 1);
}
