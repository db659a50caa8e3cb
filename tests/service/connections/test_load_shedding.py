"""Load shedding: a request refused by its head gets the answer that the application would give."""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from service.connections.http1 import Head, parse_head
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


def shed_by_head(service: Service, line: str = "POST /score HTTP/1.1", **changes: str | None) -> Reply | None:
    """Return the load shedder's answer to a head, None where it passes the request on."""
    fields = {"host": "a", **score_headers(2, **{"authorization": KNOWN, **changes})}
    lines = [line, *(f"{name}: {value}" for name, value in fields.items())]
    head = parse_head("\r\n".join([*lines, "", ""]).encode())
    answer = service.app.state.load_shedder.response(head, [(b"date", b"today")], "192.0.2.7")
    return None if answer is None else read(answer)


def read(answer: bytes) -> Reply:
    """Parse an answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    return Reply(int(line.split()[1]), dict(each.split(": ", 1) for each in lines), body)


def test_the_answer_equals_the_applications(service: Service) -> None:
    """Body and headers are the same."""
    shed_reply = shed_by_head(service, x_request_id="same")
    app_reply = service.score(authorization=KNOWN, x_request_id="same")

    assert shed_reply is not None
    assert code_of(shed_reply) == code_of(app_reply) == "overloaded"
    assert shed_reply.headers.pop("date") == "today"
    assert shed_reply.headers == app_reply.headers
    assert shed_reply.body == app_reply.body


def test_overload_may_be_answered_with_429(tmp_path: Path) -> None:
    """In the status line, in the body and in what is counted, by its head alone as by the endpoint."""
    service = Service(tmp_path, overload_status=429)
    assert service.score(authorization=KNOWN).status == 200
    service.backend.refusal = FULL

    shed_reply = shed_by_head(service, x_request_id="same")
    app_reply = service.score(authorization=KNOWN, x_request_id="same")

    assert shed_reply is not None
    assert shed_reply.body == app_reply.body
    for reply in (shed_reply, app_reply):
        assert (reply.status, reply.json["status"], reply.json["code"]) == (429, 429, "overloaded")
        assert reply.headers["retry-after"] == "7"
    assert [record.status for record in service.recorder.over[-2:]] == [429, 429]


@pytest.mark.parametrize("code", ["draining", "starting", "no_workers"])
def test_other_refusals_keep_their_503(tmp_path: Path, code: str) -> None:
    """A proxy is right to send its requests elsewhere then."""
    service = Service(tmp_path, overload_status=429)
    service.backend.refusal = Refused(code, "not now", 1)

    assert service.score().status == 503


@pytest.mark.parametrize(("target", "shed"), [("/sp/score", True), ("/score", True), ("/spscore", False)])
def test_a_target_may_have_the_prefix(tmp_path: Path, target: str, shed: bool) -> None:
    """That of a proxy which does not strip it."""
    service = Service(tmp_path, root_path="/sp")
    assert service.score(authorization=KNOWN).status == 200
    service.backend.refusal = FULL

    assert (shed_by_head(service, f"POST {target} HTTP/1.1") is not None) is shed


def test_a_shed_request_is_recorded_like_any_other(service: Service) -> None:
    """The observer gets the same method, route, status, code and subject."""
    shed_by_head(service)
    service.score(authorization=KNOWN)
    shed_reply, app_reply = service.recorder.over[-2:]

    assert len(service.recorder.begun) == len(service.recorder.over)
    for name in ("method", "route", "status", "code", "subject"):
        assert getattr(shed_reply, name) == getattr(app_reply, name)


def test_the_connection_of_a_large_body_closes(service: Service) -> None:
    """The answer says so, because the body would take too long to read and discard."""
    reply = shed_by_head(service, content_length=str(DISCARD_BYTES + 1))

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
def test_an_unusual_request_is_passed_on(service: Service, line: str, changes: dict[str, str | None]) -> None:
    """Only the application knows every rule."""
    assert shed_by_head(service, line, **changes) is None


def test_every_request_is_passed_on_while_there_is_room(service: Service) -> None:
    """The load shedder refuses only while the queue is congested."""
    service.backend.refusal = None

    assert shed_by_head(service) is None


def test_a_connection_is_used_again_after_a_refusal() -> None:
    """The body of the refused request is discarded, in pieces, and the next request is served."""

    def shed(head: Head, default_headers: Iterable[Header], client: str) -> bytes | None:
        return b"HTTP/1.1 503 x\r\ncontent-length: 2\r\n\r\n{}" if head.target == b"/full" else None

    async def scenario() -> None:
        async with connection_server(shed=shed) as server, server.connect() as client:
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


def test_a_large_body_closes_the_connection() -> None:
    """The connection closes after the answer, and the application sees nothing of the request."""
    answer = b"HTTP/1.1 503 x\r\ncontent-length: 2\r\n\r\n{}"

    async def scenario() -> None:
        async with (
            connection_server(shed=lambda head, headers, client: answer) as server,
            server.connect() as client,
        ):
            await client.send(
                b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (DISCARD_BYTES + 1)
            )
            assert await client.rest() == answer
            assert server.echo.entered == 0

    run(scenario())


def test_the_answer_is_a_problem_with_retry_after(service: Service) -> None:
    """It has the detail and the time of the refusal."""
    reply = shed_by_head(service)

    assert reply is not None
    assert reply.headers["retry-after"] == "7"
    assert json.loads(reply.body)["detail"] == "the queue is full"
