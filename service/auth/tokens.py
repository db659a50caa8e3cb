"""Bearer tokens: from the Authorization header to a `Principal`, by RFC 6750, RFC 7519 and RFC 8725.

    header ── digest in the cache? ──→ Principal                                                     3 µs
       └── header, key by kid, PyJWT (signature, audience, issuer), other claims ──→ Principal  100 to 200 µs

PyJWT decodes the token, verifies its signature, and checks `aud`, `iss` and that the required claims are there.
Beside it stand the checks that it does not make, or makes in another way than the contract; each says why.
Where a token says to find its key (`jku`, `x5u`, `jwk`) is never read.
"""

import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, NamedTuple

import jwt
import msgspec
from jwt.exceptions import InvalidSubjectError
from jwt.types import Options
from msgspec import UNSET, Meta, Struct, UnsetType

from service.auth.keys import Key, KeySource
from service.errors import Refused

# A token of an ordinary issuer has 1 KiB; proxies cut headers at 8 KiB.
MAX_HEADER_BYTES = 8 * 1024

# The most verified tokens in the cache, 300 bytes each. A client uses one token for minutes or hours.
MAX_CACHED = 10_000

# A subject is a key in queues and a field of log lines.
MAX_SUBJECT_LENGTH = 256

# Seconds after which a client may try again when the issuer's keys have not been fetched yet.
KEYS_RETRY_S = 5

# RFC 7515, 3.1: three parts in the URL-safe alphabet without padding; PyJWT would accept padding. A linear pattern.
_TOKEN = re.compile(rb"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")

# RFC 8725, 3.11: a logout token or a security event signed by the same issuer is no access token.
_TYPES = frozenset({"jwt", "at+jwt"})

# Half of a character beyond 16 bits. JSON can name one alone, and no log line or metric could be encoded with it.
_SURROGATE = re.compile("[\ud800-\udfff]")

# PyJWT compares times with the system's clock, drops their fractions and takes texts for numbers, and it wants `jti`
# to be a text. Times are checked here, against the clock that is passed in; `jti` is not used.
_OPTIONS: Options = {
    "require": ["exp", "sub", "aud"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_jti": False,
}

# Seconds since 1970. Python's JSON decoder reads NaN and Infinity as numbers; the bounds refuse both.
Timestamp = Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]


class Principal(NamedTuple):
    """The sender of a request: its token's subject and scopes, and when the token expires.

    `expires` is in seconds since 1970 and includes the leeway.
    """

    subject: str
    scopes: frozenset[str]
    expires: float


class Claims(Struct):
    """The types of the claims that PyJWT does not check. A number is a number: a date written as a text is none."""

    sub: str
    exp: Timestamp
    iss: str | UnsetType = UNSET
    nbf: Timestamp | UnsetType = UNSET
    iat: Timestamp | UnsetType = UNSET
    scope: str | list[str] | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """The audience and, where set, the issuer that a token must name, and the clock skew allowed (`leeway_s`)."""

    audience: str
    issuer: str | None
    leeway_s: float


class Authenticator:
    """Verifies bearer tokens and caches the principals of valid ones by the tokens' digests."""

    def __init__(self, keys: KeySource, policy: TokenPolicy, clock: Callable[[], float] = time.time) -> None:
        """Verify with `keys`; `clock` returns seconds since 1970, the unit of a token's times."""
        self._keys = keys
        self._policy = policy
        self._clock = clock
        self._generation = keys.generation
        # SHA-256 of a token to its principal, least recently used first.
        self._verified: dict[bytes, Principal] = {}

    async def authenticate(self, header: bytes | None, scope: str | None = None) -> Principal:
        """Return the principal of an Authorization `header`; the token must have `scope`, where set.

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
        """Return the principal of an Authorization `header` whose token is in the cache and still valid.

        None means that only `authenticate` can decide.
        """
        scheme, _, token = (header or b"").partition(b" ")
        if scheme.lower() != b"bearer" or len(token) > MAX_HEADER_BYTES or not self._keys.ready:
            return None
        principal = self._recall(sha256(token.strip()).digest())
        return principal if principal and (not scope or scope in principal.scopes) else None

    def _check_ready(self) -> None:
        if not self._keys.ready:
            raise Refused("starting", "the keys of the token issuer have not been fetched yet", KEYS_RETRY_S)

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
        header = _read_header(token)
        keys = await self._find_keys(header.get("kid"))
        # The algorithms are those of the key; the token's own choice only selects among them (RFC 8725, 3.1).
        usable = [key for key in keys if header.get("alg") in key.algorithms]
        if not usable:
            raise _refused("its algorithm is not accepted")
        return self._make_principal(self._decode(token, usable))

    async def _find_keys(self, kid: str | None) -> Sequence[Key]:
        keys = self._keys.find(kid)
        if not keys:
            await self._keys.learn(kid)
            keys = self._keys.find(kid)
        self._check_ready()
        if not keys:
            raise _refused("its key is not known")
        return keys

    def _decode(self, token: bytes, keys: Sequence[Key]) -> Claims:
        """Return the claims of a token that one of `keys` has signed."""
        policy = self._policy
        for key in keys:
            try:
                payload = jwt.decode(
                    token,
                    key.material,
                    algorithms=key.algorithms,
                    audience=policy.audience,
                    issuer=policy.issuer,
                    options=_OPTIONS,
                )
                return msgspec.convert(payload, Claims)
            except jwt.InvalidSignatureError:
                continue
            except jwt.PyJWTError as error:
                raise _refused(_reason(error, policy)) from None
            except msgspec.ValidationError as error:
                # Its text names the claim and the types, never the value.
                raise _refused(f"a claim has a wrong type: {error}") from None
        raise _refused("its signature is wrong")

    def _make_principal(self, claims: Claims) -> Principal:
        """Check the times and the subject."""
        now, leeway_s = self._clock(), self._policy.leeway_s
        expires = claims.exp + leeway_s
        if expires <= now:
            raise _refused("it has expired")
        if claims.nbf is not UNSET and claims.nbf - leeway_s > now:
            raise _refused("it is not valid yet")
        if not 1 <= len(claims.sub) <= MAX_SUBJECT_LENGTH:
            raise _refused(f"its subject (sub) has not 1 to {MAX_SUBJECT_LENGTH} characters")
        if _SURROGATE.search(claims.sub):
            raise _refused("its subject (sub) is no valid Unicode text")
        scopes = () if claims.scope is UNSET else claims.scope
        return Principal(
            claims.sub, frozenset(scopes.split() if isinstance(scopes, str) else scopes), expires
        )


def _read_header(token: bytes) -> dict[str, Any]:
    """Return the header of a token, before any signature is verified: for finding the key, and nothing else."""
    parts = _TOKEN.fullmatch(token)
    if parts is None:
        raise _refused("it has not the form of a JWT")
    try:
        # PyJWT decodes all three parts; the empty ones save half of the time of a token that is refused here.
        header: dict[str, Any] = jwt.get_unverified_header(parts[1] + b"..")
    except jwt.DecodeError:
        raise _refused("its header cannot be read") from None
    except jwt.InvalidTokenError:
        raise _refused("its kid is not a text, or it has critical extensions") from None
    # PyJWT supports the extension `b64`; no issuer of access tokens uses it (RFC 7797, 7).
    if "crit" in header:
        raise _refused("it has critical extensions")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in _TYPES:
        raise _refused("its type is not JWT or at+jwt")
    return header


def _reason(error: jwt.PyJWTError, policy: TokenPolicy) -> str:
    """Return the failed check in words; PyJWT's own text may quote the token."""
    match error:
        case jwt.InvalidIssuerError() | jwt.MissingRequiredClaimError(claim="iss"):
            return f"its issuer (iss) is not {policy.issuer}"
        case jwt.MissingRequiredClaimError(claim=claim):
            return f"it has no claim {claim}; exp, sub and aud are required"
        case jwt.InvalidAudienceError():
            return f"its audience (aud) is not {policy.audience}"
        case InvalidSubjectError():
            return "its subject (sub) is not a text"
        case _:
            return "it cannot be decoded"


def _bearer_token(header: bytes | None) -> bytes:
    if header is None:
        raise Refused("missing_token", "send Authorization: Bearer and a token")
    if len(header) > MAX_HEADER_BYTES:
        raise _refused(f"the Authorization header has {len(header)} bytes, at most {MAX_HEADER_BYTES}")
    scheme, _, token = header.partition(b" ")
    if scheme.lower() != b"bearer" or not token.strip():
        raise Refused("missing_token", "send Authorization: Bearer and a token")
    return token.strip()


def _refused(reason: str) -> Refused:
    return Refused("invalid_token", f"the token is refused: {reason}")
