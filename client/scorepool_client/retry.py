"""When a request is sent again, and how many times at most: decisions without input, output or a clock.

Sent again is what cannot have been done: a connection that was not made, and a request that the service refused to
take (429, 503). Not an answer that does not come in time, since the work may be running; nor a connection that is
lost while it waits for the answer, with one exception, which `exchange` explains.

How many times is limited three ways: by the deadline of the call, by `max_retries`, and for all calls of a client
together by the budget, a token bucket. Each call puts `budget_ratio` of a token in, time puts `budget_per_s` in, and
each retry takes one out. When a service refuses everything, the load on it is then at most 1 + `budget_ratio` times
what the callers ask for, and not `max_retries` times.
"""

import threading
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a client repeats requests.

    max_retries: of one call. 3 outlasts a restart of some seconds, together with Retry-After; 0 never repeats.
    backoff_s, max_backoff_s: the random wait before the n-th retry lies between 0 and `backoff_s`·2ⁿ⁻¹, at most
        `max_backoff_s` ("full jitter"), after what the service asks for.
    budget_ratio: a fifth, as in Finagle: a service at its limit must not get twice the load from those it refuses.
    budget_per_s: lets a client that calls once a minute repeat, too.
    budget_tokens: how many tokens the bucket holds, and at the start has: the retries that may come in one moment.
    """

    max_retries: int = 3
    backoff_s: float = 0.1
    max_backoff_s: float = 5.0
    budget_ratio: float = 0.2
    budget_per_s: float = 1.0
    budget_tokens: float = 10.0

    def backoff(self, retry: int, rng: Random) -> float:
        """Return the random wait before a retry; the first is 1."""
        return rng.uniform(0.0, min(self.max_backoff_s, self.backoff_s * 2.0 ** (retry - 1)))


class RetryBudget:
    """The retries that are left for all calls of a client. Any thread may call it.

    `repr` shows the tokens.
    """

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._tokens = policy.budget_tokens
        self._filled_at: float | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Return the tokens that are left."""
        return f"<RetryBudget {self._tokens:.1f} tokens>"

    def note_call(self) -> None:
        """Put in what a call adds."""
        with self._lock:
            self._add(self._policy.budget_ratio)

    def withdraw(self, now: float) -> bool:
        """Take one token out; return False, and take nothing, where there is none."""
        with self._lock:
            self._fill(now)
            if self._tokens < 1.0:
                return False
            self._tokens -= 1.0
            return True

    def borrow(self, now: float, longest_s: float) -> float | None:
        """Take one token out, and return the seconds until it would have been there: 0 where it is.

        Return None, and take nothing, where that is longer than `longest_s`.
        """
        with self._lock:
            self._fill(now)
            missing = max(0.0, 1.0 - self._tokens)
            if missing > longest_s * self._policy.budget_per_s:
                return None
            self._tokens -= 1.0
            return missing / self._policy.budget_per_s if missing else 0.0

    def _fill(self, now: float) -> None:
        if self._filled_at is not None:
            self._add((now - self._filled_at) * self._policy.budget_per_s)
        self._filled_at = now

    def _add(self, tokens: float) -> None:
        self._tokens = min(self._policy.budget_tokens, self._tokens + tokens)
