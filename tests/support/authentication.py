"""Verifies one Authorization header at a time, with a fake clock."""

import asyncio

import pytest

from service.auth.keys import FixedKey, KeySource, public_key, secret_key
from service.auth.tokens import Authenticator, Principal, TokenPolicy
from service.errors import Refused
from service.settings import KEY_ALGORITHMS
from tests.support.tokens import NOW, SECRET, private

POLICY = TokenPolicy("scorepool", None, 30.0)
HEADER = {"alg": "HS256", "typ": "JWT"}


def with_secret(accepted: tuple[str, ...] = ("HS256",)) -> FixedKey:
    """Return a key source with the tests' secret."""
    return FixedKey(secret_key(SECRET, accepted))


def with_key(kind: str, accepted: tuple[str, ...] = KEY_ALGORITHMS) -> FixedKey:
    """Return a key source with the public key of a kind."""
    return FixedKey(public_key(private(kind).public_key(), accepted))


def authenticate(
    header: str | bytes | None,
    keys: KeySource | None = None,
    policy: TokenPolicy = POLICY,
    scope: str | None = None,
) -> Principal:
    """Return the principal of an Authorization header; raise Refused for an invalid one."""
    raw = header.encode() if isinstance(header, str) else header
    authenticator = Authenticator(keys or with_secret(), policy, lambda: NOW)
    return asyncio.run(authenticator.authenticate(raw, scope))


def refused(token: str, keys: KeySource | None = None, policy: TokenPolicy = POLICY) -> str:
    """Return why a token is refused; fail unless it is, with the code `invalid_token`."""
    with pytest.raises(Refused) as caught:
        authenticate(f"Bearer {token}", keys, policy)
    assert caught.value.code == "invalid_token"
    return caught.value.detail
