"""What `/score` answers, with a fake pool."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.types import Message

from service.api.outcome import Facts, Outcome
from service.api.problems import partial
from service.http.responses import SMALL_BODY_BYTES, deliver_response
from tests.support.application import SCORED, FakeBackend, Service, score_headers
from tests.support.asgi import call_app, code_of, http_scope


def test_body_and_answer_pass_unchanged(service: Service) -> None:
    """The server process parses neither of them."""
    reply = service.score(body=b"anything")

    assert (reply.status, reply.body) == (200, b'{"documents": []}')
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["content-length"] == str(len(reply.body))
    assert [request.body for request in service.backend.requests] == [b"anything"]


def test_the_job_has_the_request_id_subject_and_media_type(service: Service) -> None:
    """They come from the headers and the token."""
    service.score(x_request_id="my-id", x_request_timeout_ms="50", accept="application/x-npy")

    request = service.backend.requests[0]
    assert (request.request_id, request.subject, request.operation) == ("my-id", "ann", "score_npy")


def test_the_job_has_the_operation_of_its_path(service: Service) -> None:
    """Which is how a worker knows what to do with the bytes."""
    service.request("POST", "/explain", score_headers(2), b"{}")

    assert [request.operation for request in service.backend.requests] == ["explain"]


def test_the_answer_has_the_times_of_the_stages(service: Service) -> None:
    """Server-Timing has them in milliseconds."""
    reply = service.score()

    assert reply.headers["server-timing"] == "queue;dur=1.500, decode;dur=0.500, encode;dur=0.250"


def test_an_answer_is_sent_without_a_copy_and_waited_for() -> None:
    """The body is the object that was given; behind it comes an empty piece, which waits for the network."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    body = bytes(1_000_000)
    asyncio.run(deliver_response(send, 200, [], body))

    assert sent[0]["headers"] == [(b"content-length", b"1000000")]
    assert sent[1]["body"] is body
    assert sent[1]["more_body"] is True
    assert sent[2:] == [{"type": "http.response.body", "body": b""}]


def test_a_small_answer_is_one_message() -> None:
    """Any server takes it at once, and every message costs the event loop time."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(deliver_response(send, 200, [], bytes(SMALL_BODY_BYTES)))

    assert sent[1:] == [{"type": "http.response.body", "body": bytes(SMALL_BODY_BYTES)}]


def test_a_problem_of_the_worker_is_completed(tmp_path: Path) -> None:
    """Status, title and request id are added to the worker's part."""
    part = partial("wrong", [("/documents/0", "missing")])
    service = Service(
        tmp_path, FakeBackend(Outcome("invalid_document", part, Facts(stages=(("decode", 1.0),))))
    )

    reply = service.score()

    assert code_of(reply) == "invalid_document"
    assert reply.json["errors"] == [{"pointer": "/documents/0", "detail": "missing"}]
    assert "decode" in reply.headers["server-timing"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"authorization": None}, "missing_token"),
        ({"authorization": "Basic YTpi"}, "missing_token"),
        ({"authorization": "Bearer x"}, "invalid_token"),
        ({"content_type": None}, "unsupported_media_type"),
        ({"content_type": "text/plain"}, "unsupported_media_type"),
        ({"content_type": "application/json; charset=latin-1"}, "unsupported_media_type"),
        ({"content_encoding": "gzip"}, "unsupported_media_type"),
        ({"accept": "text/html"}, "not_acceptable"),
        ({"accept": "application/json;q=0"}, "not_acceptable"),
        ({"x_request_timeout_ms": "0"}, "invalid_request"),
        ({"x_request_timeout_ms": "1.5"}, "invalid_request"),
        ({"x_request_timeout_ms": "-1"}, "invalid_request"),
        ({"x_request_timeout_ms": ""}, "invalid_request"),
        ({"content_length": "1001"}, "body_too_large"),
        ({"content_length": "9" * 400}, "body_too_large"),
        ({"content_length": "-1"}, "invalid_request"),
    ],
)
def test_invalid_headers_are_refused_before_the_body_is_read(
    service: Service, changes: dict[str, str | None], code: str
) -> None:
    """The pool gets no job."""

    async def never() -> Message:
        raise AssertionError

    headers = score_headers(2, **changes)
    reply = asyncio.run(call_app(service.app, http_scope("POST", "/score", headers), never))

    assert reply is not None
    assert code_of(reply) == code
    assert service.backend.requests == []
    assert reply.headers["server-timing"]


@pytest.mark.parametrize(
    "changes",
    [
        {"content_type": "application/json; charset=utf-8"},
        {"content_type": 'Application/JSON ; Charset="UTF-8"'},
        {"content_encoding": "identity"},
        {"accept": "*/*"},
        {"accept": "application/*;q=0.1"},
        {"accept": "text/html, application/xhtml+xml, */*;q=0.8"},
        {"accept": None},
        {"x_request_timeout_ms": "1000"},
        {"x_request_timeout_ms": "9" * 5_000},
        {"authorization": "bearer " + score_headers(0)["authorization"].removeprefix("Bearer ")},
    ],
)
def test_common_forms_of_the_headers_are_accepted(service: Service, changes: dict[str, str | None]) -> None:
    """Charsets, qualities, upper case and large numbers are read as the standards say."""
    assert service.request("POST", "/score", score_headers(2, **changes), b"{}").status == 200


def test_a_token_without_the_scope_is_refused(tmp_path: Path) -> None:
    """The answer is 403 with a challenge that names the error."""
    service = Service(tmp_path, jwt_scope="score")

    reply = service.score()

    assert code_of(reply) == "insufficient_scope"
    assert reply.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'


@pytest.mark.parametrize(
    ("authorization", "challenge"), [(None, "Bearer"), ("Bearer x", 'Bearer error="invalid_token"')]
)
def test_a_401_has_a_challenge(service: Service, authorization: str | None, challenge: str) -> None:
    """Without a token the challenge has no error code (RFC 6750)."""
    assert service.score(authorization=authorization).headers["www-authenticate"] == challenge


def test_the_record_of_a_request(service: Service) -> None:
    """The observer gets one record with the request and its answer."""
    service.score(x_request_id="id-1")

    (record,) = service.recorder.over
    assert service.recorder.begun == [record]
    assert (record.request_id, record.method, record.route) == ("id-1", "POST", "/score")
    assert (record.status, record.code, record.subject) == (200, "ok", "ann")
    # The record has the outcome without its body, so that a kept record holds no megabytes.
    assert record.outcome == replace(SCORED, body=b"")
    assert record.ended >= record.began > 0


def test_the_record_of_a_refusal(service: Service) -> None:
    """It has the problem's code and no outcome."""
    service.score(authorization=None)

    (record,) = service.recorder.over
    assert (record.status, record.code, record.subject) == (401, "missing_token", "")
    assert record.outcome is None


def test_the_members_of_a_problem_are_in_order(service: Service) -> None:
    """The members of RFC 9457 come first."""
    reply = service.score(authorization=None)

    assert list(json.loads(reply.body))[:3] == ["type", "title", "status"]
