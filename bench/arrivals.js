// k6: send the requests of a folder by the schedule in SETTINGS and print one line for each answer:
//   millisecond (Unix) of its end, milliseconds it took, milliseconds it was sent late, status (0: none), 1 if huge.
import http from 'k6/http';
import exec from 'k6/execution';
import { sleep } from 'k6';

const settings = JSON.parse(__ENV.SETTINGS);
const read = (folder, count) => Array.from({ length: count }, (_, i) => open(`${folder}/${i}.json`, 'b'));
const bodies = read(settings.folder, settings.count);
const huge = settings.huge ? read(settings.huge, 1) : [];
const params = { headers: settings.headers, timeout: settings.timeout_ms };

export const options = { scenarios: { load: settings.scenario }, discardResponseBodies: true };

// When arrival i was due, in milliseconds after the start: at a constant rate, or on a ramp from none to `peak`.
function due(i) {
  if (settings.rate) return (i * 1000) / settings.rate;
  if (settings.peak) return Math.sqrt((2 * (i + 1) * settings.seconds) / settings.peak) * 1000;
  return 0;
}

export default function () {
  const i = exec.scenario.iterationInTest;
  const began = Date.now();
  const late = settings.open ? began - exec.scenario.startTime - due(i) : 0;
  const isHuge = huge.length > 0 && i % 100 === 50;
  const answer = http.post(settings.url, isHuge ? huge[0] : bodies[i % bodies.length], params);
  const ended = Date.now();
  console.log(`${ended} ${ended - began} ${late.toFixed(1)} ${answer.status} ${isHuge ? 1 : 0}`);
  if (answer.status !== 200) sleep(settings.pause_s);
}
