"""A client's trace continues in the stages of the worker, and the collector receives its spans."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.http_server import serving_in_thread
from tests.support.server import running_server
from tests.support.trace_collector import Collector

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Collect on a loopback port."""
    with serving_in_thread(Collector()) as server:
        yield server


def test_a_trace_continues_in_the_stages_of_the_worker(
    demo_bundle: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server sends all spans before it exits, and the request's log line names the trace."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
    with running_server(demo_bundle, workers=1) as server:
        server.await_ready()
        assert server.score(traceparent=f"00-{TRACE}-{PARENT}-01").status == 200
        server.stop()

    spans = {span.name: span for span in collector.spans}
    [line] = server.journal.find(route="/score")
    assert spans.keys() == {
        "POST /score", "queue", "score", "decode", "embed", "cluster", "similarity", "encode",
    }  # fmt: skip
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE} == {line["trace_id"]}
    assert spans["POST /score"].parent_span_id.hex() == PARENT
    assert spans["encode"].parent_span_id == spans["score"].span_id
