"""Whether the service is well, and the limits that other gauges are held against: both are for alerts.

An alert compares with the setting and not with a number of its own, so that one set of rules is right for all.
"""

from collections.abc import Callable, Iterator

from service.observability.prometheus import gauge
from service.settings import Settings


class HealthMetrics:
    """Readiness, damage to the bundle, and the limits of one server."""

    def __init__(self, settings: Settings, ready: Callable[[], bool], damaged: Callable[[], bool]) -> None:
        self._ready = ready
        self._damaged = damaged
        self._limits = "".join(_limits(settings))

    def families(self) -> Iterator[str]:
        """Write them."""
        yield gauge(
            "scorepool_ready", "1 while requests are welcome, as /readyz says.", {"": int(self._ready())}
        )
        about = "1 while a file of the bundle is known to be damaged; no worker serves then."
        yield gauge("scorepool_bundle_damaged", about, {"": int(self._damaged())})
        yield self._limits


def _limits(settings: Settings) -> Iterator[str]:
    """Write the gauges that are constant, each by the setting that it repeats."""
    for name, setting, value in (
        ("scorepool_queue_budget_seconds", "queue_budget_s", settings.queue_budget_s),
        ("scorepool_request_timeout_seconds", "request_timeout_s", settings.request_timeout_s),
        ("scorepool_answer_budget_bytes", "answer_budget_bytes", settings.answer_budget_bytes),
        ("scorepool_worker_memory_limit_bytes", "worker_memory_bytes", settings.worker_memory_bytes),
    ):
        yield gauge(name, f"The setting {setting}.", {"": value})
