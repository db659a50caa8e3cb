"""Redaction replaces tokens and secrets and leaves all other text as it is."""

import json
import time

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.observability.redaction import Redactor

SECRET = 'a-secret-with-"quotes"-and-\\slashes-0123456789'


def token() -> str:
    """Return a signed JWT."""
    return jwt.encode({"sub": "alice", "exp": time.time() + 60}, "k" * 32, algorithm="HS256")


@pytest.mark.parametrize("before", ["", "Authorization: Bearer ", "access_token=", "x", "X-", '{"jwt":"'])
def test_a_token_is_redacted_wherever_it_stands(before: str) -> None:
    """None of the three parts of a JWT is left, whichever text comes before it."""
    made = token()

    cleaned = Redactor()(f"{before}{made} and more".encode()).decode()

    assert not any(part in cleaned for part in made.split("."))
    assert cleaned.endswith(" and more")


def test_a_token_that_was_cut_off_is_redacted() -> None:
    """A JWT without its signature is redacted too: its claims could be read."""
    header, payload, _ = token().split(".")

    cleaned = Redactor()(f"{header}.{payload[:20]}".encode()).decode()

    assert cleaned == "[redacted]"


def test_a_token_whose_header_has_white_space_is_redacted() -> None:
    """JSON allows white space after the brace, which changes the first letters of the token."""
    cleaned = Redactor()(b"ewogICJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl").decode()

    assert "ewog" not in cleaned
    assert "c2lnbmF0dXJl" not in cleaned


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_opaque_bearer_tokens_are_redacted(scheme: str) -> None:
    """Text after the scheme Bearer, in any case, is redacted though it is no JWT."""
    assert b"2YotnFZFEjr1zCsicMWpAA" not in Redactor()(f"{scheme} 2YotnFZFEjr1zCsicMWpAA".encode())


def test_credentials_of_other_schemes_are_redacted() -> None:
    """The value of an Authorization header is redacted, as sent and as Python prints it."""
    for text in (b"Authorization: Basic YWxpY2U6c2VjcmV0", b"(b'authorization', b'Basic YWxpY2U6c2VjcmV0')"):
        assert b"YWxpY2U6c2VjcmV0" not in Redactor()(text)


def test_a_known_secret_is_redacted_in_json_too() -> None:
    """A secret is found in its JSON form, with its quotes escaped."""
    cleaned = Redactor([SECRET])(json.dumps({"said": f"key is {SECRET}!"}).encode())

    assert json.loads(cleaned) == {"said": "key is [redacted]!"}


def test_ordinary_lines_are_left_alone() -> None:
    """Names, ids and words that begin like a token are kept."""
    line = (
        b'{"request_id":"ewoods.and-keys","subject":"eyre","message":"the bearer left Rosewood.house.today"}'
    )

    assert Redactor([SECRET])(line) == line


PIECES = ("eyJ", "yJ", "ewo", "Bearer ", "authorization:", '"', "\\", "\x1e", "\b", ".", "abcdefgh", "{", " ")


@given(st.lists(st.sampled_from(PIECES)))
def test_redacted_json_is_valid_json(pieces: list[str]) -> None:
    """A line with any text in it is still JSON, and its other fields are unchanged."""
    line = json.dumps({"first": "".join(pieces), "second": 2}).encode()

    assert json.loads(Redactor()(line))["second"] == 2
