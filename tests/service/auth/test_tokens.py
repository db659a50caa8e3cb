"""Which tokens are valid: form, header and claims, by RFC 7519 and RFC 8725."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.auth.tokens import MAX_SUBJECT_LENGTH, Principal, TokenPolicy
from service.errors import Refused
from tests.support.authentication import HEADER, POLICY, authenticate, refused
from tests.support.tokens import CLAIMS, NOW, forge, sign


def test_a_valid_token_gives_a_principal() -> None:
    """With its subject, its scopes and its expiry, to which the leeway is added."""
    principal = authenticate(f"Bearer {sign(scope='status score')}")

    assert principal == Principal("ann", frozenset({"status", "score"}), NOW + 90)


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": None},
        {"aud": None},
        {"exp": None},
        {"sub": ""},
        {"sub": 5},
        {"sub": "x" * 257},
        {"sub": ["ann"]},
        {"aud": "other"},
        {"aud": []},
        {"aud": ["other"]},
        {"aud": "scorepool "},
        {"aud": "Scorepool"},
        {"aud": {"scorepool": 1}},
        {"exp": NOW - 31},
        {"exp": NOW - 30},
        {"exp": str(NOW + 60)},
        {"exp": True},
        {"exp": [NOW + 60]},
        {"exp": -1},
        {"nbf": NOW + 31},
        {"nbf": "soon"},
        {"iat": "now"},
        {"iss": 5},
        {"scope": 5},
        {"scope": [5]},
    ],
)
def test_invalid_claims_are_refused(claims: dict[str, Any]) -> None:
    """A claim is missing, has a wrong type or a wrong value."""
    every = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}

    refused(forge(HEADER, every))


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["other", "scorepool"]},
        {"exp": NOW + 0.5},
        {"exp": NOW - 29},
        {"exp": 1e300},
        {"nbf": NOW + 29},
        {"nbf": NOW - 0.5, "iat": NOW + 5, "jti": 7, "anything": {"nested": [1]}},
        {"scope": ["a", "b"]},
        {"scope": ""},
        {"sub": "x" * 256},
        {"iss": "anyone"},
    ],
)
def test_valid_claims_are_accepted(claims: dict[str, Any]) -> None:
    """Within the leeway, fractional, in either form; claims that are not required are ignored."""
    assert authenticate(f"Bearer {sign(**claims)}").subject


def test_the_issuer_is_checked_where_it_is_set() -> None:
    """A missing or another one is refused."""
    policy = TokenPolicy("scorepool", "https://issuer.example", 30.0)

    assert authenticate(f"Bearer {sign(iss='https://issuer.example')}", policy=policy).subject == "ann"
    assert "issuer" in refused(sign(), policy=policy)
    assert "issuer" in refused(sign(iss="https://issuer.example/"), policy=policy)


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"null", b"{", b"\xff", b'{"sub": "\xff"}', b'{"exp": NaN}', b"[" * 5_000]
)
def test_a_signed_payload_that_is_no_claims_is_refused(payload: bytes) -> None:
    """As a payload and as a header: a valid signature says nothing about the content."""
    refused(forge(HEADER, payload))
    refused(forge(payload, CLAIMS))


def test_infinity_is_no_date() -> None:
    """Python's own JSON decoder accepts it."""
    refused(forge(HEADER, json.dumps(CLAIMS).replace(str(CLAIMS["exp"]), "Infinity").encode()))
    refused(forge(HEADER, json.dumps(CLAIMS).replace(str(CLAIMS["exp"]), "1e999").encode()))


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["b64"], "b64": False},
        {"crit": ["exp"]},
        {"crit": []},
        {"typ": "logout+jwt"},
        {"typ": "secevent+jwt"},
        {"typ": 5},
        {"kid": 5},
        {"kid": ["k"]},
    ],
)
def test_unsupported_headers_are_refused(header: dict[str, Any]) -> None:
    """RFC 7515, 4.1.11 and RFC 8725, 3.11."""
    refused(forge({**HEADER, **header}, CLAIMS))


@pytest.mark.parametrize(
    "header",
    [
        {"typ": None},
        {"typ": "at+jwt"},
        {"typ": "application/at+JWT"},
        {"kid": "../../../../dev/null"},
        {"kid": "' OR 1=1 --"},
        {"kid": ""},
        {
            "jku": "http://127.0.0.1:1/keys",
            "x5u": "http://127.0.0.1:1/cert",
            "jwk": {"kty": "oct", "k": "AA"},
        },
        {"zip": "DEF"},
        {"b64": True},
    ],
)
def test_ignored_headers(header: dict[str, Any]) -> None:
    """A kid chooses nothing where there is one key, and a token never says where to fetch a key."""
    every = {name: value for name, value in {**HEADER, **header}.items() if value is not None}

    assert authenticate(f"Bearer {forge(every, CLAIMS)}").subject == "ann"


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token + ".",
        lambda token: token + "=",
        lambda token: "." + token,
        lambda token: token.replace(".", ".."),
        lambda token: token + "." + token,
        lambda token: token + ".a.b",
        lambda token: token.replace(".", " ."),
        lambda token: token + "\xe9",
        lambda token: token[:5] + "\n" + token[5:],
        lambda token: token.replace("eyJ", "+/J", 1),
        lambda _: "a.b.c",
        lambda _: "...",
        lambda _: "x",
        lambda token: '"' + token + '"',
    ],
)
def test_malformed_tokens_are_refused(change: Any) -> None:
    """A token has exactly three parts in the URL-safe alphabet, without padding."""
    refused(change(sign()))


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Token x", "BearerX y"])
def test_no_token_at_all(header: str | None) -> None:
    """RFC 6750, 3.1: a request without a token gets no error code about tokens."""
    with pytest.raises(Refused) as caught:
        authenticate(header)

    assert caught.value.code == "missing_token"


def test_a_header_over_8_kib_is_not_decoded() -> None:
    """Not even one with a valid signature."""
    assert "8192" in refused(sign(filler="x" * 8_000))


@pytest.mark.parametrize(
    ("held", "enough"),
    [("", False), ("score", True), ("a score b", True), ("scores", False), (["score"], True)],
)
def test_a_scope_is_one_of_the_tokens_scopes(held: object, enough: bool) -> None:
    """The claim is a list, or a text with spaces."""
    token = f"Bearer {sign(scope=held)}"

    if enough:
        assert authenticate(token, scope="score").subject == "ann"
    else:
        with pytest.raises(Refused) as caught:
            authenticate(token, scope="score")
        assert caught.value.code == "insufficient_scope"


@pytest.mark.parametrize(
    ("header", "claims", "check"),
    [
        ({}, {"exp": NOW - 31}, "expired"),
        ({}, {"exp": str(NOW + 60)}, "$.exp"),
        ({}, {"exp": None}, "no claim exp"),
        ({}, {"nbf": NOW + 31}, "not valid yet"),
        ({}, {"nbf": "soon"}, "$.nbf"),
        ({}, {"aud": "other"}, "audience"),
        ({}, {"sub": None}, "no claim sub"),
        ({}, {"sub": 5}, "subject"),
        ({}, {"sub": "x" * 257}, "256"),
        ({}, {"sub": "\ud800"}, "Unicode"),
        ({}, {"iss": "other"}, "issuer"),
        ({}, {"scope": [5]}, "$.scope"),
        ({"alg": "none"}, {}, "algorithm"),
        ({"crit": ["exp"]}, {}, "critical"),
        ({"crit": ["b64"], "b64": True}, {}, "critical"),
        ({"typ": "logout+jwt"}, {}, "type"),
        ({"kid": 5}, {}, "kid"),
    ],
)
def test_a_refusal_says_which_check_failed(
    header: dict[str, Any], claims: dict[str, Any], check: str
) -> None:
    """The client's developer can act on it; values of the token are not repeated."""
    policy = TokenPolicy(POLICY.audience, "https://issuer.example", POLICY.leeway_s)
    every = {**CLAIMS, "iss": policy.issuer, "canary": "canary", **claims}

    reason = refused(forge({**HEADER, **header}, every), policy=policy)

    assert check in reason
    assert "canary" not in reason


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_without_a_fault(raw: bytes) -> None:
    """A token is never trusted to have the form of one."""
    with pytest.raises(Refused):
        authenticate("Bearer " + raw.decode("latin-1"))


@given(st.binary(max_size=20), st.integers(0, 200), st.integers(0, 20))
def test_any_change_of_a_token_is_refused_without_a_fault(piece: bytes, start: int, cut: int) -> None:
    """Bytes replaced, added or removed anywhere."""
    token = sign().encode()
    changed = token[:start] + piece + token[start + cut :]

    if changed.strip() != token:
        with pytest.raises(Refused):
            authenticate(b"Bearer " + changed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "b64", "zip", "cty", "jwk"]), JSON),
    st.dictionaries(st.sampled_from(["sub", "aud", "exp", "nbf", "iat", "iss", "jti", "scope"]), JSON),
)
@example({}, {"sub": "\ud800"})
@example({}, {"exp": 10**400})
@example({}, {"exp": float("inf"), "nbf": float("nan")})
def test_signed_members_of_any_type_give_a_principal_or_a_refusal(
    header: dict[str, Any], claims: dict[str, Any]
) -> None:
    """The issuer's mistakes are no faults of the service."""
    try:
        principal = authenticate(f"Bearer {forge({**HEADER, **header}, {**CLAIMS, **claims})}")
    except Refused:
        return

    assert 1 <= len(principal.subject.encode()) <= 4 * MAX_SUBJECT_LENGTH
    assert NOW < principal.expires < float("inf")
    assert all(isinstance(scope, str) for scope in principal.scopes)
