"""Decoding of the body of `/score`: what is accepted, and the error for what is not."""

import json

import pytest

from service.api.request import MAX_ERRORS, RequestError, ScoreRequest, decode
from service.limits import RequestLimits
from tests.support.malformed_bodies import (
    NOT_JSON,
    SAME_IDS,
    TOO_LARGE,
    WRONG_DOCUMENTS,
    WRONG_OPTIONS,
    shortened,
    with_option,
)

LIMITS = RequestLimits(max_documents=10, max_document_bytes=100)


def refused(body: bytes, limits: RequestLimits = LIMITS) -> RequestError:
    """Return the error with which `body` is refused."""
    with pytest.raises(RequestError) as caught:
        decode(body, limits)
    return caught.value


def body(**members: object) -> bytes:
    """Encode a request of one document and these other members."""
    return json.dumps({"documents": ["a"], **members}).encode()


def test_plain_texts_and_objects_become_texts_and_ids() -> None:
    """A missing id is the document's position as text."""
    request = decode(b'{"documents": [{"id": "x", "text": "one"}, {"text": "two"}, "three"]}', LIMITS)

    assert request == ScoreRequest(
        ["one", "two", "three"], ["x", "1", "2"], "neighbours", 5, 0.8, vectors=False
    )


def test_every_option_reaches_the_request() -> None:
    """No option of the contract is lost in decoding."""
    request = decode(body(similarity="pairs", neighbours=7, threshold=-0.5, vectors=True), LIMITS)

    assert (request.similarity, request.neighbours, request.threshold, request.vectors) == (
        "pairs",
        7,
        -0.5,
        True,
    )


@pytest.mark.parametrize(
    "text",
    ["", "\x00", "\ufffe", "e\u0301", "😀", "\u202e", "0123456789" * 10],
)
def test_any_unicode_text_is_a_document(text: str) -> None:
    """No text is refused for its characters."""
    request = decode(json.dumps({"documents": [text]}).encode(), LIMITS)

    assert request.texts == [text]


@pytest.mark.parametrize("neighbours", ["5.0", "5e0", "0.5e1"])
def test_a_whole_number_may_be_written_as_a_float(neighbours: str) -> None:
    """JSON Schema calls 5.0 an integer, so it is one here."""
    request = decode(b'{"documents": ["a"], "neighbours": %b}' % neighbours.encode(), LIMITS)

    assert request.neighbours == 5
    assert isinstance(request.neighbours, int)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"documents": ["first"], "documents": ["last"]}',
        b'{"documents": [1], "documents": ["last"]}',
        b'{"documents": [{"text": "first", "text": "last"}]}',
        b'{"documents": [{"text": null, "text": "last"}]}',
        b'{"d\\u006fcuments": ["last"]}',
    ],
)
def test_the_last_of_duplicate_members_wins(raw: bytes) -> None:
    """The values before the last one are ignored, even of the wrong type, as in nearly every JSON parser."""
    assert decode(raw, LIMITS).texts == ["last"]


@pytest.mark.parametrize("raw", NOT_JSON, ids=shortened)
def test_a_body_that_is_not_json_is_invalid_json(raw: bytes) -> None:
    """The code is `invalid_json` even if the fault is inside a member that would be refused for its shape."""
    assert refused(raw).code == "invalid_json"


@pytest.mark.parametrize(("raw", "pointer"), WRONG_DOCUMENTS, ids=shortened)
def test_documents_of_the_wrong_shape_are_pointed_at(raw: bytes, pointer: str) -> None:
    """The error has a JSON pointer to the document at fault."""
    error = refused(raw, RequestLimits())

    assert (error.code, error.errors[0][0]) == ("invalid_document", pointer)


@pytest.mark.parametrize(("member", "value"), WRONG_OPTIONS)
def test_options_of_the_wrong_shape_are_pointed_at(member: str, value: object) -> None:
    """The error points at the option; an unknown one is refused too, so that a typing error is noticed."""
    error = refused(with_option(member, value))

    assert (error.code, error.errors[0][0]) == ("invalid_option", f"/{member}")


@pytest.mark.parametrize("documents", SAME_IDS)
def test_ids_must_be_distinct(documents: tuple[object, ...]) -> None:
    """A position that stands for a missing id counts as an id."""
    error = refused(json.dumps({"documents": documents}).encode())

    assert (error.code, error.errors[0][0]) == ("duplicate_id", "/documents/1")


def test_an_id_may_have_256_characters() -> None:
    """The limit of an id counts characters, not bytes."""
    name = "é" * 256

    assert decode(json.dumps({"documents": [{"id": name, "text": ""}]}).encode(), LIMITS).ids == [name]


@pytest.mark.parametrize("entry", ["a", 1, None, {}, {"unknown": 1}])
def test_the_number_of_documents_is_checked_before_their_shapes(entry: object) -> None:
    """Too many documents of a wrong shape are 413, not 422, and the detail names the limit."""
    error = refused(json.dumps({"documents": [entry] * 11, "unknown": 1}).encode())

    assert error.code == "too_many_documents"
    assert "at most 10" in error.detail


def test_max_documents_are_accepted() -> None:
    """A request may have exactly `max_documents` documents."""
    assert len(decode(json.dumps({"documents": ["a"] * 10}).encode(), LIMITS).texts) == 10


@pytest.mark.parametrize("text", ["x" * 101, "é" * 51, "😀" * 26])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_text_is_measured_in_decoded_utf8_bytes(text: str, ascii_only: bool) -> None:
    """A text over the limit is refused, however it is escaped; the error points at its document."""
    error = refused(json.dumps({"documents": ["a", text]}, ensure_ascii=ascii_only).encode())

    assert (error.code, error.errors[0][0]) == ("document_too_large", "/documents/1")


@pytest.mark.parametrize("text", ["x" * 100, "é" * 50, "😀" * 25])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_text_of_max_document_bytes_is_accepted(text: str, ascii_only: bool) -> None:
    """A text of exactly the limit is accepted, however many bytes its escapes take in the body."""
    raw = json.dumps({"documents": [{"text": text}, "a" * 100]}, ensure_ascii=ascii_only).encode()

    assert decode(raw, LIMITS).texts[0] == text


def test_the_size_of_texts_is_checked_before_shapes() -> None:
    """A text that is too long is 413, even if another document has the wrong shape."""
    error = refused(json.dumps({"documents": [1, {"text": "x" * 101, "unknown": 1}]}).encode())

    assert error.code == "document_too_large"


def test_the_number_of_field_errors_is_bounded() -> None:
    """Of a thousand faults only the first `MAX_ERRORS` are listed."""
    error = refused(json.dumps({"documents": [1] * 1_000}).encode(), RequestLimits())

    assert len(error.errors) == MAX_ERRORS


def test_an_error_does_not_contain_the_texts() -> None:
    """The only text of the client in an error is the name of an unknown member, cut short."""
    error = refused(json.dumps({"documents": ["canary", {"text": "canary", "x" * 1_000: "canary"}]}).encode())

    assert "canary" not in repr((error.detail, error.errors, error.__context__))
    assert len(error.detail) < 200


@pytest.mark.parametrize(("raw", "code"), TOO_LARGE, ids=shortened)
def test_the_default_limits_of_size_are_enforced(raw: bytes, code: str) -> None:
    """The size is checked before anything else."""
    assert refused(raw, RequestLimits()).code == code
