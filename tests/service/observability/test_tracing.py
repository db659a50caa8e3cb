"""A request's spans continue the client's trace; without a collector OpenTelemetry is not even imported."""

from collections.abc import Mapping

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from service.api.outcome import Facts, Outcome
from service.observability.request_record import RequestRecord
from service.observability.telemetry import opened_tracer
from service.observability.tracing import Tracing
from tests.support.imports import modules_loaded_by

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
SAMPLED = f"00-{TRACE}-{PARENT}-01".encode()
UNSAMPLED = f"00-{TRACE}-{PARENT}-00".encode()

STAGES = (("decode", 1.0), ("embed", 2.0), ("encode", 3.0))


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    """Return an exporter that keeps the spans."""
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter) -> Tracing:
    """Return tracing that sends to the exporter."""
    return Tracing(SimpleSpanProcessor(exporter))


def scored_request(traceparent: bytes | None = None) -> RequestRecord:
    """Return a request of 30 ms: 5 in the queue, 10 in the worker, and 12 until the answer was taken."""
    fields = {} if traceparent is None else {b"traceparent": traceparent}
    facts = Facts(documents=2, stages=STAGES)
    outcome = Outcome("ok", b"", facts, slot=1, queue_ms=5.0, run_ms=10.0, attempts=1)
    return RequestRecord(
        "id", fields, "POST", 10.0, 10.030, "/score", 200, "ok", "alice", outcome, scored=10.018
    )


def spans(exporter: InMemorySpanExporter) -> Mapping[str, ReadableSpan]:
    """Return the spans by their names."""
    return {span.name: span for span in exporter.get_finished_spans()}


def milliseconds(span: ReadableSpan, since: ReadableSpan) -> tuple[float, float]:
    """Return the start and end of `span` in milliseconds after the start of `since`."""
    assert span.start_time is not None
    assert span.end_time is not None
    assert since.start_time is not None
    return (
        round((span.start_time - since.start_time) / 1e6, 1),
        round((span.end_time - since.start_time) / 1e6, 1),
    )


def parent_of(span: ReadableSpan) -> int:
    """Return the id of a span's parent."""
    assert span.parent is not None
    return span.parent.span_id


def id_of(span: ReadableSpan) -> int:
    """Return the id of a span."""
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def test_the_clients_trace_is_continued(tracing: Tracing, exporter: InMemorySpanExporter) -> None:
    """The request's span has the client's trace id, and the client's span as its parent."""
    trace_id = tracing.ended(scored_request(SAMPLED))

    assert trace_id == TRACE
    assert parent_of(spans(exporter)["POST /score"]) == int(PARENT, 16)


def test_the_stages_are_spans_within_the_call(tracing: Tracing, exporter: InMemorySpanExporter) -> None:
    """Each stage is a child of the call's span, with its own times."""
    tracing.ended(scored_request(SAMPLED))

    found = spans(exporter)
    request = found["POST /score"]
    assert {name: milliseconds(span, request) for name, span in found.items()} == {
        "POST /score": (0.0, 30.0),
        "queue": (3.0, 8.0),
        "score": (8.0, 18.0),
        "decode": (12.0, 13.0),
        "embed": (13.0, 15.0),
        "encode": (15.0, 18.0),
    }
    assert parent_of(found["encode"]) == id_of(found["score"])
    assert parent_of(found["queue"]) == parent_of(found["score"]) == id_of(request)


def test_a_request_without_a_trace_starts_one(tracing: Tracing, exporter: InMemorySpanExporter) -> None:
    """Its span has no parent, and its trace id is returned for the log."""
    trace_id = tracing.ended(scored_request())

    assert len(trace_id) == 32
    assert spans(exporter)["POST /score"].parent is None


def test_an_unsampled_trace_is_not_recorded(tracing: Tracing, exporter: InMemorySpanExporter) -> None:
    """The client's decision not to sample is kept; the trace id is still returned."""
    assert tracing.ended(scored_request(UNSAMPLED)) == TRACE
    assert not exporter.get_finished_spans()


@pytest.mark.parametrize("header", [b"", b"rubbish", b"00-0-0-01", b"\xff" * 55, SAMPLED + b"-more"])
def test_a_malformed_traceparent_is_ignored(
    tracing: Tracing, exporter: InMemorySpanExporter, header: bytes
) -> None:
    """The request starts its own trace."""
    assert tracing.ended(scored_request(header)) != TRACE
    assert "encode" in spans(exporter)


def test_a_failure_is_marked(tracing: Tracing, exporter: InMemorySpanExporter) -> None:
    """The span of a failed request has an error status and the code of the problem."""
    failed = RequestRecord("id", {}, "POST", 10.0, 10.1, "/score", 504, "deadline_exceeded", "alice")

    tracing.ended(failed)

    [span] = exporter.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes["error.type"] == "deadline_exceeded"
    assert not span.status.is_ok


def test_spans_contain_no_text_of_the_client(tracing: Tracing, exporter: InMemorySpanExporter) -> None:
    """Subject, path, unknown method and token are in no attribute."""
    odd = RequestRecord(
        "id", {b"authorization": b"Bearer canary"}, "CANARY", 10.0, 10.1, "", 404, "not_found", "canary"
    )

    tracing.ended(odd)

    assert "canary" not in exporter.get_finished_spans()[0].to_json().lower()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_traces_are_off_unless_a_collector_is_named(environ: Mapping[str, str]) -> None:
    """Without an endpoint, or when OpenTelemetry's variables disable traces, there is no tracer."""
    with opened_tracer(environ) as tracer:
        assert tracer is None


def test_opentelemetry_is_not_imported_when_traces_are_off() -> None:
    """Neither the server nor its telemetry imports it."""
    program = (
        "import service.server, service.observability.telemetry\n"
        "with service.observability.telemetry.opened_tracer({}): pass"
    )

    assert "opentelemetry" not in modules_loaded_by(program)


def test_a_named_collector_turns_traces_on() -> None:
    """The tracer also closes when nothing listens at that address."""
    with opened_tracer({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}) as tracer:
        assert tracer is not None
