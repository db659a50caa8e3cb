"""How a request to `/score` gets in, waits, and is given up: bodies, doors, clients that leave."""

import asyncio
from pathlib import Path

import pytest
from starlette.types import Message

from service.errors import Refused
from service.observability.request_record import DISCARD_BYTES
from tests.support.application import FakeBackend, Service, score_headers
from tests.support.asgi import Reply, call_app, code_of, http_scope, never_receive, receive_of


def test_a_body_in_chunks_is_counted_while_it_comes(service: Service) -> None:
    """Without a Content-Length the limit holds all the same, and the connection ends."""
    headers = score_headers(0, content_length=None, transfer_encoding="chunked")

    reply = asyncio.run(
        call_app(service.app, http_scope("POST", "/score", headers), receive_of(b"x" * 600, b"x" * 600))
    )

    assert reply is not None
    assert code_of(reply) == "body_too_large"
    assert reply.headers["connection"] == "close"
    assert service.backend.admission.permits == 0


@pytest.mark.parametrize(
    ("changes", "closed"),
    [
        ({}, False),
        ({"content_length": str(DISCARD_BYTES)}, False),
        ({"content_length": str(DISCARD_BYTES + 1)}, True),
        ({"content_length": "9" * 30}, True),
        ({"content_length": None, "transfer_encoding": "chunked"}, True),
    ],
)
def test_a_refusal_says_that_the_connection_closes(
    service: Service, changes: dict[str, str | None], closed: bool
) -> None:
    """Where the rest of the body is too much to be read for nothing."""
    headers = score_headers(2, authorization=None, **changes)

    reply = asyncio.run(call_app(service.app, http_scope("POST", "/score", headers), never_receive))

    assert reply is not None
    assert (reply.headers.get("connection") == "close") == closed


def test_a_large_body_that_was_read_keeps_the_connection(tmp_path: Path) -> None:
    """Whatever its answer."""
    service = Service(tmp_path)

    assert "connection" not in service.score(body=bytes(DISCARD_BYTES + 1)).headers


def test_a_body_that_comes_too_slowly(tmp_path: Path) -> None:
    """The limit is on the whole body, however busily its bytes trickle in."""
    service = Service(tmp_path, body_timeout_s=0.01)

    reply = asyncio.run(call_app(service.app, http_scope("POST", "/score", score_headers(9)), never_receive))

    assert reply is not None
    assert code_of(reply) == "body_timeout"
    assert service.backend.admission.permits == 0


def test_a_deadline_that_passes_while_the_body_comes(tmp_path: Path) -> None:
    """The clock starts when the headers are complete."""
    service = Service(tmp_path)
    headers = score_headers(9, x_request_timeout_ms="10")

    reply = asyncio.run(call_app(service.app, http_scope("POST", "/score", headers), never_receive))

    assert reply is not None
    assert code_of(reply) == "deadline_exceeded"


@pytest.mark.parametrize(
    "refusal",
    [
        Refused("overloaded", "full", 7),
        Refused("quota_exceeded", "too much", 3),
        Refused("draining", "going", 1),
        Refused("starting", "coming"),
        Refused("no_workers", "none", 2),
    ],
)
def test_the_pool_refuses_at_the_door(service: Service, refusal: Refused) -> None:
    """With Retry-After in whole seconds of at least 1."""
    service.backend.refusal = refusal

    reply = service.score()

    assert code_of(reply) == refusal.code
    assert reply.headers["retry-after"] == str(refusal.retry_after or 1)
    assert reply.headers.get("connection") == ("close" if refusal.code == "draining" else None)


def test_the_pool_refuses_after_the_body(tmp_path: Path) -> None:
    """The permit is given back."""
    service = Service(tmp_path, FakeBackend(Refused("poison_request", "it ended two workers")))

    assert code_of(service.score()) == "poison_request"
    assert service.backend.admission.permits == 0


def test_a_fault_of_ours_is_a_plain_500(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing of the exception reaches the client; it is logged once, with the request's id."""
    service = Service(tmp_path, FakeBackend(RuntimeError("canary")))

    reply = service.score(x_request_id="id-1")

    assert code_of(reply) == "internal_error"
    assert b"canary" not in reply.body
    assert [record.__dict__["request_id"] for record in caplog.records] == ["id-1"]
    assert service.backend.admission.permits == 0


def test_a_client_that_leaves_while_it_waits(tmp_path: Path) -> None:
    """Its work is cancelled, its permit given back, and it counts as 499."""
    backend = FakeBackend()
    service = Service(tmp_path, backend)

    async def leave() -> Message:
        return {"type": "http.disconnect"}

    async def scenario() -> Reply | None:
        backend.held = asyncio.Event()
        scope = http_scope("POST", "/score", score_headers(2))
        return await call_app(service.app, scope, receive_of(b"{}", then=leave))

    reply = asyncio.run(scenario())

    assert reply is None
    assert (backend.left, backend.admission.permits) == (1, 0)
    assert service.recorder.over[0].status == 499


def test_a_client_that_leaves_while_it_sends(service: Service) -> None:
    """There is nobody to answer, and the permit is given back."""

    async def leave() -> Message:
        return {"type": "http.disconnect"}

    reply = asyncio.run(call_app(service.app, http_scope("POST", "/score", score_headers(2)), leave))

    assert reply is None
    assert service.backend.admission.permits == 0
    assert service.recorder.over[0].status == 499


def test_the_server_ending_a_request_is_not_the_client_leaving(tmp_path: Path) -> None:
    """A cancelled task stays cancelled."""
    backend = FakeBackend()
    service = Service(tmp_path, backend)

    async def scenario() -> None:
        backend.held = asyncio.Event()
        serving = asyncio.create_task(
            call_app(service.app, http_scope("POST", "/score", score_headers(2)), receive_of(b"{}"))
        )
        while not backend.requests:
            await asyncio.sleep(0)
        serving.cancel()
        await serving

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(scenario())
    assert backend.admission.permits == 0
