"""`/explain` over HTTP with real workers: the same way as `/score`, through the same doors."""

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.prometheus_samples import differences
from tests.support.server import Reply, Server, running_server

TWO = json.dumps({"documents": ["Storms close the harbour", "Harbour shut by gales"]}).encode()


@pytest.fixture(scope="module")
def server(demo_bundle: Path) -> Iterator[Server]:
    """Run a server with one worker that also executes commands."""
    with running_server(demo_bundle, workers=1, max_body_bytes=100_000) as server:
        server.await_ready()
        yield server


def explain(server: Server, body: bytes = TWO, **headers: str) -> Reply:
    """Send a body to /explain with a valid token."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return server.request("POST", "/explain", body, server.headers | given)


def test_words_add_up_to_the_similarity_that_scoring_gives(server: Server) -> None:
    """Over HTTP, with the stages in Server-Timing."""
    reply = explain(server)

    answer = json.loads(reply.body)
    scored = json.loads(server.score(TWO).body)["documents"][0]["neighbours"][0]["similarity"]
    assert reply.status == 200
    assert answer["similarity"] == pytest.approx(scored, abs=1e-5)
    for document in answer["documents"]:
        total = sum(word["contribution"] for word in document["contributions"]) + document["rest"]
        assert total == pytest.approx(answer["similarity"], abs=1e-5)
    assert "similarity;dur=" in reply.headers["server-timing"]


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (TWO, {"Authorization": "Bearer x"}, "invalid_token"),
        (TWO, {"Content_Type": "text/plain"}, "unsupported_media_type"),
        (TWO, {"Accept": "application/x-npy"}, "not_acceptable"),
        (TWO, {"X_Request_Timeout_Ms": "0"}, "invalid_request"),
        (b" " * 100_001, {}, "body_too_large"),
        (b"{", {}, "invalid_json"),
        (b'{"documents": ["a"]}', {}, "invalid_document"),
        (b"sleep 60", {"X_Request_Timeout_Ms": "200"}, "deadline_exceeded"),
    ],
)
def test_errors_are_those_of_scoring(server: Server, body: bytes, headers: dict[str, str], code: str) -> None:
    """Before the worker, in it, and when it takes too long."""
    assert explain(server, body, **headers).code == code


def test_it_is_counted_under_its_route(server: Server) -> None:
    """In the metrics, in the status and in the log."""
    before, requests = server.metrics(), server.status()["last_minute"]["requests"]

    request_id = explain(server).headers["x-request-id"]

    change = differences(before, server.metrics())
    labels = 'http_request_method="POST",http_route="/explain",http_response_status_code="200"'
    assert change[f"http_server_request_duration_seconds_count{{{labels}}}"] == 1
    assert change["scorepool_documents_total"] == 2
    assert server.status()["last_minute"]["requests"] == requests + 1
    (line,) = server.journal.await_events(event="request", request_id=request_id)
    assert (line["route"], line["documents"]) == ("/explain", 2)


def test_it_is_run_again_when_its_worker_dies(server: Server) -> None:
    """Its client notices nothing."""
    with ThreadPoolExecutor() as threads:
        server_busy = threads.submit(server.score, b"sleep 0.5")
        worker = server.busy_worker()
        waiting = threads.submit(explain, server)
        os.kill(worker, signal.SIGKILL)

        assert waiting.result().status == 200
        assert server_busy.result().status == 200
