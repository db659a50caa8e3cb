"""The measurements on a running system, with its health beside each; and what is computed from the answers.

closed     a closed loop: the peak throughput
storm      an open loop of large requests at a rate that the product can serve
mix        an open loop of small requests with a few huge ones among them
ramp       an open loop whose rate rises
"""

import itertools
import math
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from bench.comparison import external_load
from bench.comparison.external_load import Answered, Arrivals, Schedule
from bench.comparison.record import Closed, Open, Ramp
from bench.comparison.running_system import RunningSystem
from bench.harness import documents
from bench.harness.documents import Payload
from bench.harness.health_probe import Probe, ProbeProcess
from bench.harness.latency import Latency, latency, percentile

# How long a client of an open loop waits. The defaults of most clients are longer, but the runs are short.
CLIENT_TIMEOUT_S = 6.0

STEP_S = 0.2

RAMP_LIMIT_MS = 250.0


@contextmanager
def probing(system: RunningSystem) -> Iterator[ProbeProcess]:
    """Probe the health of a system until the end of the block at the latest."""
    process = ProbeProcess(system.health_url)
    try:
        yield process
    finally:
        process.close()


def closed(system: RunningSystem, payload: Payload, seconds: float) -> Closed:
    """Measure the peak throughput with requests of `payload`."""
    with probing(system) as probe:
        peak = external_load.peak(system.target(payload), seconds)
        probes = probe.stop()
    return Closed(
        rate=peak.rate,
        latency=Latency(peak.p50_ms, peak.p99_ms, peak.max_ms),
        failed=peak.refused + peak.broken + peak.late,
        health=latency(probe.latency_ms for probe in probes),
    )


def storm(system: RunningSystem, rate: float, seconds: float) -> Open:
    """Let requests of 300 documents arrive at `rate` a second, whether or not the system can follow."""
    answers, probes, began = _arrive(system, Schedule(seconds, rate=rate, timeout_s=CLIENT_TIMEOUT_S))
    return _open(answers, probes, rate, began, seconds)


def mix(system: RunningSystem, rate: float, seconds: float) -> Open:
    """Let requests of 4 documents arrive, and one of 1,000 for every hundred; latencies are those of the small."""
    huge = system.target(documents.HUGE).folder
    schedule = Schedule(seconds, rate=rate, huge=huge, timeout_s=CLIENT_TIMEOUT_S)
    answers, probes, began = _arrive(system, schedule, documents.SMALL)
    return _open([answer for answer in answers if not answer.huge], probes, rate, began, seconds)


def ramp(system: RunningSystem, peak: float, seconds: float) -> Ramp:
    """Let requests of 32 documents arrive at a rate that rises evenly from none to `peak` a second."""
    schedule = Schedule(seconds, peak=peak, timeout_s=CLIENT_TIMEOUT_S)
    answers = external_load.arrivals(system.target(documents.MIDDLE), schedule)
    began = answers[0].due if answers else 0.0
    points = []
    for i in range(round(seconds * 2)):
        within = [answer for answer in answers if i / 2 <= answer.due - began < (i + 1) / 2]
        if within:
            waits = (answer.latency_ms if answer.ok else CLIENT_TIMEOUT_S * 1e3 for answer in within)
            points.append((peak * (i + 0.5) / 2 / seconds, percentile(waits, 0.99)))
    return Ramp(points, RAMP_LIMIT_MS, sustained(points, RAMP_LIMIT_MS))


def sustained(points: Sequence[tuple[float, float]], limit_ms: float) -> float:
    """Return the highest rate up to which every point stayed within `limit_ms`."""
    highest = 0.0
    for rate, p99_ms in points:
        if p99_ms > limit_ms:
            break
        highest = rate
    return highest


def _arrive(
    system: RunningSystem, schedule: Schedule, payload: Payload = documents.LARGE
) -> tuple[list[Answered], list[Probe], float]:
    """Run a schedule with probes beside it; also return the Unix second at which it began."""
    arrivals = Arrivals(system.target(payload), schedule)
    try:
        arrivals.await_first()
        with probing(system) as probe:
            time.sleep(schedule.seconds)
            probes = probe.stop()
            answers = arrivals.wait()
    finally:
        arrivals.close()
    return answers, probes, answers[0].due if answers else time.time()


def _open(
    answers: Sequence[Answered], probes: Sequence[Probe], rate: float, began: float, seconds: float
) -> Open:
    good = [answer.ended for answer in answers if answer.ok]
    alive = [probe.ended for probe in probes if probe.status == 200]
    watched = max((probe.ended for probe in probes), default=began)
    return Open(
        rate=rate,
        sent=len(answers),
        lost=len(lost(answers)),
        latency=latency(answer.latency_ms if answer.ok else CLIENT_TIMEOUT_S * 1e3 for answer in answers),
        health=latency(probe.latency_ms for probe in probes),
        silence_s=longest_silence(alive, min((probe.due for probe in probes), default=began), watched),
        step_s=STEP_S,
        series=per_second(good, began, seconds, STEP_S),
    )


def longest_silence(moments: Iterable[float], began: float, ended: float) -> float:
    """Return the longest time between `began` and `ended` (seconds) in which no answer came."""
    within = sorted(moment for moment in moments if began <= moment <= ended)
    edges = [began, *within, ended]
    return max(after - before for before, after in itertools.pairwise(edges))


def lost(answers: Iterable[Answered]) -> list[Answered]:
    """Return the requests that got neither a scored answer nor a refusal that says so (429 or 503)."""
    return [answer for answer in answers if answer.status not in {200, 429, 503}]


def in_flight(answers: Iterable[Answered], moment: float) -> list[Answered]:
    """Return the requests that were in flight at `moment` (Unix seconds)."""
    return [answer for answer in answers if answer.due <= moment < answer.ended]


def full_again(moments: Iterable[float], began: float, struck: float, ended: float) -> float | None:
    """Return how long after the fault at `struck` answers come at 80 % of the rate before it, None if never.

    The rate before is that from `began` to `struck`; the rates after are those of windows of one second.
    """
    all_moments = sorted(moments)
    before = sum(began <= moment < struck for moment in all_moments) / (struck - began)
    start = struck
    while start + 1 <= ended:
        if sum(start <= moment < start + 1 for moment in all_moments) >= 0.8 * before:
            return start - struck
        start += 0.05
    return None


def per_second(moments: Iterable[float], began: float, seconds: float, step: float) -> list[float]:
    """Count answers in steps of `step` seconds from `began` on; return answers a second of each step."""
    counts = [0] * math.ceil(seconds / step)
    for moment in moments:
        i = int((moment - began) // step)
        if 0 <= i < len(counts):
            counts[i] += 1
    return [count / step for count in counts]


def ratio(values: Sequence[float], base: Sequence[float]) -> tuple[float, float, float]:
    """Return the ratio of medians and the least and greatest ratio that the repeats allow."""
    middle = statistics.median(values) / statistics.median(base)
    return middle, min(values) / max(base), max(values) / min(base)
