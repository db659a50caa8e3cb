"""Traces, where OpenTelemetry's own environment variables ask for them: the client's trace, continued.

    POST /score ─┬─ queue
                 └─ score ── decode, embed, cluster, similarity, encode

A request's spans are made at its end, of the times that came home with its outcome: nothing of this runs in
the worker, or before the answer is written. The length of a stage is exact; its place assumes that the stages
end where the call does, which is too late for the first of a batch.

Importing this module imports OpenTelemetry: `service.observability.telemetry` does so only where traces are wanted.
"""

import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service.api.outcome import Outcome
from service.observability.metrics import METHODS
from service.observability.prometheus import OTHER
from service.observability.request_record import RequestRecord

SERVICE = "scorepool"

# What the collector has not taken this long after the last request is given up.
FLUSH_S = 2.0


def collected_tracing() -> "Tracing":
    """Return the tracing that sends to the collector which the environment names, by OTLP over HTTP."""
    return Tracing(BatchSpanProcessor(OTLPSpanExporter()))


class _Clock(NamedTuple):
    """Turns the event loop's seconds into the nanoseconds of the calendar."""

    offset_ns: int

    def at(self, moment: float) -> int:
        """Return the moment since 1970."""
        return int(moment * 1e9) + self.offset_ns


class Tracing:
    """Makes the spans of requests; belongs to the event loop's thread."""

    def __init__(self, processor: SpanProcessor) -> None:
        """Hand every span to `processor`. Sampling and resource are as the environment says."""
        resource = Resource.create()
        if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: SERVICE}))
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(SERVICE)
        self._propagator = TraceContextTextMapPropagator()

    def ended(self, record: RequestRecord) -> str:
        """Make the spans of a request that has ended; return its trace's id in hexadecimal digits."""
        method = record.method if record.method in METHODS else OTHER
        clock = _Clock(time.time_ns() - time.monotonic_ns())
        span = self._tracer.start_span(
            f"{method} {record.route or OTHER}",
            self._propagator.extract(_carrier(record)),
            SpanKind.SERVER,
            start_time=clock.at(record.began),
        )
        if span.is_recording():
            _describe(span, record)
            if record.outcome is not None:
                self._add_parts(span, record.outcome, clock.at(record.scored))
        span.end(clock.at(record.ended))
        return format(span.get_span_context().trace_id, "032x")

    def close(self) -> None:
        """Send what is left, as far as the collector takes it within `FLUSH_S`."""
        # The provider itself may wait for half a minute.
        flushing = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        flushing.start()
        flushing.join(FLUSH_S)

    def _add_parts(self, span: Span, outcome: Outcome, scored: int) -> None:
        """Add the spans of the queue, the call and its stages, which ended at `scored`."""
        called = scored - _ns(outcome.run_ms)
        within = set_span_in_context(span)
        queue = self._tracer.start_span("queue", within, start_time=called - _ns(outcome.queue_ms))
        queue.end(called)
        if outcome.slot is None:
            return
        call = self._tracer.start_span(
            "score",
            within,
            start_time=called,
            attributes={"scorepool.slot": outcome.slot, "scorepool.attempts": outcome.attempts},
        )
        within = set_span_in_context(call)
        for name, start, end in _stages(outcome, scored):
            self._tracer.start_span(name, within, start_time=start).end(end)
        call.end(scored)


def _carrier(record: RequestRecord) -> dict[str, str]:
    """Return the headers of W3C Trace Context as the propagator wants them."""
    given = ((name, record.fields.get(name.encode())) for name in ("traceparent", "tracestate"))
    return {name: value.decode("latin-1") for name, value in given if value is not None}


def _describe(span: Span, record: RequestRecord) -> None:
    """Set what OpenTelemetry's conventions say of a request, and how much was scored."""
    span.set_attributes(
        {
            "http.request.method": record.method if record.method in METHODS else OTHER,
            "http.route": record.route,
            "http.response.status_code": record.status,
            "scorepool.request_id": record.request_id,
        }
    )
    if record.outcome is not None:
        span.set_attribute("scorepool.documents", record.outcome.facts.documents)
    if record.code != "ok":
        span.set_attribute("error.type", record.code)
    if record.status >= 500:
        span.set_status(Status(StatusCode.ERROR))


def _stages(outcome: Outcome, end: int) -> Iterator[tuple[str, int, int]]:
    """Yield each stage with its start and end, the last one first."""
    for name, milliseconds in reversed(outcome.facts.stages):
        start = end - _ns(milliseconds)
        yield name, start, end
        end = start


def _ns(milliseconds: float) -> int:
    return int(milliseconds * 1e6)
