"""The single measurements on a running system: a closed loop, a storm, a mix, a ramp; health beside each."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench import documents, load
from bench.documents import Payload
from bench.load import Answered, Arrivals, Schedule
from bench.measures import Latency, latency, longest_silence, lost, per_second, percentile
from bench.probe import Probe, Prober
from bench.record import Closed, Open, Ramp
from bench.start import Running

# A client of the storm gives up after this: Gatling's and most clients' default is longer, the run is short.
PATIENCE_S = 6.0

STEP_S = 0.2

RAMP_LIMIT_MS = 250.0


@contextmanager
def probing(running: Running) -> Iterator[Prober]:
    """Probe a system's health; the prober has ended when this is left."""
    prober = Prober(running.health_url)
    try:
        yield prober
    finally:
        prober.close()


def closed(running: Running, payload: Payload, seconds: float) -> Closed:
    """Measure the peak throughput with requests of `payload`."""
    with probing(running) as prober:
        peak = load.peak(running.target(payload), seconds)
        probes = prober.stop()
    return Closed(
        rate=peak.rate,
        latency=Latency(peak.p50_ms, peak.p99_ms, peak.max_ms),
        failed=peak.refused + peak.broken + peak.late,
        health=latency(probe.latency_ms for probe in probes),
    )


def storm(running: Running, rate: float, seconds: float) -> Open:
    """Let requests of 300 documents arrive at `rate` a second, whether or not the system can follow."""
    answers, probes, began = _arrive(running, Schedule(seconds, rate=rate, timeout_s=PATIENCE_S))
    return _open(answers, probes, rate, began, seconds)


def mix(running: Running, rate: float, seconds: float) -> Open:
    """Let requests of 4 documents arrive, every hundredth of 1,000; the latency is that of the small."""
    huge = running.target(documents.HUGE).folder
    schedule = Schedule(seconds, rate=rate, huge=huge, timeout_s=PATIENCE_S)
    answers, probes, began = _arrive(running, schedule, documents.SMALL)
    return _open([answer for answer in answers if not answer.huge], probes, rate, began, seconds)


def ramp(running: Running, peak: float, seconds: float) -> Ramp:
    """Let requests of 32 documents arrive ever faster, from none to `peak` a second."""
    schedule = Schedule(seconds, peak=peak, timeout_s=PATIENCE_S)
    answers = load.arrivals(running.target(documents.MIDDLE), schedule)
    began = answers[0].due if answers else 0.0
    points = []
    for i in range(round(seconds * 2)):
        within = [answer for answer in answers if i / 2 <= answer.due - began < (i + 1) / 2]
        if within:
            waits = (answer.latency_ms if answer.ok else PATIENCE_S * 1e3 for answer in within)
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
    running: Running, schedule: Schedule, payload: Payload = documents.LARGE
) -> tuple[list[Answered], list[Probe], float]:
    """Run a schedule with probes beside it; return also the Unix second at which it began."""
    arrivals = Arrivals(running.target(payload), schedule)
    try:
        arrivals.await_first()
        with probing(running) as prober:
            time.sleep(schedule.seconds)
            probes = prober.stop()
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
        latency=latency(answer.latency_ms if answer.ok else PATIENCE_S * 1e3 for answer in answers),
        health=latency(probe.latency_ms for probe in probes),
        silence_s=longest_silence(alive, min((probe.due for probe in probes), default=began), watched),
        step_s=STEP_S,
        series=per_second(good, began, seconds, STEP_S),
    )
