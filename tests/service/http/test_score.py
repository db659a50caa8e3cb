"""What `/score` answers, with a pool that does as it is told."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.types import Message

from service.api.outcome import Facts, Outcome
from service.api.problems import partial
from service.http.responses import PIECE_BYTES
from tests.support.application import SCORED, FakeBackend, Service, score_headers
from tests.support.asgi import call_app, code_of, http_scope


def test_the_body_goes_to_the_pool_and_its_answer_comes_back_untouched(service: Service) -> None:
    """The server moves bytes and parses none of them."""
    reply = service.score(body=b"anything")

    assert (reply.status, reply.body) == (200, b'{"documents": []}')
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["content-length"] == str(len(reply.body))
    assert [request.body for request in service.backend.requests] == [b"anything"]


def test_the_pool_learns_who_asks_and_how_long(service: Service) -> None:
    """Subject, request id and media type travel with the body; the deadline is the shorter one."""
    service.score(x_request_id="my-id", x_request_timeout_ms="50", accept="application/x-npy")

    request = service.backend.requests[0]
    assert (request.request_id, request.subject, request.accept) == ("my-id", "ann", "npy")


def test_the_stages_are_told_in_the_answer(service: Service) -> None:
    """Server-Timing has milliseconds."""
    reply = service.score()

    assert reply.headers["server-timing"] == "queue;dur=1.500, decode;dur=0.500, encode;dur=0.250"


def test_a_large_answer_is_sent_in_pieces(tmp_path: Path) -> None:
    """So that a slow reader holds up its own answer and not the server's memory."""
    body = bytes(PIECE_BYTES * 2 + 1)
    service = Service(tmp_path, FakeBackend(Outcome("ok", body)))

    assert service.score().body == body


def test_a_problem_of_the_worker_is_completed(tmp_path: Path) -> None:
    """Its part is joined with status, title and request id."""
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
def test_what_is_wrong_with_the_headers_is_answered_before_the_body_is_read(
    service: Service, changes: dict[str, str | None], code: str
) -> None:
    """Nothing of it reaches the pool."""

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
def test_headers_that_clients_really_send(service: Service, changes: dict[str, str | None]) -> None:
    """Charsets, qualities and upper case in all their forms."""
    assert service.request("POST", "/score", score_headers(2, **changes), b"{}").status == 200


def test_a_scope_that_the_token_needs(tmp_path: Path) -> None:
    """Its lack is 403 with a challenge that says so."""
    service = Service(tmp_path, jwt_scope="score")

    reply = service.score()

    assert code_of(reply) == "insufficient_scope"
    assert reply.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'


@pytest.mark.parametrize(
    ("authorization", "challenge"), [(None, "Bearer"), ("Bearer x", 'Bearer error="invalid_token"')]
)
def test_a_challenge_goes_with_401(service: Service, authorization: str | None, challenge: str) -> None:
    """RFC 6750: no error code for a request without a token."""
    assert service.score(authorization=authorization).headers["www-authenticate"] == challenge


def test_the_record_of_a_request(service: Service) -> None:
    """Metrics and logs see what was asked and what was answered, once."""
    service.score(x_request_id="id-1")

    (record,) = service.recorder.over
    assert service.recorder.begun == [record]
    assert (record.request_id, record.method, record.route) == ("id-1", "POST", "/score")
    assert (record.status, record.code, record.subject) == (200, "ok", "ann")
    # The outcome without the body, which is with the client: a record that is kept keeps no megabytes.
    assert record.outcome == replace(SCORED, body=b"")
    assert record.ended >= record.began > 0


def test_the_record_of_a_refusal(service: Service) -> None:
    """It has the problem's code and no outcome."""
    service.score(authorization=None)

    (record,) = service.recorder.over
    assert (record.status, record.code, record.subject) == (401, "missing_token", "")
    assert record.outcome is None


def test_the_answer_of_a_problem_is_json_of_the_contract(service: Service) -> None:
    """All members, in the order of RFC 9457 first."""
    reply = service.score(authorization=None)

    assert list(json.loads(reply.body))[:3] == ["type", "title", "status"]
