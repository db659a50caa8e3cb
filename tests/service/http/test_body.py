"""The body of a request to `/score`, refusals by the pool, and clients that disconnect."""

import asyncio
from pathlib import Path

import pytest
from starlette.types import Message

from service.errors import Refused
from service.observability.request_record import DISCARD_BYTES
from tests.support.application import FakeBackend, Service, score_headers
from tests.support.asgi import Reply, call_app, code_of, http_scope, never_receive, receive_of


def test_a_chunked_body_is_counted_while_it_is_read(service: Service) -> None:
    """Without a Content-Length the limit holds too, and the connection is closed."""
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
    """It closes where the rest of the body is larger than `DISCARD_BYTES` or of unknown size."""
    headers = score_headers(2, authorization=None, **changes)

    reply = asyncio.run(call_app(service.app, http_scope("POST", "/score", headers), never_receive))

    assert reply is not None
    assert (reply.headers.get("connection") == "close") == closed


def test_the_connection_stays_open_after_a_large_body_that_was_read(tmp_path: Path) -> None:
    """Nothing of the body is left to discard."""
    service = Service(tmp_path)

    assert "connection" not in service.score(body=bytes(DISCARD_BYTES + 1)).headers


def test_a_body_that_takes_too_long_is_refused(tmp_path: Path) -> None:
    """The time limit is on the whole body; the permit is given back."""
    service = Service(tmp_path, body_timeout_s=0.01)

    reply = asyncio.run(call_app(service.app, http_scope("POST", "/score", score_headers(9)), never_receive))

    assert reply is not None
    assert code_of(reply) == "body_timeout"
    assert service.backend.admission.permits == 0


def test_a_deadline_can_pass_while_the_body_is_read(tmp_path: Path) -> None:
    """The time of a request begins when its headers are complete."""
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
def test_a_refusal_before_the_body_has_retry_after(service: Service, refusal: Refused) -> None:
    """Retry-After is in whole seconds and at least 1; a draining server closes the connection."""
    service.backend.refusal = refusal

    reply = service.score()

    assert code_of(reply) == refusal.code
    assert reply.headers["retry-after"] == str(refusal.retry_after or 1)
    assert reply.headers.get("connection") == ("close" if refusal.code == "draining" else None)


def test_a_refusal_after_the_body_gives_the_permit_back(tmp_path: Path) -> None:
    """The problem has the pool's code, and no permit is left."""
    service = Service(tmp_path, FakeBackend(Refused("poison_request", "it ended two workers")))

    assert code_of(service.score()) == "poison_request"
    assert service.backend.admission.permits == 0


def test_an_unexpected_exception_is_a_500(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The client sees nothing of the exception; it is logged once, with the request's id."""
    service = Service(tmp_path, FakeBackend(RuntimeError("canary")))

    reply = service.score(x_request_id="id-1")

    assert code_of(reply) == "internal_error"
    assert b"canary" not in reply.body
    assert [record.__dict__["request_id"] for record in caplog.records] == ["id-1"]
    assert service.backend.admission.permits == 0


def test_a_disconnect_while_the_job_waits_cancels_it(tmp_path: Path) -> None:
    """The job is cancelled, the permit is given back, and the request is recorded as 499."""
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
    assert (backend.cancelled, backend.admission.permits) == (1, 0)
    assert service.recorder.over[0].status == 499


def test_each_of_several_requests_is_watched(tmp_path: Path) -> None:
    """One that is answered meanwhile takes nothing from the others."""
    backend = FakeBackend()
    service = Service(tmp_path, backend)
    left = asyncio.Event()

    async def leave() -> Message:
        await left.wait()
        return {"type": "http.disconnect"}

    async def request() -> Reply | None:
        return await call_app(
            service.app, http_scope("POST", "/score", score_headers(2)), receive_of(b"{}", then=leave)
        )

    async def scenario() -> list[Reply | None]:
        backend.held = asyncio.Event()
        waiting = [asyncio.create_task(request()) for _ in range(2)]
        while len(backend.requests) < 2:
            await asyncio.sleep(0)
        backend.held = None
        answered = await request()
        left.set()
        return [answered, *await asyncio.gather(*waiting)]

    answered, *others = asyncio.run(scenario())

    assert answered is not None
    assert answered.status == 200
    assert others == [None, None]
    assert (backend.cancelled, backend.admission.permits) == (2, 0)


def test_a_disconnect_while_the_body_is_read_gives_the_permit_back(service: Service) -> None:
    """Nothing is answered, and the request is recorded as 499."""

    async def leave() -> Message:
        return {"type": "http.disconnect"}

    reply = asyncio.run(call_app(service.app, http_scope("POST", "/score", score_headers(2)), leave))

    assert reply is None
    assert service.backend.admission.permits == 0
    assert service.recorder.over[0].status == 499


def test_cancellation_by_the_server_is_not_a_disconnect(tmp_path: Path) -> None:
    """The task ends as cancelled, and the permit is given back."""
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
