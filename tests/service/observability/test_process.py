"""What the process says of itself agrees with what the kernel says of it."""

import resource
import time

from service.observability.process import ProcessMetrics
from tests.support.prometheus_samples import Samples, parse_samples


def samples(metrics: ProcessMetrics) -> Samples:
    """Read what is written."""
    return parse_samples("".join(metrics.families()).encode())


def test_the_start_stays_and_lies_before_now() -> None:
    """An alert counts its changes."""
    first, second = samples(ProcessMetrics()), samples(ProcessMetrics())

    started = first["process_start_time_seconds"]
    assert abs(second["process_start_time_seconds"] - started) < 0.1
    assert time.time() - 86_400 < started < time.time()


def test_processor_time_counts_all_threads() -> None:
    """It grows with the work that is done."""
    metrics = ProcessMetrics()
    before = samples(metrics)["process_cpu_seconds_total"]

    while time.process_time() - before < 0.02:
        pass

    assert before + 0.02 <= samples(metrics)["process_cpu_seconds_total"] <= time.process_time()


def test_resident_memory_is_in_bytes() -> None:
    """It is at most what it was at its peak, which the kernel says in KiB."""
    resident = samples(ProcessMetrics())["process_resident_memory_bytes"]

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert peak / 10 < resident <= peak * 1.01
