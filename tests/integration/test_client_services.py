"""Two services under one process manager, and the first calls the second by the client: the example, for real."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from bench.harness.server import free_ports
from tests.support.heavy_documents import heavy_documents
from tests.support.http_server import serving_in_thread
from tests.support.server import TIMEOUT_S, Journal
from tests.support.tokens import SECRET
from tests.support.trace_collector import Collector

EXAMPLES = Path(__file__).parents[2] / "client" / "examples"

TRACE = "0af7651916cd43dd8448eb211c80319c"

TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"

# The process manager: starts both, passes SIGTERM on to both, and ends when both have ended, with the status of
# Scorepool. (uvicorn ends by the signal that it was sent, after its drain.)
MANAGER = """
trap 'kill $scorepool $duplicates' TERM
"$PYTHON" -m service serve & scorepool=$!
"$PYTHON" -m uvicorn --factory --app-dir "$EXAMPLES" --port "$DUPLICATES_PORT" --log-level critical \
    duplicates:create & duplicates=$!
wait; wait $scorepool; first=$?; wait $duplicates; exit $first
"""


class Managed:
    """Both services: the address of the example, and the log of Scorepool."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        assert process.stderr is not None
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.journal = Journal(process.stderr)


@contextmanager
def managed(bundle: Path, **environment: str) -> Iterator[Managed]:
    """Run both until the end of the block."""
    scorepool, duplicates = free_ports(2)
    variables = {
        "PYTHON": sys.executable,
        "EXAMPLES": str(EXAMPLES),
        "DUPLICATES_PORT": str(duplicates),
        "SCOREPOOL_URL": f"http://127.0.0.1:{scorepool}",
        "SCOREPOOL_PORT": str(scorepool),
        "SCOREPOOL_BUNDLE": str(bundle),
        "SCOREPOOL_JWT_SECRET": SECRET,
        "SCOREPOOL_WORKERS": "1",
        "SCOREPOOL_LOG_FORMAT": "json",
        **environment,
    }
    command = ["/bin/sh", "-c", MANAGER]
    with subprocess.Popen(
        command,
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        services = Managed(process, duplicates)
        try:
            services.journal.await_events(event="slot_state", state="ready")
            await_port(duplicates)
            yield services
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def await_port(port: int) -> None:
    """Wait until something listens there."""
    while True:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """Collect the traces of both."""
    with serving_in_thread(Collector()) as server:
        yield server


@pytest.fixture(scope="module")
def services(demo_bundle: Path, collector: Collector) -> Iterator[Managed]:
    """Run both services, with traces."""
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    with managed(demo_bundle, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint) as running:
        yield running


def ask(
    services: Managed, headlines: list[str], headers: dict[str, str] | None = None, timeout: float = TIMEOUT_S
) -> httpx.Response:
    """Ask the example which headlines tell the same story."""
    return httpx.post(f"{services.url}/duplicates", json=headlines, headers=headers, timeout=timeout)


def test_an_answer_comes_through_both(services: Managed) -> None:
    """From a real model: the same words are the same vector."""
    assert ask(services, ["storms close ports", "ports close storms", "Rates rise"]).json() == [[0, 1]]


def test_the_callers_deadline_ends_the_work_of_the_worker(services: Managed) -> None:
    """It was sent to the first service only."""
    since = len(services.journal.events)
    documents = heavy_documents(3)
    headers = {"X-Request-Timeout-Ms": "300", "X-Request-ID": "caller-2"}

    answer = ask(services, documents, headers)

    assert (answer.status_code, answer.json()["error"]) == (503, "deadline_exceeded")
    services.journal.await_events(1, since, event="slot_ended", reason="deadline")
    services.journal.await_events(1, since, event="request", request_id="caller-2", status=504)


def test_a_caller_that_leaves_the_first_frees_the_slot_of_the_second(services: Managed) -> None:
    """Connection by connection; then the slot answers the next one."""
    since = len(services.journal.events)

    with pytest.raises(httpx.ReadTimeout):
        ask(services, heavy_documents(4) + heavy_documents(5), timeout=0.7)

    services.journal.await_events(1, since, event="slot_ended", reason="cancelled")
    assert ask(services, ["storms", "storms"]).json() == [[0, 1]]


def test_a_trace_reaches_the_worker_and_both_stop_cleanly(services: Managed, collector: Collector) -> None:
    """The spans of the worker's stages belong to the caller's trace; the last test, since it stops the services."""
    ask(services, ["storms", "storms"], {"traceparent": TRACEPARENT})

    services.process.send_signal(signal.SIGTERM)

    assert services.process.wait(TIMEOUT_S) == 0
    traced = {span.name for span in collector.spans if span.trace_id.hex() == TRACE}
    assert {"POST /score", "queue", "score", "embed", "similarity"} <= traced
