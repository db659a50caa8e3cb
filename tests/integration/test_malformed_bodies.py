"""Malformed bodies sent to a running server: each gets its code, and none ends a worker."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from service.api.problems import PROBLEMS
from tests.programs.fuzz import Client, fuzz
from tests.support.malformed_bodies import corpus, shortened
from tests.support.server import Server, running_server


@pytest.fixture(scope="module")
def server(demo_bundle: Path) -> Iterator[Server]:
    """Run a server with one worker, which must be the same process at the end."""
    with running_server(demo_bundle, scripted=False, workers=1) as server:
        server.await_ready()
        (before,) = pids(server)
        yield server
        assert pids(server) == [before]


def pids(server: Server) -> list[Any]:
    """Return the process ids of the workers."""
    return [slot["pid"] for slot in server.status()["slots"]]


@pytest.mark.parametrize(("body", "code"), corpus(), ids=shortened)
def test_a_malformed_body_is_answered_with_its_code(server: Server, body: bytes, code: str) -> None:
    """The answer is a problem that shows nothing of the implementation."""
    reply = server.score(body)

    assert (reply.code, reply.status) == (code, PROBLEMS[code].status)
    assert reply.headers["content-type"] == "application/problem+json"
    problem = json.loads(reply.body)
    assert problem["request_id"] == reply.headers["x-request-id"]
    for inside in ("Traceback", "msgspec", "orjson", "Error", "/service/", "object at 0x"):
        assert inside not in reply.body.decode()


def test_changed_requests_are_answered_as_the_oracle_says(server: Server) -> None:
    """A thousand requests get a verdict of the oracle over HTTP."""
    with closing(Client(server.url, server.token)) as client:
        seen, wrong = fuzz(1_000, 2, client.score)

    assert wrong == []
    assert seen["ok"] > 0


def test_texts_of_every_kind_are_scored(server: Server) -> None:
    """Control characters, all planes of Unicode, no letters, one long word: the answer is 200 with finite numbers."""
    texts = [
        "",
        "\x00\x01\x7f",
        "\u202e\u200d\ufeff",
        "e\u0301" * 100,
        "😀" * 1_000,
        "1234 !?",
        "x" * 200_000,
    ]
    texts += ["\U0010ffff\ufffe\uffff", "ﬀİıſK", "नमस्ते दुनिया", "日本語のテキスト"]  # noqa: RUF001

    reply = server.score(json.dumps({"documents": texts, "vectors": True}).encode())

    assert reply.status == 200
    assert len(json.loads(reply.body, parse_constant=pytest.fail)["documents"]) == len(texts)
