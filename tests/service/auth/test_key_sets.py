"""Which keys of an issuer's key set are used."""

import pytest

from service.auth.jwks import MAX_KEYS, parse_keys
from service.settings import KEY_ALGORITHMS
from tests.support.tokens import jwk, key_set

ACCEPTED = ("RS256", "ES256", "EdDSA")


@pytest.mark.parametrize(
    ("kind", "algorithm"), [("RSA", "RS256"), ("P-256", "ES256"), ("P-384", "ES384"), ("Ed25519", "EdDSA")]
)
def test_a_key_of_each_family(kind: str, algorithm: str) -> None:
    """It is found by its kid."""
    keys = parse_keys(key_set(jwk(kind, use="sig", alg=algorithm)), KEY_ALGORITHMS)

    assert [list(key.algorithms) for key in keys["k"]] == [[algorithm]]


def test_a_key_without_an_algorithm() -> None:
    """It has all accepted algorithms of its type."""
    keys = parse_keys(key_set(jwk("RSA")), ("RS256", "PS256", "ES256"))

    assert set(keys["k"][0].algorithms) == {"RS256", "PS256"}


@pytest.mark.parametrize(
    "entry",
    [
        jwk("RSA", use="enc"),
        jwk("RSA", alg="RSA-OAEP"),
        jwk("RSA", alg="ES256"),
        jwk("RSA", alg="HS256"),
        jwk("RSA", n=None),
        jwk("RSA", n="AA"),
        jwk("RSA", n=5),
        jwk("RSA", e="AA"),
        jwk("RSA", d="AAAA"),
        jwk("RSA", kty="rsa"),
        jwk("RSA", kty=None),
        jwk("RSA", kid=5),
        jwk("short RSA"),
        jwk("P-256", x="AA"),
        jwk("P-256", y=jwk("P-256'")["y"]),
        jwk("P-256", crv="P-384"),
        jwk("P-256", crv="secp256k1"),
        jwk("P-384"),
        jwk("Ed25519", x="AA"),
        jwk("Ed448"),
        {"kty": "oct", "kid": "k", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"},
        {},
    ],
)
def test_unusable_entries_are_left_out(entry: object) -> None:
    """Wrong use, algorithm or size, points off the curve, private and symmetric keys."""
    keys = parse_keys(key_set(entry, jwk("Ed25519", "good")), ACCEPTED)

    assert list(keys) == ["good"]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b"[]",
        b'{"keys": {}}',
        b'{"keys": [5]}',
        b'{"keys": []}',
        b"\xff",
        b"<html>",
        b"[" * 100_000,
    ],
)
def test_documents_that_are_no_key_set(document: bytes) -> None:
    """A wrong address may answer with anything."""
    with pytest.raises(ValueError, match="key"):
        parse_keys(document, ACCEPTED)


def test_a_set_without_a_usable_key_is_an_error() -> None:
    """The old keys then stay in use."""
    with pytest.raises(ValueError, match="no key for"):
        parse_keys(key_set(jwk("P-384")), ACCEPTED)


def test_the_number_of_keys_is_bounded() -> None:
    """The first ones are taken."""
    document = key_set(*[jwk("Ed25519", str(i)) for i in range(MAX_KEYS + 5)])

    assert len(parse_keys(document, ACCEPTED)) == MAX_KEYS
