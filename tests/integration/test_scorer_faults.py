"""What a scorer can do to its worker, each done to a real server, hurts no other request."""

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import Reply, Server, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Run a server with one worker, so that every request meets what the last one has left."""
    with serving("Faulty") as server:
        server.await_ready()
        server.score(b'"echo"')  # sets the scale of its costs
        yield server


def ask(server: Server, text: str) -> Reply:
    """Have the scorer do something."""
    return server.score(json.dumps(text).encode())


def beside(server: Server, text: str, mates: int = 4) -> tuple[Reply, list[Reply]]:
    """Have the scorer do something in one call with harmless requests; return its answer and theirs.

    They wait while the one worker is busy, and then share a call.
    """
    replies: dict[int, Reply] = {}

    def send(position: int, command: str) -> None:
        replies[position] = ask(server, command)

    first = server.begin(b'"echo 0.3"')
    server.busy_worker()
    threads = [
        threading.Thread(target=send, args=(position, text if position == 1 else "echo"))
        for position in range(mates + 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first.close()
    return replies.pop(1), list(replies.values())


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("reject too short", "invalid_document"),
        ("fail secret", "internal_error"),
        ("nan", "internal_error"),
        ("unknown", "internal_error"),
        ("exit_python", "internal_error"),
        ("exit_hard", "worker_crashed"),
        ("segfault", "worker_crashed"),
    ],
)
def test_a_faulty_request_fails_alone(server: Server, command: str, code: str) -> None:
    """Whatever it does: the others of its call are answered."""
    faulty, others = beside(server, command)

    assert faulty.code == code
    assert [reply.status for reply in others] == [200] * 4
    assert b"secret" not in faulty.body


def test_a_rejection_is_told_in_the_scorers_words(server: Server) -> None:
    """They are meant for the client."""
    reply = ask(server, "reject the text is too short")

    assert (reply.status, json.loads(reply.body)["detail"]) == (422, "the text is too short")


def test_an_exception_is_logged_without_its_message(server: Server) -> None:
    """By its class and place: the message may hold a client's text."""
    since = len(server.journal.events)

    ask(server, "fail secret")

    event = server.journal.await_events(since=since, event="scoring_failed")[0]
    assert event["error"].startswith("KeyError at ")
    assert "scorers.py" in event["error"]
    assert "secret" not in json.dumps(server.journal.events)


@pytest.mark.parametrize("name", ["Short", "Wrong"])
def test_a_result_of_the_wrong_shape_names_the_scorer(name: str) -> None:
    """And says what was wrong with it."""
    with serving(name) as server:
        server.await_ready()

        reply = server.score(b"1")

        if name == "Wrong":
            assert json.loads(reply.body)["detail"] == "the scorer Wrong returned ndarray instead of a list"
        else:
            assert reply.status == 200


def test_what_is_printed_is_in_the_log_with_the_slot(server: Server) -> None:
    """Also what a child prints, on either stream."""
    since = len(server.journal.events)

    ask(server, "say hello")

    events = server.journal.await_events(3, since, event="worker_output", slot=0)
    assert {event["line"] for event in events} >= {"hello", "hello of a child"}


def test_a_flood_of_lines_is_bounded_and_counted(server: Server) -> None:
    """And the worker goes on."""
    since = len(server.journal.events)

    assert ask(server, "flood 100000").status == 200

    dropped = server.journal.await_events(since=since, event="worker_output_dropped")
    assert dropped[0]["lines"] > 1_000
    assert len(server.journal.find(since, event="worker_output")) < 10_000


def test_standard_input_is_closed(server: Server) -> None:
    """A read ends at once."""
    assert ask(server, "read").body == b'""'


def test_code_that_holds_the_interpreter_is_ended_at_its_deadline(server: Server) -> None:
    """And nobody else waits for it."""
    reply = server.score(b'"hold_gil"', X_Request_Timeout_Ms="300")

    assert reply.code == "deadline_exceeded"
    assert ask(server, "echo").status == 200


def test_a_child_that_goes_on_as_a_worker_is_ended(server: Server) -> None:
    """Only the worker answers; the child is gone."""
    child = json.loads(ask(server, "fork").body)["child"]

    assert child > 0
    while os.path.exists(f"/proc/{child}") and not is_zombie(child):  # noqa: PTH110
        time.sleep(0.01)
    assert ask(server, "echo").status == 200


def test_children_end_with_their_worker(server: Server) -> None:
    """Also when the worker ends by itself."""
    started = json.loads(ask(server, "child").body)

    ask(server, "exit_hard with a child")

    while os.path.exists(f"/proc/{started['child']}") and not is_zombie(started["child"]):  # noqa: PTH110
        time.sleep(0.01)
    assert ask(server, "echo").status == 200


def test_threads_are_left_alone(server: Server) -> None:
    """A worker with threads answers on."""
    before = json.loads(ask(server, "thread").body)

    assert json.loads(ask(server, "thread").body) == before + 1


def test_a_worker_is_replaced_after_its_calls() -> None:
    """The reason is `recycle`, and no request notices."""
    with serving("Faulty", worker_max_calls=3) as server:
        server.await_ready()

        pids = {json.loads(ask(server, "echo").body)["pid"] for _ in range(9)}

        assert len(pids) == 3
        assert len(server.journal.find(event="slot_ended", reason="recycle")) >= 2


def test_a_leak_is_ended_before_it_reaches_the_limit() -> None:
    """By a replacement between two calls."""
    with serving("Faulty", worker_memory_bytes=512 * 1024 * 1024) as server:
        server.await_ready()

        replies = [ask(server, "leak 20") for _ in range(30)]

        assert [reply.status for reply in replies] == [200] * 30
        assert server.journal.find(event="slot_ended", reason="recycle")


def is_zombie(pid: int) -> bool:
    """Return whether a process has ended and only its entry is left."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
