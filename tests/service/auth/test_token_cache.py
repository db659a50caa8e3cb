"""Verified tokens are cached, by their digests, until they expire."""

import asyncio
from collections.abc import Sequence

import pytest

from service.auth.keys import FixedKey, Key, secret_key
from service.auth.tokens import MAX_CACHED, Authenticator
from service.errors import Refused
from tests.support.authentication import HEADER, POLICY
from tests.support.tokens import CLAIMS, NOW, SECRET, forge, sign


class CountedKey(FixedKey):
    """Counts how often a token is verified: each verification looks for its key once."""

    count = 0

    def find(self, kid: str | None) -> Sequence[Key]:
        """Count, and return the key."""
        self.count += 1
        return super().find(kid)


class Watched:
    """An authenticator with a clock that a test sets, and a count of its verifications."""

    def __init__(self) -> None:
        self.keys = CountedKey(secret_key(SECRET, ["HS256"]))
        self.now = NOW
        self.authenticator = Authenticator(self.keys, POLICY, lambda: self.now)

    def authenticate(self, *tokens: str) -> None:
        """Verify tokens, one after the other."""

        async def verify() -> None:
            for token in tokens:
                await self.authenticator.authenticate(b"Bearer " + token.encode())

        asyncio.run(verify())


def test_a_token_is_verified_once() -> None:
    """Then it comes from the cache."""
    watched = Watched()

    watched.authenticate(*[sign()] * 5)

    assert watched.keys.count == 1


def test_a_cached_token_expires() -> None:
    """Its expiry is checked at every request."""
    watched = Watched()
    watched.authenticate(sign())
    watched.now += 91

    with pytest.raises(Refused) as caught:
        watched.authenticate(sign())

    assert "expired" in caught.value.detail


def test_the_cache_is_emptied_when_keys_change() -> None:
    """The key of a cached token may have been withdrawn."""
    watched = Watched()
    watched.authenticate(sign())
    watched.keys.generation += 1

    watched.authenticate(sign())

    assert watched.keys.count == 2


def test_an_invalid_token_is_not_cached() -> None:
    """It is refused every time."""
    watched = Watched()

    for _ in range(2):
        with pytest.raises(Refused):
            watched.authenticate(sign() + "AA")


def test_the_cache_is_bounded() -> None:
    """The least recently used token leaves it first."""
    watched = Watched()
    first, *others = [forge(HEADER, {**CLAIMS, "jti": i}) for i in range(MAX_CACHED + 1)]

    watched.authenticate(first, *others)
    watched.authenticate(others[-1], first)

    assert watched.keys.count == MAX_CACHED + 2


def test_no_token_is_kept() -> None:
    """Neither as a key nor as a value of the cache, nor in a repr."""
    watched = Watched()
    token = sign(jti="canary")

    watched.authenticate(token)

    assert token.rpartition(".")[2] not in repr(vars(watched.authenticator))
