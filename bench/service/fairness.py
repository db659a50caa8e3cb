"""How long a light subject waits beside one that sends all it can.

    python -m bench fairness --picture fairness.png

The light subject sends 4 documents ten times a second: first alone, then beside a heavy subject with 32
connections, each of which sends its next request of 300 documents when it has its answer. Promised: the 99th
percentile of the light subject grows by at most one call of the heavy one.
"""

import time

from bench.harness.command_line import bundle_path, parser
from bench.harness.latency import draw, latency
from bench.harness.load_generator import Load, LoadProcess
from bench.harness.results import Figure, collect, save
from bench.harness.server import Server, serving, token

LIGHT = Load(documents=4, connections=20, seconds=30, rate=10, niceness=0)
HEAVY = Load(documents=300, connections=32, seconds=36)


def light_latencies(server: Server) -> list[float]:
    """Return the latencies of the light subject in milliseconds.

    Raises: RuntimeError when one of its requests was not answered with 200.
    """
    replies = LoadProcess(server.address, token("light"), LIGHT).wait()
    if any(reply.status != 200 for reply in replies):
        raise RuntimeError(f"the light subject got {sorted({reply.status for reply in replies})}")
    return [reply.latency_ms for reply in replies]


def call_latencies(server: Server) -> list[float]:
    """Return how many milliseconds each call of the heavy subject takes when no request waits for another."""
    load = Load(documents=HEAVY.documents, connections=2, seconds=5)
    return [reply.latency_ms for reply in LoadProcess(server.address, token("heavy"), load).wait()]


def main() -> None:
    """Measure, print, save."""
    options = parser(__doc__, "bundle", "workers", "picture").parse_args()
    with serving(bundle_path(options.bundle), options.workers) as server:
        sides = {"alone": light_latencies(server)}
        calls = call_latencies(server)
        heavy = LoadProcess(server.address, token("heavy"), HEAVY)
        time.sleep(3)  # the queue of the heavy subject is full
        sides["beside"] = light_latencies(server)
        served = sum(reply.status == 200 for reply in heavy.wait())
    for name, values in sides.items():
        print(f"{name:<8} {latency(values)}")
    grown = latency(sides["beside"]).p99_ms - latency(sides["alone"]).p99_ms
    print(f"p99 grows by {grown:.1f} ms; promised: at most one heavy call")
    print(f"heavy calls: {latency(calls)}; {served} served beside the light subject")
    if options.picture:
        draw(sides, "light requests", options.picture)
    found = [Figure(f"light, {name}", "ms", "lower", values) for name, values in sides.items()]
    found.append(Figure("heavy call", "ms", "lower", calls))
    print(save(collect("fairness", {"workers": options.workers}, found)))
