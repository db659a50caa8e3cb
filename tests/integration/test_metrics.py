"""Each metric moves when and only when it should: over HTTP, with real workers that die."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.prometheus_samples import differences, without_buckets
from tests.support.server import DOCUMENTS, Server, running_server

# What moves by itself, or because somebody looks at it.
RESTLESS = ("scorepool_event_loop_lag", "scorepool_worker_memory", "http_server_active_requests", "/metrics")


@pytest.fixture(scope="module")
def shared(demo_bundle: Path) -> Iterator[Server]:
    """Run a server with one worker: what is queued, and behind what, is then certain."""
    with running_server(demo_bundle, workers=1, worker_memory_bytes=512 << 20, queue_budget_s=60) as server:
        server.await_ready()
        yield server


@pytest.fixture
def server(shared: Server) -> Server:
    """Return the server at rest, with a worker that has just answered."""
    assert shared.score(b"echo").status == 200
    return shared


def changes(
    server: Server, act: Callable[[], object], *, until: str = "", deaths: int = 1
) -> dict[str, float]:
    """Return what `act` has counted, with so many deaths for the reason `until` if any are to come."""
    before, mark = server.metrics(), len(server.journal.events)
    act()
    if until:
        server.journal.await_events(deaths, mark, event="slot_ended", reason=until)
        server.journal.await_events(deaths, mark, event="slot_state", state="ready")
    change = without_buckets(differences(before, server.metrics()))
    return {key: value for key, value in change.items() if not any(part in key for part in RESTLESS)}


def requests(status: int, *, route: str = "/score", method: str = "POST") -> str:
    """Name the number of requests that ended so."""
    labels = f'http_request_method="{method}",http_route="{route}",http_response_status_code="{status}"'
    return f"http_server_request_duration_seconds_count{{{labels}}}"


def one_call(*, of: int = 1) -> dict[str, float]:
    """Return what a call of a worker counts."""
    return {"scorepool_batch_jobs_count": 1, "scorepool_queue_duration_seconds_count": of}


def rejected(code: str) -> str:
    """Name a counter of refusals."""
    return f'scorepool_rejected_total{{code="{code}"}}'


def failed(code: str) -> str:
    """Name a counter of failures."""
    return f'scorepool_failures_total{{code="{code}"}}'


def restarted(reason: str) -> str:
    """Name a counter of workers that ended."""
    return f'scorepool_slot_restarts_total{{reason="{reason}"}}'


def stage(name: str) -> str:
    """Name the number of times that a stage was gone through."""
    return f'scorepool_stage_duration_seconds_count{{stage="{name}"}}'


def test_a_scored_request(server: Server) -> None:
    """Counts its call, its stages, its documents and where they fell."""
    change = changes(server, server.score)

    clusters = {key: value for key, value in change.items() if "cluster_assignments" in key}
    assert sum(clusters.values()) == 3
    assert {key: value for key, value in change.items() if key not in clusters} == {
        requests(200): 1,
        **one_call(),
        **{stage(name): 1 for name in ("decode", "embed", "cluster", "similarity", "encode")},
        "scorepool_documents_total": 3,
        "scorepool_pairs_total": 3,
        "scorepool_unknown_tokens_ratio_count": 1,
    }


def test_a_refusal_at_the_door(server: Server) -> None:
    """Counts the refusal and no work."""
    change = changes(server, lambda: server.request("POST", "/score", DOCUMENTS))

    assert change == {requests(401): 1, rejected("missing_token"): 1}


def test_a_refusal_by_the_worker(server: Server) -> None:
    """Counts the refusal, its call, and the one stage that it came to."""
    change = changes(server, lambda: server.score(b'{"documents": []}'))

    assert change == {requests(422): 1, rejected("invalid_document"): 1, **one_call(), stage("decode"): 1}


def test_a_refusal_by_the_connection(server: Server) -> None:
    """Counts what never became a request."""

    def send_rubbish() -> None:
        with socket.create_connection(server.address) as connection:
            connection.sendall(b"rubbish\r\n\r\n")
            assert b" 400 " in connection.recv(1000)

    change = changes(server, send_rubbish)

    assert change == {requests(400, route="_OTHER", method="_OTHER"): 1, rejected("invalid_request"): 1}


def test_a_path_that_is_not_there(server: Server) -> None:
    """Counts the refusal under no path."""
    change = changes(server, lambda: server.request("GET", "/secret-path"))

    assert change == {requests(404, route="_OTHER", method="GET"): 1, rejected("not_found"): 1}


def test_a_worker_killed_from_outside(server: Server) -> None:
    """Counts a restart; the request is tried again, and succeeds."""

    def kill_while_it_works() -> None:
        with server.begin(b"spin 0.5") as connection:
            os.kill(server.busy_worker(), signal.SIGKILL)
            assert b" 200 " in connection.recv(1000)

    change = changes(server, kill_while_it_works, until="crash")

    status_requests = {key: value for key, value in change.items() if "/status" in key}
    assert {key: value for key, value in change.items() if key not in status_requests} == {
        requests(200): 1,
        restarted("crash"): 1,
        "scorepool_batch_jobs_count": 2,
        "scorepool_queue_duration_seconds_count": 2,
        "scorepool_documents_total": 1,
    }


def test_a_body_that_kills_its_workers(server: Server) -> None:
    """Counts both restarts and one failure; the next time it is refused."""
    body = b"kill_self SIGSEGV"

    change = changes(server, lambda: server.score(body), until="crash", deaths=2)
    again = changes(server, lambda: server.score(body))

    assert change[failed("worker_crashed")] == change[requests(500)] == 1
    assert change[restarted("crash")] == 2
    assert again == {requests(422): 1, rejected("poison_request"): 1}


def test_a_deadline_that_passes_in_the_worker(server: Server) -> None:
    """Counts a failure and a restart."""
    change = changes(server, lambda: server.score(b"sleep 60", X_Request_Timeout_Ms="200"), until="deadline")

    assert change == {
        requests(504): 1, failed("deadline_exceeded"): 1, restarted("deadline"): 1, **one_call(),
    }  # fmt: skip


def test_a_deadline_that_passes_in_the_queue(server: Server) -> None:
    """Counts a failure and no call."""
    with ThreadPoolExecutor() as others:
        first = others.submit(server.score, b"sleep 0.5")
        server.busy_worker()

        change = changes(server, lambda: server.score(b"echo", X_Request_Timeout_Ms="100"))

        assert first.result().status == 200
    assert change == {requests(504): 1, failed("deadline_exceeded"): 1}


def test_a_client_that_leaves(server: Server) -> None:
    """Counts a 499, a failure, and the worker that was not worth waiting for."""

    def leave() -> None:
        with server.begin(b"sleep 60"):
            server.busy_worker()

    change = changes(server, leave, until="cancelled")

    assert {key: value for key, value in change.items() if "/status" not in key} == {
        requests(499): 1, failed("client_closed"): 1, restarted("cancelled"): 1, **one_call(),
    }  # fmt: skip


def test_a_client_that_leaves_without_taking_its_answer(server: Server) -> None:
    """Counts a 499 and a failure, although the work was done."""

    def leave() -> None:
        mark = len(server.journal.events)
        with server.begin(b"answer_of 30000000") as connection:
            assert connection.recv(10)
        server.journal.await_events(since=mark, status=499)

    assert changes(server, leave) == {
        requests(499): 1, failed("client_closed"): 1, **one_call(), "scorepool_documents_total": 1,
    }  # fmt: skip


def test_requests_that_share_a_call(server: Server) -> None:
    """Count one call, and each its own wait."""

    def send_five() -> None:
        with ThreadPoolExecutor() as clients:
            first = clients.submit(server.score, b"sleep 0.5")
            server.busy_worker()
            rest = [clients.submit(server.score, b"echo %d" % number) for number in range(4)]
            assert [reply.result().status for reply in (first, *rest)] == [200] * 5

    change = changes(server, send_five)

    assert {key: value for key, value in change.items() if "/status" not in key} == {
        requests(200): 5,
        "scorepool_batch_jobs_count": 2,
        "scorepool_queue_duration_seconds_count": 5,
        "scorepool_documents_total": 5,
    }


def test_a_fault_of_ours(server: Server) -> None:
    """Counts a failure; the worker lives."""
    change = changes(server, lambda: server.score(b"fail the text of a client"))

    assert change == {requests(500): 1, failed("internal_error"): 1, **one_call()}


def test_memory_beyond_the_limit(server: Server) -> None:
    """Counts a restart for each try, by its reason."""
    change = changes(server, lambda: server.score(b"hog"), until="memory", deaths=2)

    assert change[restarted("memory")] == 2
    assert change[failed("worker_crashed")] == 1


def test_the_kernels_timer(server: Server) -> None:
    """Ends a worker whose server is too late to, which is counted when the server is back."""

    def stop_the_server() -> None:
        with server.begin(b"spin 60", X_Request_Timeout_Ms="300") as connection:
            server.pause_until_exit_of(server.busy_worker())
            assert b" 504 " in connection.recv(1000)

    assert changes(server, stop_the_server, until="timer")[restarted("timer")] == 1
