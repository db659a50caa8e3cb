"""Bearer tokens: given as a text, by a function, or minted here from a secret or a private key.

A token is used until shortly before it expires, and not again after the service answered 401 with it. A text cannot be
renewed. A minted token is made for each call and lives a minute: one that leaks is soon worth nothing. (Two calls in
the same second get the same token, since its times are whole seconds.)
"""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

# A shorter secret is refused by the service (RFC 7518, 3.2).
MIN_SECRET_BYTES = 32

# A token is not used in the last seconds of its life: it must still be valid when the service reads it.
MARGIN_S = 10.0


@dataclass(frozen=True, slots=True)
class TokenMinter:
    """Makes tokens for one subject; `minted_with_secret` and `minted_with_key` return one.

    sign: returns the signature of bytes by `algorithm`, a name of RFC 7518; give another for keys that stay in a
        hardware module or a key service.
    subject: whose requests these are: the service shares its workers fairly between subjects.
    scope: scope names with spaces between. key_id: which of an issuer's keys it is.
    """

    sign: Callable[[bytes], bytes] = field(repr=False)
    algorithm: str
    subject: str
    audience: str = "scorepool"
    issuer: str | None = None
    scope: str = ""
    key_id: str | None = None
    ttl_s: int = 60

    def mint(self, now: float) -> str:
        """Return a token that is valid from `now`, in seconds since 1970."""
        times = {"iat": int(now), "exp": int(now) + self.ttl_s}
        claims = {"sub": self.subject, "aud": self.audience, **times}
        optional = {"iss": self.issuer, "scope": self.scope}
        header = {"alg": self.algorithm, "typ": "JWT", **({"kid": self.key_id} if self.key_id else {})}
        claims |= {name: value for name, value in optional.items() if value}
        message = b".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
        return (message + b"." + _base64(self.sign(message))).decode()


def minted_with_secret(secret: str, subject: str, **claims: Any) -> TokenMinter:
    """Return a minter that signs with the service's HMAC secret; claims: further fields of `TokenMinter`.

    Raises: ValueError when the secret is shorter than 32 bytes.
    """
    key = secret.encode()
    if len(key) < MIN_SECRET_BYTES:
        raise ValueError(f"secret: {len(key)} bytes, at least {MIN_SECRET_BYTES} required")
    return TokenMinter(lambda message: hmac.digest(key, message, hashlib.sha256), "HS256", subject, **claims)


def minted_with_key(private_key: bytes | str, subject: str, *, algorithm: str, **claims: Any) -> TokenMinter:
    """Return a minter that signs with a private key in PEM form; claims: further fields of `TokenMinter`.

    algorithm: RS256, ES256 or EdDSA and their kin, as the service is set up.

    Raises: ImportError where PyJWT is missing (`pip install scorepool-client[keys]`), ValueError for a key that
    cannot be read or is not of the algorithm.
    """
    import jwt  # noqa: PLC0415  # an extra

    try:
        signer = jwt.get_algorithm_by_name(algorithm)
        key = signer.prepare_key(private_key)
    except (jwt.InvalidKeyError, NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(f"private_key: not a key for {algorithm}") from error
    return TokenMinter(lambda message: signer.sign(message, key), algorithm, subject, **claims)


TokenFunction = Callable[[], str | Awaitable[str]]

TokenGiver = str | TokenFunction | TokenMinter


class TokenCache:
    """The token of a client's calls. Any thread may call it; the shells fetch one at a time.

    renewable: a token that was refused can be replaced.
    """

    def __init__(self, giver: TokenGiver | None) -> None:
        self._giver = giver
        self._token: str | None = giver.strip() if isinstance(giver, str) else None
        self._expires: float | None = None
        self.renewable = giver is not None and not isinstance(giver, str)
        self.needed = giver is not None
        self._minted_at = -1
        self._lock = threading.Lock()

    def current(self, now: float, refused: str | None = None) -> str | None:
        """Return a token to send at Unix time `now`; None where one has to be fetched. Minters never need that.

        refused: the token that the service answered 401 to, which is not returned again.
        """
        with self._lock:
            if isinstance(self._giver, TokenMinter):
                if self._minted_at != int(now) or self._token == refused:
                    self._token, self._minted_at = self._giver.mint(now), int(now)
                return self._token
            if not self.renewable:
                return self._token
            if self._token == refused or self._expires is None or now >= self._expires - MARGIN_S:
                return None
            return self._token

    def fetch(self) -> str | Awaitable[str]:
        """Call the function that gives tokens."""
        return cast("TokenFunction", self._giver)()

    def store(self, token: str) -> str:
        """Keep a fetched token until it expires; one that does not say when is used once. Return it."""
        with self._lock:
            self._token, self._expires = token.strip(), expiry(token)
            return self._token


def expiry(token: str) -> float | None:
    """Return when a JWT expires, in seconds since 1970; None for a token that does not say."""
    parts = token.split(".")
    try:
        claims: Mapping[str, Any] = json.loads(
            base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        )
        return float(claims["exp"])
    except (IndexError, ValueError, KeyError, TypeError):
        return None


def _base64(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")
