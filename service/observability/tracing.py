"""Traces of requests, by OpenTelemetry: each continues the client's trace. Off unless its variables name a collector.

    POST /score ─┬─ queue
                 └─ score ── decode, embed, cluster, similarity, encode     or explain, likewise

A request's spans are made after its answer is written, from the times in its outcome: nothing here runs in a
worker. The duration of a stage is exact. Its start is computed backwards, as if the last stage ended with the
call; for all but the last request of a batch that is too late.

Importing this module imports OpenTelemetry: `service.observability.telemetry` does so only when traces are on.
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

DEFAULT_SERVICE_NAME = "scorepool"

# Seconds that the end of the server may wait for the collector; spans not sent by then are lost.
FLUSH_S = 2.0


def otlp_tracing() -> "Tracing":
    """Return tracing that sends spans by OTLP over HTTP to the collector that the environment names."""
    return Tracing(BatchSpanProcessor(OTLPSpanExporter()))


class _Clock(NamedTuple):
    """Converts seconds of the event loop's clock to nanoseconds since 1970."""

    offset_ns: int

    def at(self, moment: float) -> int:
        """Return nanoseconds since 1970."""
        return int(moment * 1e9) + self.offset_ns


class Tracing:
    """Makes the spans of requests; belongs to the event loop's thread."""

    def __init__(self, processor: SpanProcessor) -> None:
        """Give every span to `processor`. Sampling and resource are set by OpenTelemetry's variables."""
        resource = Resource.create()
        if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: DEFAULT_SERVICE_NAME}))
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(DEFAULT_SERVICE_NAME)
        self._propagator = TraceContextTextMapPropagator()

    def ended(self, record: RequestRecord) -> str:
        """Make the spans of a request that has ended; return its trace id in hexadecimal digits."""
        method = record.method if record.method in METHODS else OTHER
        clock = _Clock(time.time_ns() - time.monotonic_ns())
        span = self._tracer.start_span(
            f"{method} {record.route or OTHER}",
            self._propagator.extract(_carrier(record)),
            SpanKind.SERVER,
            start_time=clock.at(record.began),
        )
        if span.is_recording():
            _set_attributes(span, record)
            if record.outcome is not None:
                operation = record.route.removeprefix("/")
                self._add_child_spans(span, operation, record.outcome, clock.at(record.scored))
        span.end(clock.at(record.ended))
        return format(span.get_span_context().trace_id, "032x")

    def close(self) -> None:
        """Send the remaining spans, for at most `FLUSH_S` seconds."""
        # In a thread, since the provider's own shutdown may wait for 30 s.
        flushing = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        flushing.start()
        flushing.join(FLUSH_S)

    def _add_child_spans(self, span: Span, operation: str, outcome: Outcome, scored_ns: int) -> None:
        """Add the spans of the queue, the call and its stages, which ended at `scored_ns`."""
        called = scored_ns - _ns(outcome.run_ms)
        within = set_span_in_context(span)
        queue = self._tracer.start_span("queue", within, start_time=called - _ns(outcome.queue_ms))
        queue.end(called)
        if outcome.slot is None:
            return
        call = self._tracer.start_span(
            operation,
            within,
            start_time=called,
            attributes={"scorepool.slot": outcome.slot, "scorepool.attempts": outcome.attempts},
        )
        within = set_span_in_context(call)
        for name, start, end in _stages(outcome, scored_ns):
            self._tracer.start_span(name, within, start_time=start).end(end)
        call.end(scored_ns)


def _carrier(record: RequestRecord) -> dict[str, str]:
    """Return the headers of W3C Trace Context in the type that the propagator takes."""
    given = ((name, record.fields.get(name.encode())) for name in ("traceparent", "tracestate"))
    return {name: value.decode("latin-1") for name, value in given if value is not None}


def _set_attributes(span: Span, record: RequestRecord) -> None:
    """Set the attributes of OpenTelemetry's HTTP conventions, and the number of documents."""
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
    """Yield (name, start, end) of each stage, the last one first."""
    for name, milliseconds in reversed(outcome.facts.stages):
        start = end - _ns(milliseconds)
        yield name, start, end
        end = start


def _ns(milliseconds: float) -> int:
    return int(milliseconds * 1e6)
