"""Ten times the load that the server can serve, for a minute, and the return to normal.

    python -m bench overload --picture overload.png

First the peak: a closed loop that keeps the workers busy. Then requests arrive at ten times that rate in an
open loop, and then at half of it. Goodput is the number of answers with 200 in a second.

The generator runs on the same machine, at the lowest priority: it sends late, and reads an answer long after it has
come. So the time of a refusal is that of a bystander, a few requests a second from another process, and counts from the
moment at which its request was sent. And what the generator and other programs take of the processors lowers the
goodput, but not what a worker does in the time that it has one: both are printed.
"""

import statistics
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread

from msgspec.structs import replace

from bench.harness.command_line import bundle_path, parser
from bench.harness.latency import percentile
from bench.harness.load_generator import Load, LoadProcess
from bench.harness.processor_time import ProcessorTime, processor_time
from bench.harness.results import Figure, collect, save
from bench.harness.server import Server, serving, token
from service.capacity.process_tree import server_processes

DOCUMENTS = 32
FACTOR = 10

# Requests that arrive while all connections are in use wait in the generator, as in the pool of a client. There
# must be more connections than requests fit into the server's queue, or the server never refuses one.
CONNECTIONS = 1000
QUEUE_BUDGET_S = 0.5

# Few enough to change nothing, and from a process that is never late.
BYSTANDER = Load(DOCUMENTS, 40, 0.0, 40.0, niceness=0, seed=1)

# Until a generator sends.
START_S = 1.0

RECOVERY_S = 15.0
MEMORY_INTERVAL_S = 0.5


class Phase:
    """One load on the server: its replies, those of a bystander, and what the server and its workers took.

    memory: resident, in MiB, every half second. processor_s: seconds of the server's processor time. workers: the time
    of the workers while requests were sent.
    """

    def __init__(self, server: Server, load: Load) -> None:
        self.load = load
        self.memory: list[float] = []
        self._server = server
        self._over = Event()
        watcher = Thread(target=self._watch)
        watcher.start()
        before = server.processor_s()
        generator = LoadProcess(server.address, token(), load)
        time.sleep(START_S)
        bystander = LoadProcess(
            server.address, token(), replace(BYSTANDER, seconds=load.seconds - 2 * START_S)
        )
        self.workers = self._watch_workers(load.seconds - 2 * START_S)
        self.replies, self.bystander = generator.wait(), bystander.wait()
        self.processor_s = server.processor_s() - before
        self._over.set()
        watcher.join()
        self.began = min(reply.due for reply in self.replies)

    def _watch(self) -> None:
        while not self._over.wait(MEMORY_INTERVAL_S):
            self.memory.append(self._server.resident_mib())

    def _watch_workers(self, seconds: float) -> ProcessorTime:
        """Return what share of each second the workers ran, and waited for a processor."""
        pids = server_processes(self._server.process.pid).workers
        began, before = time.monotonic(), processor_time(pids)
        time.sleep(seconds)
        spent = processor_time(pids).since(before)
        total = (time.monotonic() - began) * len(pids)
        return ProcessorTime(spent.ran / total, spent.waited / total)

    def answer_us(self) -> float:
        """Return the microseconds of the workers' processor time for an answer with 200."""
        return self.workers.ran / self.rate() * 1e6

    def goodput(self) -> list[float]:
        """Return the answers with 200 in each second of the load, by the time of the answer."""
        seconds = Counter(
            int(reply.due + reply.latency_ms / 1e3 - self.began)
            for reply in self.replies
            if reply.status == 200
        )
        return [float(seconds[second]) for second in range(int(self.load.seconds))]

    def rate(self) -> float:
        """Return the median goodput, without the first and the last second."""
        return statistics.median(self.goodput()[1:-1])

    def served_ms(self, *statuses: int) -> list[float]:
        """Return how many milliseconds the bystander waited for each answer with one of these statuses."""
        return [reply.served_ms for reply in self.bystander if reply.status in statuses]


def normal_after(phase: Phase, usual_ms: float) -> float:
    """Return the second after the last answer that was not 200 or took over five times the usual."""
    late = [
        reply.due + 1 - phase.began
        for reply in phase.replies
        if reply.status != 200 or reply.latency_ms > 5 * usual_ms
    ]
    return max(late, default=0.0)


def draw(phases: Sequence[Phase], picture: Path) -> None:
    """Draw goodput, arrivals and memory over time."""
    from matplotlib.figure import Figure as Drawing  # noqa: PLC0415  # needed for a picture alone

    drawing = Drawing(figsize=(8, 5), layout="constrained")
    above, below = drawing.subplots(2, 1, sharex=True)
    for phase in phases:
        offset = phase.began - phases[0].began
        good = phase.goodput()
        due = sorted(Counter(int(reply.due - phase.began) for reply in phase.replies).items())
        first = phase is phases[0]
        moments, counts = [offset + second for second, _ in due], [count for _, count in due]
        above.plot(moments, counts, color="tab:red", label="due" if first else None)
        moments = [offset + second for second in range(len(good))]
        above.plot(moments, good, color="tab:green", label="answered with 200" if first else None)
        moments = [offset + step * MEMORY_INTERVAL_S for step in range(len(phase.memory))]
        below.plot(moments, phase.memory, color="tab:blue")
    above.set(yscale="log", ylabel="requests a second")
    above.legend()
    below.set(xlabel="seconds", ylabel="resident memory of the server, MiB", ylim=(0, None))
    drawing.savefig(picture, dpi=150)


def report(peak: Phase, over: Phase, after: Phase) -> list[Figure]:
    """Print the figures and return them."""
    rate = peak.rate()
    # The first seconds fill the queue.
    share = [good / rate for good in over.goodput()[5:-1]]
    refused = over.served_ms(503, 429) or [0.0]
    usual_ms = statistics.median(reply.served_ms for reply in peak.replies if reply.status == 200)
    normal_s = normal_after(after, usual_ms)
    arrived = len(over.replies) / over.load.seconds
    same_time = peak.answer_us() / over.answer_us()
    statuses = dict(sorted(Counter(reply.status for reply in over.replies).items()))
    print(f"peak {rate:.0f} requests/s; then {arrived:.0f} a second were due; by status: {statuses}")
    print(f"goodput / peak      {statistics.median(share):8.1%}    promised: at least 95 %")
    print(f"  for the same time {same_time:8.1%}    of the workers' processors")
    for name, phase in (("peak", peak), ("overload", over)):
        ran, waited = phase.workers
        print(
            f"  workers, {name:<9}  {ran:7.0%} ran, {waited:.0%} waited for a processor, {1 - ran - waited:.0%} idle"
        )
    print(f"refusals, p50       {statistics.median(refused):8.1f} ms promised: at most 10 ms")
    print(f"refusals, p99       {percentile(refused, 0.99):8.1f} ms")
    # What the generator takes from the server's core lowers the goodput, and not this.
    each_us = over.processor_s / len(over.replies) * 1e6
    print(
        f"server              {each_us:8.0f} µs of processor time a request; its core is full at {1e6 / each_us:.0f}"
    )
    first, last = statistics.median(over.memory[10:20]), statistics.median(over.memory[-10:])
    print(f"memory              {first:8.0f} → {last:.0f} MiB")
    print(f"normal again after  {normal_s:8.1f} s  promised: at most 5 s")
    return [
        Figure("peak", "requests/s", "higher", peak.goodput()),
        Figure("goodput", "of peak", "higher", share),
        Figure("goodput for the same processor time", "of peak", "higher", [same_time]),
        Figure("refusals", "ms", "lower", refused[:: max(1, len(refused) // 1000)]),
        Figure("processor time", "µs a request", "lower", [each_us]),
        Figure("memory", "MiB", "lower", over.memory),
        Figure("normal again", "s", "lower", [normal_s]),
    ]


def main() -> None:
    """Measure, print, save."""
    options_parser = parser(__doc__, "bundle", "workers", "picture", workers=1)
    options_parser.add_argument("--seconds", type=float, default=60, help="of the overload (60, at least 10)")
    options = options_parser.parse_args()
    bundle = bundle_path(options.bundle)
    with serving(bundle, options.workers, queue_budget_s=QUEUE_BUDGET_S) as server:
        Phase(server, Load(DOCUMENTS, 16, 3))  # warms up
        peak = Phase(server, Load(DOCUMENTS, 16, 10))
        over = Phase(server, Load(DOCUMENTS, CONNECTIONS, options.seconds, FACTOR * peak.rate()))
        after = Phase(server, Load(DOCUMENTS, CONNECTIONS, RECOVERY_S, peak.rate() / 2))
    found = report(peak, over, after)
    if options.picture:
        draw((peak, over, after), options.picture)
    settings = {"workers": options.workers, "documents": DOCUMENTS, "factor": FACTOR}
    print(save(collect("overload", settings, found)))
