"""The circuit: calls fail at once while there is no service to answer them. No input, output or clock.

    closed ── `threshold` failures in a row ──→ open ── after its wait, the next call ──→ probing
      ↑                                          ↑                                          │
      └──────── an answer to any call ───────────┼──────────────── the probe fails ─────────┘

A failure is a connection that was refused or lost, and a 502 or 504 of a proxy that finds no service. Every answer
of the service itself is a success, whatever its status: a service that says 503 is there, and Retry-After governs.
Each wait is twice the one before, and its second half is random, so that many clients do not come back at once.
"""

import threading
from dataclasses import dataclass
from random import Random

# While a probe runs, the other calls are told to come back after this time.
PROBE_S = 0.1


@dataclass(frozen=True, slots=True)
class CircuitPolicy:
    """When the circuit opens and for how long.

    threshold: failures in a row, of all calls together. Lower, and a few calls that meet a restart open it; higher,
        and more callers wait for a service that is not there. 0: it never opens.
    first_wait_s, max_wait_s: from opening it to the first probe, and at most between two; so long at most it takes to
        notice that the service is back.
    """

    threshold: int = 5
    first_wait_s: float = 0.5
    max_wait_s: float = 5.0


class Circuit:
    """The circuit of one client. Any thread may call it; `repr` shows its state."""

    def __init__(self, policy: CircuitPolicy, rng: Random) -> None:
        self._policy = policy
        self._rng = rng
        self._failures = 0
        self._openings = 0
        self._open_until: float | None = None
        self._probing = False
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Return the state and what led to it."""
        return f"<Circuit {self.state}, {self._failures} failures in a row>"

    @property
    def state(self) -> str:
        """Return `closed`, `open` or `probing`."""
        if self._open_until is None:
            return "closed"
        return "probing" if self._probing else "open"

    def enter(self, now: float) -> float:
        """Return 0 where a call may be sent, else the seconds until one is tried again.

        A call that was let in ends with `succeed`, `fail` or `leave`.
        """
        with self._lock:
            if self._open_until is None:
                return 0.0
            if now < self._open_until:
                return self._open_until - now
            if self._probing:
                return PROBE_S
            self._probing = True
            return 0.0

    def succeed(self) -> None:
        """Note an answer: the service is there."""
        with self._lock:
            self._failures = self._openings = 0
            self._open_until, self._probing = None, False

    def fail(self, now: float) -> None:
        """Note a call that found no service."""
        with self._lock:
            self._failures += 1
            if self._open_until is None:
                if self._policy.threshold and self._failures >= self._policy.threshold:
                    self._open(now)
            elif self._probing and now >= self._open_until:
                self._open(now)

    def leave(self) -> None:
        """Note a call that ended without telling anything of the service, as one that was cancelled.

        It may not have been the probe; then another may begin beside that.
        """
        with self._lock:
            self._probing = False

    def _open(self, now: float) -> None:
        # The exponent is capped: 2.0 ** 1024 would be an OverflowError after weeks of downtime.
        wait = min(self._policy.max_wait_s, self._policy.first_wait_s * 2.0 ** min(self._openings, 30))
        self._open_until = now + wait * self._rng.uniform(0.5, 1.0)
        self._openings += 1
        self._probing = False
