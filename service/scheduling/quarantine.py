"""Bodies that killed two workers, and are refused for a while."""

from collections import deque
from hashlib import sha256

# Long enough that a client which retries cannot keep workers dying, short enough that a mended server is
# tried.
QUARANTINE_S = 600.0

# A flood of different poisons must not fill the memory; the oldest is let go.
MAX_BODIES = 1_000


class Quarantine:
    """Fingerprints of bodies, by length: a body is only hashed where one of its length is in quarantine."""

    def __init__(self) -> None:
        self._entries: deque[tuple[float, int, bytes]] = deque()
        self._lengths: dict[int, int] = {}

    def add(self, body: bytes, now: float) -> None:
        """Refuse this body from now on; reads all of it, about 1 ms for each MiB."""
        self._expire(now)
        if len(self._entries) >= MAX_BODIES:
            self._drop_oldest()
        self._entries.append((now + QUARANTINE_S, len(body), sha256(body).digest()))
        self._lengths[len(body)] = self._lengths.get(len(body), 0) + 1

    def holds(self, body: bytes, now: float) -> bool:
        """Return whether this body is to be refused."""
        self._expire(now)
        if len(body) not in self._lengths:
            return False
        fingerprint = sha256(body).digest()
        return any(entry[1] == len(body) and entry[2] == fingerprint for entry in self._entries)

    def _expire(self, now: float) -> None:
        while self._entries and self._entries[0][0] <= now:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, length, _ = self._entries.popleft()
        self._lengths[length] -= 1
        if not self._lengths[length]:
            del self._lengths[length]
