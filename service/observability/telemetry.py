"""Passes every event of one server to its metrics, its log, its status and its traces.

    HTTP   began, ended            ──→ metrics, last minute, log
    pool   called, finished, slots ──→ metrics, log

An event reaches each of them once. Everything here belongs to the event loop's thread.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from service.api.outcome import Outcome
from service.api.request import WORK_ROUTES
from service.api.response import Reloaded
from service.api.scorer import Served
from service.observability.log import ServiceLog
from service.observability.metrics import (
    PoolMetrics,
    RequestMetrics,
    ScoringMetrics,
    ServedModel,
    served_model,
)
from service.observability.prometheus import Counter
from service.observability.request_record import RequestRecord
from service.observability.status import LastMinute, Snapshot

logger = logging.getLogger(__name__)

# Writes metrics at each scrape, as `service.observability.prometheus` returns their text.
Families = Callable[[], Iterator[str]]

_COLLECTORS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class Tracer(Protocol):
    """What makes traces of requests: see `service.observability.tracing`."""

    def ended(self, record: RequestRecord) -> str:
        """Make the spans of a request that has ended; return its trace's id in hexadecimal digits."""

    def close(self) -> None:
        """Send what is left; may take a few seconds."""


@contextmanager
def opened_tracer(environ: Mapping[str, str]) -> Iterator[Tracer | None]:
    """Return what makes traces, if OpenTelemetry's variables name a collector and the extra is installed.

    Nothing of OpenTelemetry is imported otherwise.
    """
    tracer = _open_tracer(environ)
    try:
        yield tracer
    finally:
        if tracer is not None:
            tracer.close()


def _open_tracer(environ: Mapping[str, str]) -> Tracer | None:
    disabled = environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    nowhere = environ.get("OTEL_TRACES_EXPORTER", "otlp") == "none"
    if disabled or nowhere or not any(environ.get(name) for name in _COLLECTORS):
        return None
    try:
        from service.observability.tracing import otlp_tracing  # noqa: PLC0415
    except ImportError:
        # A cluster may set the address for every pod, also for those without the extra.
        logger.warning("tracing_not_installed", extra={"install": "scorepool[tracing]"})
        return None
    return otlp_tracing()


class Telemetry:
    """Counts and logs for HTTP and for the pool; an `Observer` of the pool."""

    def __init__(
        self,
        model: ServedModel,
        log: ServiceLog,
        clock: Callable[[], float],
        tracer: Tracer | None = None,
    ) -> None:
        """`clock` is the event loop's."""
        self._log = log
        self._tracer = tracer
        self._requests = RequestMetrics()
        self._pool = PoolMetrics()
        self._scoring = ScoringMetrics(model)
        self._last_minute = LastMinute(clock)
        self._registered: list[Families] = []

    def register(self, families: Families) -> None:
        """Add to the metrics what other parts of the server know."""
        self._registered.append(families)

    def began(self, record: RequestRecord) -> None:
        """Note that a request is being served."""
        self._requests.began()

    def ended(self, record: RequestRecord) -> None:
        """Note the end of a request."""
        self._requests.ended(record)
        self._last_minute.ended(record)
        trace_id = None
        # Not of probes: they would fill a collector with nothing.
        if self._tracer is not None and record.route in WORK_ROUTES:
            trace_id = self._tracer.ended(record)
        self._log.request(record, trace_id)

    def refused(self, code: str) -> None:
        """Leave it to `ended`, where refusals of every kind are counted with their answers."""

    def called(self, slot: int, waits_s: Sequence[float]) -> None:
        """Note that a call began."""
        self._pool.called(waits_s)

    def finished(self, subject: str, outcome: Outcome) -> None:
        """Note what was done for a request."""
        self._scoring.finished(outcome)

    def faulted(self, slot: int, request_id: str, fault: str) -> None:
        """Note a fault of ours in a worker."""
        self._log.faulted(slot, request_id, fault)

    def slot_changed(self, slot: int, state: str) -> None:
        """Note a slot's new state."""
        self._log.slot_changed(slot, state)

    def slot_ended(self, slot: int, reason: str, detail: str) -> None:
        """Note that a worker is gone."""
        self._pool.slot_ended(reason)
        self._log.slot_ended(slot, reason, detail)

    def start_failed(self, slot: int, detail: str) -> None:
        """Note that a worker could not be started."""
        self._log.start_failed(slot, detail)

    def bundle_damaged(self, file: str, size: int, expected: int, fault: str) -> None:
        """Note which file of the bundle is damaged."""
        self._log.bundle_damaged(file, size, expected, fault)

    def bundle_restored(self) -> None:
        """Note that the bundle is whole again."""
        self._log.bundle_restored()

    def reload_started(self) -> None:
        """Note that the model's files are being opened anew."""
        self._log.reload_started()

    def reload_verified(self, share: float) -> None:
        """Note how much of them has been checked."""
        self._log.reload_verified(share)

    def reload_ended(self, end: Reloaded, info: Served) -> None:
        """Note which model is served from now on."""
        self._scoring.reload_ended(end.result, served_model(info))
        self._log.reload_ended(end, info)

    def reload_failed(self, detail: str) -> None:
        """Note why the model is served that was served before."""
        self._scoring.reload_failed()
        self._log.reload_failed(detail)

    def loop_lagged(self, lag_s: float) -> None:
        """Note by how many seconds the event loop was late."""
        self._pool.loop_lagged(lag_s)
        self._last_minute.loop_lagged(lag_s)
        self._log.loop_lagged(lag_s)

    def metrics(self, snapshot: Snapshot) -> bytes:
        """Write the metrics for Prometheus; 0.3 ms for a thousand samples."""
        families = (
            *self._requests.families(),
            *self._pool.families(snapshot),
            *self._scoring.families(snapshot.digest),
            self._dropped(),
            *(text for families in self._registered for text in families()),
        )
        return "".join(families).encode()

    def status(self, snapshot: Snapshot) -> bytes:
        """Encode the answer of `/status`."""
        return self._last_minute.describe(snapshot)

    def _dropped(self) -> str:
        lines = Counter(
            "scorepool_log_lines_dropped_total", "Log lines dropped because their reader had stalled."
        )
        lines.add(amount=self._log.dropped)
        return lines.text()
