"""Ten times the load that can be served, for a minute, and the way back to normal.

    .venv/bin/python -m bench overload --picture overload.png

First the peak: a closed loop that keeps the workers busy. Then requests arrive at ten times that rate,
whether or not earlier ones were answered, and then at half of it. Goodput is what is answered with 200 in
each second. What a refusal takes counts from the moment at which its request was sent: the generator runs on
the same machine and comes late itself. With `--workers` below the cores it has one to share with the server.
"""

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread

from bench.flood import Flooding, Reply, Settings
from bench.health import quantile
from bench.places import ROOT
from bench.results import Figure, collect, save
from bench.scorepool import Running, scorepool

DOCUMENTS = 32
FACTOR = 10

# At most so many requests are on their way at once; more arrivals wait in the generator, as in a client's
# pool. They must be more than wait in the server's queue, or nothing is ever refused.
CONNECTIONS = 1000
QUEUE_BUDGET_S = 0.5

RECOVERY_S = 15.0


class Phase:
    """One load on the server: its replies, and the server's memory in MiB every half second beside them."""

    def __init__(self, running: Running, settings: Settings) -> None:
        self.settings = settings
        self.memory: list[float] = []
        self._running = running
        self._over = Event()
        watcher = Thread(target=self._watch)
        watcher.start()
        self.replies = Flooding(running.address, running.token("bench"), settings).wait()
        self._over.set()
        watcher.join()
        self.began = min(reply.due for reply in self.replies)

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            self.memory.append(self._running.memory_mib())

    def goodput(self) -> list[float]:
        """Return the good answers of each second in which answers came, by the time of the answer."""
        seconds = Counter(
            int(reply.due + reply.latency_ms / 1e3 - self.began)
            for reply in self.replies
            if reply.status == 200
        )
        return [float(seconds[second]) for second in range(int(self.settings.seconds))]

    def served_ms(self, *statuses: int) -> list[float]:
        """Return how long the server took, in milliseconds, for all answers with one of these statuses."""
        return [reply.served_ms for reply in self.replies if reply.status in statuses]


def normal_after(phase: Phase, usual_ms: float) -> float:
    """Return the second after the last answer that was not good, or took over five times the usual."""
    late = [
        reply.due + 1 - phase.began
        for reply in phase.replies
        if reply.status != 200 or reply.latency_ms > 5 * usual_ms
    ]
    return max(late, default=0.0)


def refusals(replies: Sequence[Reply]) -> dict[int, int]:
    """Count the answers by status."""
    return dict(sorted(Counter(reply.status for reply in replies).items()))


def draw(phases: Sequence[Phase], picture: Path) -> None:
    """Draw goodput, arrivals and memory over time."""
    from matplotlib.figure import Figure as Drawing  # noqa: PLC0415  # only who wants a picture needs it

    drawing = Drawing(figsize=(8, 5), layout="constrained")
    above, below = drawing.subplots(2, 1, sharex=True)
    begin = phases[0].began
    for phase in phases:
        offset = phase.began - begin
        good = phase.goodput()
        due = Counter(int(reply.due - phase.began) for reply in phase.replies)
        seconds = sorted(due)
        first = phase is phases[0]
        above.plot(
            [offset + second for second in seconds],
            [due[each] for each in seconds],
            color="tab:red",
            label="due" if first else None,
        )
        above.plot(
            [offset + second for second in range(len(good))],
            good,
            color="tab:green",
            label="answered with 200" if first else None,
        )
        below.plot([offset + step / 2 for step in range(len(phase.memory))], phase.memory, color="tab:blue")
    above.set(yscale="log", ylabel="requests a second")
    above.legend()
    below.set(xlabel="seconds", ylabel="server's memory, MiB", ylim=(0, None))
    drawing.savefig(picture, dpi=150)


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, default=ROOT / ".local" / "demo-bundle")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    with scorepool(options.bundle, options.workers, queue_budget_s=QUEUE_BUDGET_S) as running:
        Phase(running, Settings(DOCUMENTS, 16, 3))
        peak = Phase(running, Settings(DOCUMENTS, 16, 10))
        rate = statistics.median(peak.goodput()[1:-1])
        over = Phase(running, Settings(DOCUMENTS, CONNECTIONS, options.seconds, FACTOR * rate))
        after = Phase(running, Settings(DOCUMENTS, CONNECTIONS, RECOVERY_S, rate / 2))
        time.sleep(0.1)
    found = report(peak, over, after)
    if options.picture:
        draw((peak, over, after), options.picture)
    settings = {"workers": options.workers, "documents": DOCUMENTS, "factor": FACTOR}
    print(save(collect("overload", settings, found)))


def report(peak: Phase, over: Phase, after: Phase) -> list[Figure]:
    """Print the figures and return them."""
    rate = statistics.median(peak.goodput()[1:-1])
    # The first seconds fill the queue.
    share = [good / rate for good in over.goodput()[5:-1]]
    refused = over.served_ms(503, 429) or [0.0]
    normal_s = normal_after(after, statistics.median(peak.served_ms(200)))
    arrived = len(over.replies) / over.settings.seconds
    print(f"peak {rate:.0f} requests/s; then {arrived:.0f} a second were due: {refusals(over.replies)}")
    print(f"goodput / peak      {statistics.median(share):8.1%}    asked: at least 95 %")
    print(f"refusals, p50       {statistics.median(refused):8.1f} ms asked: at most 10 ms")
    print(f"refusals, p99       {quantile(refused, 0.99):8.1f} ms")
    first, last = statistics.median(over.memory[10:20]), statistics.median(over.memory[-10:])
    print(f"memory              {first:8.0f} → {last:.0f} MiB")
    print(f"normal again after  {normal_s:8.1f} s  asked: at most 5 s")
    return [
        Figure("peak", "requests/s", "higher", peak.goodput()),
        Figure("goodput", "of peak", "higher", share),
        Figure("refusals", "ms", "lower", refused[:: max(1, len(refused) // 1000)]),
        Figure("memory", "MiB", "lower", over.memory),
        Figure("normal again", "s", "lower", [normal_s]),
    ]


if __name__ == "__main__":
    main()
