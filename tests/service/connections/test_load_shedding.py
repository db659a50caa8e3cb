"""What is turned away at the door is told what it would have been told inside; all others come in."""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from service.connections.http1 import Head, parse_head
from service.connections.uvicorn_adapter import Parser
from service.errors import Refused
from service.http.responses import Header
from service.observability.request_record import DISCARD_BYTES
from tests.support.application import Service, score_headers, token
from tests.support.asgi import Reply, code_of
from tests.support.connection_server import connection_server
from tests.support.event_loop import run

FULL = Refused("overloaded", "the queue is full", 7)

KNOWN = f"Bearer {token()}"


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """Return a service with a full queue that knows the token of a good request."""
    service = Service(tmp_path)
    assert service.score(authorization=KNOWN).status == 200
    service.backend.refusal = FULL
    return service


def at_the_door(service: Service, line: str = "POST /score HTTP/1.1", **changes: str | None) -> Reply | None:
    """Show a head to the door; return its answer, None where it lets the request in."""
    fields = {"host": "a", **score_headers(2, **{"authorization": KNOWN, **changes})}
    lines = [line, *(f"{name}: {value}" for name, value in fields.items())]
    head = parse_head("\r\n".join([*lines, "", ""]).encode())
    answer = service.app.state.load_shedder.response(head, [(b"date", b"today")])
    return None if answer is None else read(answer)


def read(answer: bytes) -> Reply:
    """Take an answer apart."""
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    return Reply(int(line.split()[1]), dict(each.split(": ", 1) for each in lines), body)


def test_it_is_told_the_same_as_inside(service: Service) -> None:
    """In the same words and headers."""
    outside = at_the_door(service, x_request_id="same")
    inside = service.score(authorization=KNOWN, x_request_id="same")

    assert outside is not None
    assert code_of(outside) == code_of(inside) == "overloaded"
    assert outside.headers.pop("date") == "today"
    assert outside.headers == inside.headers
    assert outside.body == inside.body


def test_it_is_counted_and_logged_the_same(service: Service) -> None:
    """Whoever watches sees no difference."""
    at_the_door(service)
    service.score(authorization=KNOWN)
    outside, inside = service.recorder.over[-2:]

    assert len(service.recorder.begun) == len(service.recorder.over)
    for name in ("method", "route", "status", "code", "subject"):
        assert getattr(outside, name) == getattr(inside, name)


def test_a_large_body_is_not_waited_for(service: Service) -> None:
    """The client is told that the connection ends."""
    reply = at_the_door(service, content_length=str(DISCARD_BYTES + 1))

    assert reply is not None
    assert reply.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("GET /score HTTP/1.1", {}),
        ("POST /score?a=b HTTP/1.1", {}),
        ("POST /score HTTP/1.0", {}),
        ("POST /other HTTP/1.1", {}),
        ("POST /score HTTP/1.1", {"authorization": None}),
        ("POST /score HTTP/1.1", {"authorization": "Bearer unknown"}),
        ("POST /score HTTP/1.1", {"content_type": None}),
        ("POST /score HTTP/1.1", {"content_type": "text/plain"}),
        ("POST /score HTTP/1.1", {"content_encoding": "gzip"}),
        ("POST /score HTTP/1.1", {"accept": "application/x-npy"}),
        ("POST /score HTTP/1.1", {"connection": "close"}),
        ("POST /score HTTP/1.1", {"expect": "100-continue"}),
        ("POST /score HTTP/1.1", {"origin": "https://example.org"}),
        ("POST /score HTTP/1.1", {"x_request_timeout_ms": "5"}),
        ("POST /score HTTP/1.1", {"content_length": str(1 << 30)}),
        ("POST /score HTTP/1.1", {"content_length": None, "transfer_encoding": "chunked"}),
    ],
)
def test_what_is_unusual_comes_in(service: Service, line: str, changes: dict[str, str | None]) -> None:
    """There every rule is known."""
    assert at_the_door(service, line, **changes) is None


def test_everybody_comes_in_when_there_is_room(service: Service) -> None:
    """The door only looks when the queue fills."""
    service.backend.refusal = None

    assert at_the_door(service) is None


def test_the_connection_goes_on(parser: type[Parser]) -> None:
    """The body passes by in pieces, and the next request on the connection is served."""

    def shed(head: Head, default_headers: Iterable[Header]) -> bytes | None:
        return b"HTTP/1.1 503 x\r\ncontent-length: 2\r\n\r\n{}" if b"/full" in head.raw else None

    async def scenario() -> None:
        async with connection_server(parser, shed=shed) as server, server.connect() as client:
            for _ in range(2):
                await client.send(b"POST /full HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
                assert (await client.answer())[0] == 503
                await asyncio.sleep(0.01)
                await client.send(b"defPOST /in HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
                assert (await client.answer())[2] == b"POST /in hi"
            await client.send(b"POST /full HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n")
            assert [(await client.answer())[0], (await client.answer())[0]] == [503, 200]
            assert server.echo.paths == ["/in", "/in", "/next"]

    run(scenario())


def test_a_large_body_ends_the_connection(parser: type[Parser]) -> None:
    """After the answer."""
    answer = b"HTTP/1.1 503 x\r\ncontent-length: 2\r\n\r\n{}"

    async def scenario() -> None:
        async with (
            connection_server(parser, shed=lambda head, headers: answer) as server,
            server.connect() as client,
        ):
            await client.send(
                b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (DISCARD_BYTES + 1)
            )
            assert await client.rest() == answer
            assert server.echo.entered == 0

    run(scenario())


def test_the_problem_is_whole(service: Service) -> None:
    """And says when to come again."""
    reply = at_the_door(service)

    assert reply is not None
    assert reply.headers["retry-after"] == "7"
    assert json.loads(reply.body)["detail"] == "the queue is full"
