"""The log of a server after every kind of failure: one JSON line for each request, with the right reason."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.server import DOCUMENTS, Server, running_server

# The id of each request that is sent, and the status and code that its line must have.
EXPECTED: Mapping[str, tuple[int, str]] = {
    "scored": (200, "ok"),
    "no-token": (401, "missing_token"),
    "no-such-path": (404, "not_found"),
    "no-json": (400, "invalid_json"),
    "killed": (500, "worker_crashed"),
    "poison": (422, "poison_request"),
    "too-much-memory": (500, "worker_crashed"),
    "past-its-deadline": (504, "deadline_exceeded"),
    "past-the-timer": (504, "deadline_exceeded"),
    "left": (499, "ok"),
    "fault": (500, "internal_error"),
}

CANARY = "canary-in-the-text"


@pytest.fixture(scope="module")
def server(demo_bundle: Path) -> Iterator[Server]:
    """Run a server, make every request of `EXPECTED`, and stop it."""
    with running_server(demo_bundle, workers=1, worker_memory_bytes=384 << 20) as server:
        server.await_ready()
        fail_in_every_way(server)
        server.stop()
        yield server


def fail_in_every_way(server: Server) -> None:
    """Send the requests of `EXPECTED` one after the other, each to an idle worker."""
    server.score(X_Request_ID="scored")
    server.request("POST", "/score", DOCUMENTS, {"X-Request-ID": "no-token"})
    server.request("GET", f"/{CANARY}", headers={"X-Request-ID": "no-such-path"})
    server.score(b'{"documents": ["' + CANARY.encode(), X_Request_ID="no-json")
    with deaths_of(server, 2):
        server.score(b"kill_self SIGABRT", X_Request_ID="killed")
    server.score(b"kill_self SIGABRT", X_Request_ID="poison")
    with deaths_of(server, 2):
        server.score(b"hog", X_Request_ID="too-much-memory")
    with deaths_of(server, 1):
        server.score(b"hold_gil", X_Request_ID="past-its-deadline", X_Request_Timeout_Ms="200")
    with (
        deaths_of(server, 1),
        server.begin(b"hang", X_Request_ID="past-the-timer", X_Request_Timeout_Ms="3000") as connection,
    ):
        server.pause_until_exit_of(server.busy_worker())
        connection.recv(1000)
    with deaths_of(server, 1), server.begin(b"sleep 60", X_Request_ID="left"):
        server.busy_worker()
    server.score(b"fail " + CANARY.encode(), X_Request_ID="fault")


@contextmanager
def deaths_of(server: Server, workers: int) -> Iterator[None]:
    """At the end, wait until so many workers have died and the last replacement has answered."""
    mark = len(server.journal.events)
    yield
    server.journal.await_events(workers, mark, event="slot_ended")
    server.journal.await_events(workers, mark, event="slot_state", state="ready")
    server.score(b"echo")


def test_every_line_is_json(server: Server) -> None:
    """Nothing else writes to standard error, whatever process dies."""
    assert not server.journal.other_lines


@pytest.mark.parametrize(("request_id", "end"), EXPECTED.items())
def test_each_request_has_one_line(server: Server, request_id: str, end: tuple[int, str]) -> None:
    """The line has the status and the code of the answer."""
    [line] = server.journal.find(event="request", request_id=request_id)

    assert (line["status"], line["code"]) == end


def test_every_death_has_its_reason(server: Server) -> None:
    """The log has the reason and the evidence, in the order of the deaths."""
    deaths = [(line["reason"], line["detail"]) for line in server.journal.find(event="slot_ended")]

    assert deaths == [
        ("crash", "SIGABRT"),
        ("crash", "SIGABRT"),
        ("memory", "memory limit reached"),
        ("memory", "memory limit reached"),
        ("deadline", "SIGKILL"),
        ("timer", "SIGALRM"),
        ("cancelled", "SIGKILL"),
        ("drain", "SIGKILL"),
    ]


def test_an_exception_is_logged_with_its_request(server: Server) -> None:
    """The line has the class of the exception and its place in the code."""
    [line] = server.journal.find(level="error")

    assert (line["event"], line["request_id"]) == ("scoring_failed", "fault")
    assert line["error"].startswith("ValueError at ")


def test_a_scored_request_has_its_times(server: Server) -> None:
    """The line has the milliseconds in the queue and in each stage."""
    [line] = server.journal.find(request_id="scored")

    assert (line["subject"], line["documents"], line["slot"]) == ("ann", 3, 0)
    assert {"queue_ms", "decode_ms", "embed_ms", "cluster_ms", "similarity_ms", "encode_ms"} <= line.keys()


def test_no_data_of_a_client_is_in_the_log(server: Server) -> None:
    """The log has no text, no unknown path and no token."""
    log = str(server.journal.events)

    assert CANARY not in log
    assert server.token not in log
    assert server.token.split(".")[2] not in log
