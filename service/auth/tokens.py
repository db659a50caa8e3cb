"""Bearer tokens: from the Authorization header to a `Principal`, by RFC 6750, RFC 7519 and RFC 8725.

    header ── digest seen before? ──→ Principal                                            1 µs
       └── split, decode, find the key by kid, verify, check the claims ──→ Principal      30 to 150 µs

Only the signature is left to a library. TokenHeader and claims are decoded into the few members that count, with
their types: what a token says about where to get its key (jku, x5u, jwk) is never looked at.
"""

import re
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple, NoReturn, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from service.auth.keys import KeySource
from service.errors import Refused

# A token of an ordinary issuer has 1 KiB; proxies cut headers at 8 KiB.
MAX_HEADER_BYTES = 8 * 1024

# Verified tokens remembered, 300 bytes each. A client uses one token for minutes or hours.
MAX_CACHED = 10_000

# A subject is a key of queues and log lines.
MAX_SUBJECT_LENGTH = 256

# How long to wait before trying again when the issuer's keys are not there.
KEYS_RETRY_S = 5

# RFC 7515, 3.1: three parts in the URL-safe alphabet without padding. A linear pattern.
_TOKEN = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")

# RFC 8725, 3.11: a logout token or a security event signed by the same issuer is no access token.
_TYPES = frozenset({"jwt", "at+jwt"})


Decoded = TypeVar("Decoded")


class Principal(NamedTuple):
    """Who asks: a token's subject and scopes, and when it expires (seconds since 1970, with the leeway)."""

    subject: str
    scopes: frozenset[str]
    expires: float


class TokenHeader(Struct):
    """The members of a token's header that count."""

    alg: str
    kid: str | UnsetType = UNSET
    typ: str | UnsetType = UNSET
    crit: msgspec.Raw | UnsetType = UNSET


class Claims(Struct):
    """The claims that count. Numbers are numbers: a date written as a text is not one."""

    sub: str
    exp: float
    aud: str | list[str]
    iss: str | UnsetType = UNSET
    nbf: float | UnsetType = UNSET
    iat: float | UnsetType = UNSET
    scope: str | list[str] | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """What a token must say: the audience, the issuer where set; `leeway_s` forgives clocks that differ."""

    audience: str
    issuer: str | None
    leeway_s: float


class Authenticator:
    """Verifies bearer tokens and remembers, by their digests, those that were good."""

    def __init__(self, keys: KeySource, policy: TokenPolicy, clock: Callable[[], float] = time.time) -> None:
        """Verify with `keys`; `clock` gives seconds since 1970, as in tokens."""
        self._keys = keys
        self._policy = policy
        self._clock = clock
        self._generation = keys.generation
        # Digest of the token to its principal, least recently used first.
        self._verified: dict[bytes, Principal] = {}

    async def authenticate(self, header: bytes | None, scope: str | None = None) -> Principal:
        """Return who sent the Authorization `header`; the token must have `scope`, where set.

        Raises: Refused (`missing_token`, `invalid_token`, `insufficient_scope`, `starting` without keys).
        """
        token = _bearer_token(header)
        if not self._keys.ready:
            await self._keys.learn(None)
            self._check_ready()
        digest = sha256(token).digest()
        principal = self._recall(digest)
        if principal is None:
            principal = await self._verify(token)
            self._remember(digest, principal)
        if scope and scope not in principal.scopes:
            raise Refused("insufficient_scope", f"the token needs the scope {scope}")
        return principal

    def recall_principal(self, header: bytes | None, scope: str | None = None) -> Principal | None:
        """Return who sent the Authorization `header`, if its token was good before and still is.

        None says nothing: `authenticate` has to look.
        """
        scheme, _, token = (header or b"").partition(b" ")
        if scheme.lower() != b"bearer" or len(token) > MAX_HEADER_BYTES or not self._keys.ready:
            return None
        principal = self._recall(sha256(token.strip()).digest())
        return principal if principal and (not scope or scope in principal.scopes) else None

    def _check_ready(self) -> None:
        if not self._keys.ready:
            raise Refused("starting", "the keys of the tokens' issuer are not there yet", KEYS_RETRY_S)

    def _recall(self, digest: bytes) -> Principal | None:
        if self._generation != self._keys.generation:
            self._generation = self._keys.generation
            self._verified.clear()
        principal = self._verified.pop(digest, None)
        if principal is None or principal.expires <= self._clock():
            return None
        self._verified[digest] = principal
        return principal

    def _remember(self, digest: bytes, principal: Principal) -> None:
        self._verified[digest] = principal
        if len(self._verified) > MAX_CACHED:
            del self._verified[next(iter(self._verified))]

    async def _verify(self, token: bytes) -> Principal:
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            _refuse("it has not the form of a JWT")
        header = _decode(parts[1], TokenHeader, "its header cannot be read")
        if header.crit is not UNSET:
            _refuse("it has critical extensions, and none is understood")
        if header.typ is not UNSET and header.typ.lower().removeprefix("application/") not in _TYPES:
            _refuse("its type is not JWT or at+jwt")
        await self._check_signature(header, parts[1] + b"." + parts[2], parts[3])
        return self._principal(
            _decode(parts[2], Claims, "it needs exp, sub and aud, and claims of the right types")
        )

    async def _check_signature(self, header: TokenHeader, message: bytes, encoded: bytes) -> None:
        kid = None if header.kid is UNSET else header.kid
        candidates = self._keys.find(kid)
        if not candidates:
            await self._keys.learn(kid)
            candidates = self._keys.find(kid)
        self._check_ready()
        if not candidates:
            _refuse("its key is not known")
        if not any(header.alg in key.algorithms for key in candidates):
            _refuse("its algorithm is not accepted")
        try:
            signature = _unbase64(encoded)
        except ValueError:
            signature = b""
        if not any(key.verifies(header.alg, message, signature) for key in candidates):
            _refuse("its signature is wrong")

    def _principal(self, claims: Claims) -> Principal:
        now, policy = self._clock(), self._policy
        expires = claims.exp + policy.leeway_s
        if expires <= now:
            _refuse("it has expired")
        if claims.nbf is not UNSET and claims.nbf - policy.leeway_s > now:
            _refuse("it is not valid yet")
        if policy.audience not in ([claims.aud] if isinstance(claims.aud, str) else claims.aud):
            _refuse(f"its audience (aud) is not {policy.audience}")
        if policy.issuer is not None and claims.iss != policy.issuer:
            _refuse(f"its issuer (iss) is not {policy.issuer}")
        if not 1 <= len(claims.sub) <= MAX_SUBJECT_LENGTH:
            _refuse(f"its subject (sub) has not 1 to {MAX_SUBJECT_LENGTH} characters")
        scopes = () if claims.scope is UNSET else claims.scope
        return Principal(
            claims.sub, frozenset(scopes.split() if isinstance(scopes, str) else scopes), expires
        )


def _bearer_token(header: bytes | None) -> bytes:
    if header is None:
        raise Refused("missing_token", "send Authorization: Bearer and a token")
    if len(header) > MAX_HEADER_BYTES:
        _refuse(f"the Authorization header has {len(header)} bytes, at most {MAX_HEADER_BYTES}")
    scheme, _, token = header.partition(b" ")
    if scheme.lower() != b"bearer" or not token.strip():
        raise Refused("missing_token", "send Authorization: Bearer and a token")
    return token.strip()


def _decode(part: bytes, kind: type[Decoded], missing: str) -> Decoded:
    try:
        return msgspec.json.decode(_unbase64(part), type=kind)
    except (ValueError, RecursionError):
        _refuse(missing)


def _unbase64(part: bytes) -> bytes:
    """Decode one part. Raises: ValueError for a length that no encoding has."""
    return urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def _refuse(reason: str) -> NoReturn:
    raise Refused("invalid_token", f"the token is refused: {reason}")
