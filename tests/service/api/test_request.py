"""What a body must look like to be scored, and what its sender is told otherwise."""

import json

import pytest

from service.api.request import MAX_ERRORS, RequestError, ScoreRequest, decode
from service.limits import RequestLimits
from tests.support.malformed import (
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
    """Return why `body` is refused."""
    with pytest.raises(RequestError) as caught:
        decode(body, limits)
    return caught.value


def body(**members: object) -> bytes:
    """Encode a request of one document with further members."""
    return json.dumps({"documents": ["a"], **members}).encode()


def test_plain_texts_and_objects_become_texts_and_ids() -> None:
    """A missing id is the document's position as text."""
    request = decode(b'{"documents": [{"id": "x", "text": "one"}, {"text": "two"}, "three"]}', LIMITS)

    assert request == ScoreRequest(
        ["one", "two", "three"], ["x", "1", "2"], "neighbours", 5, 0.8, vectors=False
    )


def test_options_are_taken_over() -> None:
    """Every option of the contract reaches the request."""
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
    """Whatever the first one was, as in nearly every JSON parser."""
    assert decode(raw, LIMITS).texts == ["last"]


@pytest.mark.parametrize("raw", NOT_JSON, ids=shortened)
def test_what_is_not_json_is_invalid_json(raw: bytes) -> None:
    """Also where the fault hides in a member that would be refused anyway."""
    assert refused(raw).code == "invalid_json"


@pytest.mark.parametrize(("raw", "pointer"), WRONG_DOCUMENTS, ids=shortened)
def test_documents_of_the_wrong_shape_are_pointed_at(raw: bytes, pointer: str) -> None:
    """The answer says where in the body the fault is."""
    error = refused(raw, RequestLimits())

    assert (error.code, error.errors[0][0]) == ("invalid_document", pointer)


@pytest.mark.parametrize(("member", "value"), WRONG_OPTIONS)
def test_options_of_the_wrong_shape_are_pointed_at(member: str, value: object) -> None:
    """An unknown option is one of the wrong shape: a typing error must not be ignored."""
    error = refused(with_option(member, value))

    assert (error.code, error.errors[0][0]) == ("invalid_option", f"/{member}")


@pytest.mark.parametrize("documents", SAME_IDS)
def test_ids_must_be_distinct(documents: tuple[object, ...]) -> None:
    """An implicit position counts as an id."""
    error = refused(json.dumps({"documents": documents}).encode())

    assert (error.code, error.errors[0][0]) == ("duplicate_id", "/documents/1")


def test_an_id_may_have_256_characters() -> None:
    """Characters are counted, not bytes."""
    name = "é" * 256

    assert decode(json.dumps({"documents": [{"id": name, "text": ""}]}).encode(), LIMITS).ids == [name]


@pytest.mark.parametrize("entry", ["a", 1, None, {}, {"unknown": 1}])
def test_too_many_documents_come_before_their_shapes(entry: object) -> None:
    """413 before 422, and the limit is named."""
    error = refused(json.dumps({"documents": [entry] * 11, "unknown": 1}).encode())

    assert error.code == "too_many_documents"
    assert "at most 10" in error.detail


def test_as_many_documents_as_allowed() -> None:
    """The limit itself is allowed."""
    assert len(decode(json.dumps({"documents": ["a"] * 10}).encode(), LIMITS).texts) == 10


@pytest.mark.parametrize("text", ["x" * 101, "é" * 51, "😀" * 26])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_text_is_measured_in_decoded_utf8_bytes(text: str, ascii_only: bool) -> None:
    """Escapes do not make a text longer, and the entry is pointed at."""
    error = refused(json.dumps({"documents": ["a", text]}, ensure_ascii=ascii_only).encode())

    assert (error.code, error.errors[0][0]) == ("document_too_large", "/documents/1")


@pytest.mark.parametrize("text", ["x" * 100, "é" * 50, "😀" * 25])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_text_as_long_as_allowed(text: str, ascii_only: bool) -> None:
    """The limit itself is allowed, whatever its escapes take in the body."""
    raw = json.dumps({"documents": [{"text": text}, "a" * 100]}, ensure_ascii=ascii_only).encode()

    assert decode(raw, LIMITS).texts[0] == text


def test_a_text_too_long_comes_before_shapes() -> None:
    """413 before 422, also when another document is no document."""
    error = refused(json.dumps({"documents": [1, {"text": "x" * 101, "unknown": 1}]}).encode())

    assert error.code == "document_too_large"


def test_the_number_of_pointers_is_bounded() -> None:
    """Thousands of faults give the first few."""
    error = refused(json.dumps({"documents": [1] * 1_000}).encode(), RequestLimits())

    assert len(error.errors) == MAX_ERRORS


def test_an_error_says_nothing_of_the_texts() -> None:
    """Only the name of an unknown member comes back, cut short."""
    error = refused(json.dumps({"documents": ["canary", {"text": "canary", "x" * 1_000: "canary"}]}).encode())

    assert "canary" not in repr((error.detail, error.errors, error.__context__))
    assert len(error.detail) < 200


@pytest.mark.parametrize(("raw", "code"), TOO_LARGE, ids=shortened)
def test_what_is_too_large_by_the_default_limits(raw: bytes, code: str) -> None:
    """Before anything else is looked at."""
    assert refused(raw, RequestLimits()).code == code
