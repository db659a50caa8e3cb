"""Which metrics each kind of request changes, over HTTP with real workers."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.prometheus_samples import differences, without_buckets
from tests.support.server import DOCUMENTS, Server, running_server

# Metrics that change without a request, or with the request for the metrics.
IGNORED = (
    *("scorepool_event_loop_lag", "scorepool_worker_memory", "scorepool_connections"),
    *("http_server_active_requests", "process_", "/metrics"),
)


@pytest.fixture(scope="module")
def shared(demo_bundle: Path) -> Iterator[Server]:
    """Run a server with one worker, so that the order of the queue is known."""
    with running_server(demo_bundle, workers=1, worker_memory_bytes=512 << 20, queue_budget_s=60) as server:
        server.await_ready()
        yield server


@pytest.fixture
def server(shared: Server) -> Server:
    """Return the server when it is idle, with a worker that has answered."""
    assert shared.score(b"echo").status == 200
    return shared


def changes(
    server: Server, act: Callable[[], object], *, until: str = "", deaths: int = 1
) -> dict[str, float]:
    """Return the changes that `act` makes; with `until`, after so many workers ended for that reason."""
    before, mark = server.metrics(), len(server.journal.events)
    act()
    if until:
        server.journal.await_events(deaths, mark, event="slot_ended", reason=until)
        server.journal.await_events(deaths, mark, event="slot_state", state="ready")
    change = without_buckets(differences(before, server.metrics()))
    return {key: value for key, value in change.items() if not any(part in key for part in IGNORED)}


def requests(status: int, *, route: str = "/score", method: str = "POST") -> str:
    """Name the counter of requests with this status."""
    labels = f'http_request_method="{method}",http_route="{route}",http_response_status_code="{status}"'
    return f"http_server_request_duration_seconds_count{{{labels}}}"


def one_call(*, of: int = 1) -> dict[str, float]:
    """Return the changes that one call to a worker makes."""
    return {"scorepool_batch_jobs_count": 1, "scorepool_queue_duration_seconds_count": of}


def rejected(code: str) -> str:
    """Name the counter of refusals with this code."""
    return f'scorepool_rejected_total{{code="{code}"}}'


def failed(code: str) -> str:
    """Name the counter of failures with this code."""
    return f'scorepool_failures_total{{code="{code}"}}'


def restarted(reason: str) -> str:
    """Name the counter of workers that ended for this reason."""
    return f'scorepool_slot_restarts_total{{reason="{reason}"}}'


def stage(name: str) -> str:
    """Name the counter of the runs of a stage."""
    return f'scorepool_stage_duration_seconds_count{{stage="{name}"}}'


def test_a_scored_request_counts_its_work(server: Server) -> None:
    """It counts its call, its stages, its documents and their clusters."""
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


def test_a_refusal_by_the_server_counts_no_work(server: Server) -> None:
    """It counts the request and the refusal."""
    change = changes(server, lambda: server.request("POST", "/score", DOCUMENTS))

    assert change == {requests(401): 1, rejected("missing_token"): 1}


def test_a_refusal_by_the_worker_counts_its_call(server: Server) -> None:
    """It counts the refusal, its call and the stage that it reached."""
    change = changes(server, lambda: server.score(b'{"documents": []}'))

    assert change == {requests(422): 1, rejected("invalid_document"): 1, **one_call(), stage("decode"): 1}


def test_a_refusal_by_the_connection_is_counted(server: Server) -> None:
    """The request counts under the method and the route `_OTHER`."""

    def send_rubbish() -> None:
        with socket.create_connection(server.address) as connection:
            connection.sendall(b"rubbish\r\n\r\n")
            assert b" 400 " in connection.recv(1000)

    change = changes(server, send_rubbish)

    assert change == {requests(400, route="_OTHER", method="_OTHER"): 1, rejected("invalid_request"): 1}


def test_an_unknown_path_counts_under_no_path(server: Server) -> None:
    """The refusal counts under the route `_OTHER`."""
    change = changes(server, lambda: server.request("GET", "/secret-path"))

    assert change == {requests(404, route="_OTHER", method="GET"): 1, rejected("not_found"): 1}


def test_a_worker_killed_from_outside_counts_a_restart(server: Server) -> None:
    """The request is retried, succeeds and counts as two calls."""

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


def test_a_body_that_kills_its_workers_counts_one_failure(server: Server) -> None:
    """It counts two restarts; the second request counts as a refusal."""
    body = b"kill_self SIGSEGV"

    change = changes(server, lambda: server.score(body), until="crash", deaths=2)
    again = changes(server, lambda: server.score(body))

    assert change[failed("worker_crashed")] == change[requests(500)] == 1
    assert change[restarted("crash")] == 2
    assert again == {requests(422): 1, rejected("poison_request"): 1}


def test_a_deadline_in_the_worker_counts_a_restart(server: Server) -> None:
    """It counts one failure and one call too."""
    change = changes(server, lambda: server.score(b"sleep 60", X_Request_Timeout_Ms="200"), until="deadline")

    assert change == {
        requests(504): 1, failed("deadline_exceeded"): 1, restarted("deadline"): 1, **one_call(),
    }  # fmt: skip


def test_a_deadline_in_the_queue_counts_no_call(server: Server) -> None:
    """It counts one failure."""
    with ThreadPoolExecutor() as others:
        first = others.submit(server.score, b"sleep 0.5")
        server.busy_worker()

        change = changes(server, lambda: server.score(b"echo", X_Request_Timeout_Ms="100"))

        assert first.result().status == 200
    assert change == {requests(504): 1, failed("deadline_exceeded"): 1}


def test_a_disconnect_in_a_long_call_counts_a_restart(server: Server) -> None:
    """It counts a 499, a failure and the worker that was killed."""

    def disconnect() -> None:
        with server.begin(b"sleep 60"):
            server.busy_worker()

    change = changes(server, disconnect, until="cancelled")

    assert {key: value for key, value in change.items() if "/status" not in key} == {
        requests(499): 1, failed("client_closed"): 1, restarted("cancelled"): 1, **one_call(),
    }  # fmt: skip


def test_a_disconnect_before_the_whole_answer_counts_a_failure(server: Server) -> None:
    """It counts a 499 although the documents were scored."""

    def disconnect() -> None:
        mark = len(server.journal.events)
        with server.begin(b"answer_of 30000000") as connection:
            assert connection.recv(10)
        server.journal.await_events(since=mark, status=499)

    assert changes(server, disconnect) == {
        requests(499): 1, failed("client_closed"): 1, **one_call(), "scorepool_documents_total": 1,
    }  # fmt: skip


def test_requests_that_share_a_call_count_one_call(server: Server) -> None:
    """Each of them counts its own time in the queue."""

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


def test_an_exception_in_the_worker_counts_a_failure(server: Server) -> None:
    """It counts no restart."""
    change = changes(server, lambda: server.score(b"fail the text of a client"))

    assert change == {requests(500): 1, failed("internal_error"): 1, **one_call()}


def test_the_memory_limit_counts_restarts(server: Server) -> None:
    """Each attempt counts one restart with the reason `memory`."""
    change = changes(server, lambda: server.score(b"hog"), until="memory", deaths=2)

    assert change[restarted("memory")] == 2
    assert change[failed("worker_crashed")] == 1


def test_the_kernel_timer_counts_a_restart(server: Server) -> None:
    """The timer ends the worker of a stopped server, which counts the restart when it continues."""

    def stop_the_server() -> None:
        with server.begin(b"spin 60", X_Request_Timeout_Ms="300") as connection:
            server.pause_until_exit_of(server.busy_worker())
            assert b" 504 " in connection.recv(1000)

    assert changes(server, stop_the_server, until="timer")[restarted("timer")] == 1
