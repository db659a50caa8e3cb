"""The issuer's key set (JWKS, RFC 7517), refreshed in the background.

    start ──→ fetch ──→ wait: 5 minutes after success, 30 s after failure ──→ fetch …
                ↑
    tokens with unknown kids: at most one fetch in 30 s, shared by all requests that wait for it

While the key server is down the last good keys stay in use, for at most a day. PyJWT's own client
(`jwt.PyJWKClient`) is not used: it blocks the event loop, and drops its good keys when a fetch fails.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
from jwt import PyJWK
from msgspec import Struct

from service.auth.keys import Key, public_key

logger = logging.getLogger(__name__)

REFRESH_S = 300.0

# After every fetch, successful or not: tokens with invented kids must not make the service flood the key server.
COOLDOWN_S = 30.0

# An issuer that was not reached for a day may have withdrawn keys that the service would still trust.
MAX_STALE_S = 24 * 3600.0

# Large providers publish five to twenty.
MAX_KEYS = 100

# How many kids are remembered as unknown, and for how long: one misconfigured client must not cause a fetch every
# 30 s.
MAX_UNKNOWN = 1_000
UNKNOWN_S = 300.0

Fetch = Callable[[str], Awaitable[bytes]]

Keys = Mapping[str | None, Sequence[Key]]


class FetchError(Exception):
    """A document could not be fetched; the text says why, without its address or content."""


class JsonWebKey(Struct):
    """The members of a key, besides those of its type, that decide whether it can be used here."""

    kid: str | None = None
    use: str | None = None
    alg: str | None = None


class _KeySet(Struct):
    keys: list[dict[str, Any]]


class IssuerKeys:
    """The keys of one issuer. Only the event loop's thread may call it."""

    def __init__(
        self,
        url: str,
        accepted: Collection[str],
        *,
        fetch: Fetch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Fetch from `url` with `fetch`, which raises FetchError; keep only keys for the `accepted` algorithms."""
        self._url = url
        self._accepted = accepted
        self._fetch = fetch
        self._clock = clock
        self.generation = 0
        self._keys: Keys = {}
        self._document = b""
        self._good = False
        # When the keys were last confirmed, and when the last fetch ended, successful or not.
        self._confirmed = self._ended = float("-inf")
        self._fetching: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._unknown: dict[str | None, float] = {}

    @property
    def ready(self) -> bool:
        """Whether there are keys that the issuer confirmed within the last day."""
        return self._confirmed + MAX_STALE_S > self._clock()

    def find(self, kid: str | None) -> Sequence[Key]:
        """Return the keys named `kid`; for None the only key, if the set holds exactly one."""
        if not self.ready:
            return ()
        if kid is not None:
            return self._keys.get(kid, ())
        every = [key for keys in self._keys.values() for key in keys]
        return every if len(every) == 1 else ()

    async def learn(self, kid: str | None) -> None:
        """Wait for a fetch that may bring `kid`; return at once in the cooldown, or if `kid` is known as unknown."""
        now = self._clock()
        if now < self._unknown.get(kid, now) or (self._fetching is None and now < self._ended + COOLDOWN_S):
            return
        await asyncio.shield(self._start_fetch())
        if self.ready and not self.find(kid):
            self._unknown[kid] = self._clock() + UNKNOWN_S
            if len(self._unknown) > MAX_UNKNOWN:
                del self._unknown[next(iter(self._unknown))]

    async def start(self) -> None:
        """Begin to fetch; returns at once, so that the service starts even while the key server is down."""
        self._refreshing = asyncio.create_task(self._refresh(), name="jwks-refresh")

    async def stop(self) -> None:
        """Stop fetching."""
        tasks = [task for task in (self._refreshing, self._fetching) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _refresh(self) -> None:
        while True:
            # A fetch for an unknown kid may have ended during the pause, which counts from the last fetch.
            pause = REFRESH_S if self._good else COOLDOWN_S
            rest = self._ended + pause - self._clock()
            if rest > 0:
                await asyncio.sleep(rest)
            else:
                await asyncio.shield(self._start_fetch())

    def _start_fetch(self) -> asyncio.Task[None]:
        """Return the running fetch, or start one."""
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
    """Return the keys of a key set by kid (None for those without one); keys that cannot be used are left out.

    Raises: ValueError when the document is no key set or holds no usable key.
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
        except Exception as error:  # a published key may break the parsers in any way
            logger.info("jwks_key_skipped", extra={"reason": type(error).__name__})
        else:
            keys.setdefault(about.kid, []).append(key)
    if not keys:
        raise ValueError(f"the key set has no key for {', '.join(sorted(accepted))}")
    return keys


def _parse_key(about: JsonWebKey, entry: dict[str, Any], accepted: Collection[str]) -> Key:
    """Make a key of one entry. Raises: any exception of the parsers."""
    if about.use not in {None, "sig"}:
        raise ValueError("it is not for signatures")
    # Symmetric and private keys do not belong in a public document; `public_key` refuses both.
    return public_key(PyJWK(entry).key, [name for name in accepted if about.alg in {None, name}])
