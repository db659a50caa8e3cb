"""Tokens: minted, kept, renewed; the service's own verification is the oracle."""

import asyncio
import json
import time
from typing import Any

import jwt
import pytest

from scorepool_client import minted_with_key, minted_with_secret
from scorepool_client.tokens import TokenCache, expiry
from service.auth.keys import FixedKey, Key
from service.auth.tokens import Authenticator, TokenPolicy
from tests.support.tokens import FAMILIES, SECRET, private, private_pem


def authenticated(token: str, key: Any, algorithm: str) -> str:
    """Have the service verify a token; return its subject."""
    authenticator = Authenticator(FixedKey(Key(key, [algorithm])), TokenPolicy("scorepool", None, 30.0))
    return asyncio.run(authenticator.authenticate(b"Bearer " + token.encode(), "score")).subject


def test_the_service_accepts_a_token_minted_with_its_secret() -> None:
    """Subject and scope are those that were asked for."""
    minter = minted_with_secret(SECRET, "search", scope="score status")

    assert authenticated(minter.mint(time.time()), SECRET.encode(), "HS256") == "search"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_the_service_accepts_a_token_minted_with_a_key(algorithm: str) -> None:
    """Of each family of keys."""
    kind = FAMILIES[algorithm]
    minter = minted_with_key(private_pem(kind), "search", algorithm=algorithm, scope="score", key_id="k1")

    token = minter.mint(time.time())

    assert authenticated(token, private(kind).public_key(), algorithm) == "search"
    assert jwt.get_unverified_header(token)["kid"] == "k1"


def test_a_short_secret_and_a_wrong_key_are_refused() -> None:
    """In one sentence that does not hold them."""
    with pytest.raises(ValueError, match="6 bytes, at least 32") as caught:
        minted_with_secret("secret", "search")
    assert "'secret'" not in str(caught.value)

    with pytest.raises(ValueError, match="not a key for ES256"):
        minted_with_key(b"no key", "search", algorithm="ES256")
    with pytest.raises(ValueError, match="not a key for ES256"):
        minted_with_key(private_pem("RSA"), "search", algorithm="ES256")


def test_a_secret_is_not_shown() -> None:
    """A minter may end up in a log."""
    assert SECRET not in repr(minted_with_secret(SECRET, "search"))


def test_a_minted_token_is_another_in_each_second() -> None:
    """And lives a minute."""
    cache = TokenCache(minted_with_secret(SECRET, "search"))

    tokens = [cache.current(now) for now in (1000.0, 1000.9, 1001.0)]

    assert tokens[0] == tokens[1] != tokens[2]
    assert expiry(str(tokens[2])) == 1061


def test_a_given_token_is_kept_until_shortly_before_it_expires() -> None:
    """Not to the last second, when it might expire on its way."""
    cache = TokenCache(lambda: "unused")
    cache.store(jwt.encode({"exp": 1100}, SECRET) + "\n")

    assert cache.current(1080.0) == jwt.encode({"exp": 1100}, SECRET)
    assert cache.current(1095.0) is None


def test_a_refused_token_is_not_used_again() -> None:
    """Its replacement is."""
    cache = TokenCache(lambda: "unused")
    first = cache.store(jwt.encode({"exp": 1100}, SECRET))
    assert cache.current(1000.0, refused=first) is None

    second = cache.store(jwt.encode({"exp": 1100, "jti": "2"}, SECRET))

    assert cache.current(1000.0, refused=first) == second


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "a.!!!.c", "", "a." + "e30" + ".c", "a.W10.c"])
def test_a_token_that_does_not_say_when_it_expires_is_used_once(token: str) -> None:
    """Whatever it looks like."""
    cache = TokenCache(lambda: "unused")
    cache.store(token)

    assert expiry(token) is None
    assert cache.current(0.0) is None


def test_a_text_is_used_as_it_is() -> None:
    """Without the line end of the file that it came from."""
    cache = TokenCache("abc\n")

    assert cache.current(0.0) == "abc"
    assert not cache.renewable


def test_the_header_names_the_type() -> None:
    """RFC 7519, 5.1."""
    token = minted_with_secret(SECRET, "search").mint(0)

    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    assert "iss" not in json.dumps(jwt.decode(token, options={"verify_signature": False}))
