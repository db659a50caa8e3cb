"""The issuer's key set (JWKS, RFC 7517), kept fresh in the background.

    start ──→ fetch ──→ wait: 5 minutes after success, 30 s after failure ──→ fetch …
                ↑
    tokens with unknown kids: at most one fetch in 30 s, shared by all that wait for it

Keys that were good stay in use while the key server is down, for at most a day.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from msgspec import Struct

from service.auth.fetching import FetchError, fetch
from service.auth.keys import Key, public_key

logger = logging.getLogger(__name__)

REFRESH_S = 300.0

# After every fetch, good or bad: tokens with made-up kids must not turn the service against the key server.
COOLDOWN_S = 30.0

# An issuer that was not reached for a day may have withdrawn keys that we would still trust.
MAX_STALE_S = 24 * 3600.0

# Large providers publish five to twenty.
MAX_KEYS = 100

# Kids that were looked for in vain, and for how long: one wrong client must not cause a fetch every 30 s.
MAX_UNKNOWN = 1_000
UNKNOWN_S = 300.0

Fetch = Callable[[str], Awaitable[bytes]]

Keys = Mapping[str | None, Sequence[Key]]

# Symmetric keys ("oct") have no place in a public document and are never taken.
_PARSERS: Mapping[str, Callable[[dict[str, Any]], object]] = MappingProxyType(
    {"RSA": RSAAlgorithm.from_jwk, "EC": ECAlgorithm.from_jwk, "OKP": OKPAlgorithm.from_jwk}
)


class JsonWebKey(Struct):
    """The members of a key that decide whether it is of use here; the others belong to its type."""

    kty: str
    kid: str | None = None
    use: str | None = None
    alg: str | None = None


class _KeySet(Struct):
    keys: list[dict[str, Any]]


class IssuerKeys:
    """The keys of one issuer. Everything here belongs to the event loop's thread."""

    def __init__(
        self,
        url: str,
        accepted: Collection[str],
        *,
        fetch: Fetch = fetch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Fetch from `url` with `fetch`; only keys for the `accepted` algorithms are kept."""
        self._url = url
        self._accepted = accepted
        self._fetch = fetch
        self._clock = clock
        self.generation = 0
        self._keys: Keys = {}
        self._document = b""
        self._good = False
        # When the keys were last confirmed, and when the last fetch ended, good or bad.
        self._confirmed = self._ended = float("-inf")
        self._fetching: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._unknown: dict[str | None, float] = {}

    @property
    def ready(self) -> bool:
        """Whether there are keys that were confirmed within a day."""
        return self._confirmed + MAX_STALE_S > self._clock()

    def find(self, kid: str | None) -> Sequence[Key]:
        """Return the keys called `kid`; without one the only key, if the set holds just one."""
        if not self.ready:
            return ()
        if kid is not None:
            return self._keys.get(kid, ())
        every = [key for keys in self._keys.values() for key in keys]
        return every if len(every) == 1 else ()

    async def learn(self, kid: str | None) -> None:
        """Wait for a fetch that may bring `kid`, unless one just ended or `kid` is known to be unknown."""
        now = self._clock()
        if now < self._unknown.get(kid, now) or (self._fetching is None and now < self._ended + COOLDOWN_S):
            return
        await asyncio.shield(self._start_fetch())
        if self.ready and not self.find(kid):
            self._unknown[kid] = self._clock() + UNKNOWN_S
            if len(self._unknown) > MAX_UNKNOWN:
                del self._unknown[next(iter(self._unknown))]

    async def start(self) -> None:
        """Begin to fetch; returns at once, so that the server starts also while the key server is down."""
        self._refreshing = asyncio.create_task(self._refresh(), name="jwks-refresh")

    async def stop(self) -> None:
        """Stop fetching."""
        tasks = [task for task in (self._refreshing, self._fetching) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _refresh(self) -> None:
        while True:
            # Another fetch may have ended meanwhile: the pause counts from the last one.
            pause = REFRESH_S if self._good else COOLDOWN_S
            rest = self._ended + pause - self._clock()
            if rest > 0:
                await asyncio.sleep(rest)
            else:
                await asyncio.shield(self._start_fetch())

    def _start_fetch(self) -> asyncio.Task[None]:
        """Return the fetch that is under way, or a new one."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch_once(), name="jwks-fetch")
        return self._fetching

    async def _fetch_once(self) -> None:
        self._good = False
        try:
            self._take(await self._fetch(self._url))
            self._good = True
        except (FetchError, ValueError) as error:
            logger.warning("jwks_fetch_failed", extra={"reason": str(error), "keys": len(self._keys)})
        finally:
            self._ended = self._clock()
            self._fetching = None

    def _take(self, document: bytes) -> None:
        if document != self._document:
            self._keys = parse_keys(document, self._accepted)
            self._document = document
            self._unknown.clear()
            self.generation += 1
        self._confirmed = self._clock()


def parse_keys(document: bytes, accepted: Collection[str]) -> Keys:
    """Return the keys of a key set by kid (None for those without); keys of no use here are left out.

    Raises: ValueError when it is no key set or holds no key of use.
    """
    try:
        entries = msgspec.json.decode(document, type=_KeySet).keys
    except (ValueError, RecursionError):
        raise ValueError("the document is no key set") from None
    keys: dict[str | None, list[Key]] = {}
    for entry in entries[:MAX_KEYS]:
        try:
            about = msgspec.convert(entry, JsonWebKey)
            key = _parse_key(about, entry, accepted)
        except Exception as error:  # whatever the parsers make of what somebody has published
            logger.info("jwks_key_skipped", extra={"reason": type(error).__name__})
        else:
            keys.setdefault(about.kid, []).append(key)
    if not keys:
        raise ValueError(f"the key set has no key for {', '.join(sorted(accepted))}")
    return keys


def _parse_key(about: JsonWebKey, entry: dict[str, Any], accepted: Collection[str]) -> Key:
    """Make a key of one entry. Raises: what the parsers raise, for whatever somebody published."""
    if about.use not in {None, "sig"} or "d" in entry:
        raise ValueError("it is not for signatures, or it is private")
    material = _PARSERS[about.kty](entry)
    return public_key(material, [name for name in accepted if about.alg in {None, name}])
