"""How long `/livez` takes while every core scores, asked 20 times a second.

    python -m bench health --picture health.png

16 connections with requests of 300 documents keep all workers busy. `--burn N` adds N busy loops at ordinary
priority, which take the cores from the server as well. The latency of a probe counts from the moment at which
it was due. Promised: 99th percentile 25 ms, 100 ms at most.
"""

import subprocess
import sys
import time
from contextlib import ExitStack

from bench.harness.command_line import bundle_path, parser
from bench.harness.health_probe import ProbeProcess
from bench.harness.latency import draw, latency
from bench.harness.load_generator import Load, LoadProcess, Reply
from bench.harness.results import Figure, collect, save
from bench.harness.server import Server, serving, token

DOCUMENTS = 300
CONNECTIONS = 16
PROMISED_MS = 25

BUSY_LOOP = "while True: pass"


def probe(server: Server, seconds: float) -> list[float]:
    """Return the latencies of `/livez` in milliseconds."""
    process = ProbeProcess(f"{server.url}/livez")
    time.sleep(seconds)
    return [each.latency_ms for each in process.stop()]


def probe_under_load(server: Server, seconds: float, loops: int) -> tuple[list[float], list[Reply]]:
    """Return the latencies of `/livez` in milliseconds, and the replies to the load beside it."""
    load = Load(documents=DOCUMENTS, connections=CONNECTIONS, seconds=seconds + 4)
    with ExitStack() as stack:
        for _ in range(loops):
            loop = stack.enter_context(subprocess.Popen([sys.executable, "-c", BUSY_LOOP]))
            stack.callback(loop.kill)
        process = LoadProcess(server.address, token(), load)
        time.sleep(3)  # the generator has started, and every worker is busy
        latencies = probe(server, seconds)
        return latencies, process.wait()


def main() -> None:
    """Measure, print, save."""
    options_parser = parser(__doc__, "bundle", "workers", "picture")
    options_parser.add_argument("--seconds", type=float, default=30, help="of the load (30)")
    options_parser.add_argument("--burn", type=int, default=0, metavar="N", help="busy loops beside the load")
    options = options_parser.parse_args()
    with serving(bundle_path(options.bundle), options.workers) as server:
        probes = {"idle": probe(server, options.seconds / 3)}
        probes["every core busy"], replies = probe_under_load(server, options.seconds, options.burn)
    for name, values in probes.items():
        print(f"{name:<18} {latency(values)}")
    good = sum(reply.status == 200 for reply in replies)
    print(f"beside {good} of {len(replies)} requests of {DOCUMENTS} documents answered")
    print(f"promised: p99 at most {PROMISED_MS} ms, max at most 100 ms")
    if options.picture:
        draw(probes, "probes", options.picture, PROMISED_MS)
    found = [Figure(f"livez, {name}", "ms", "lower", values) for name, values in probes.items()]
    settings = {"workers": options.workers, "documents": DOCUMENTS, "burn": options.burn}
    print(save(collect("health", settings, found)))
