"""Bounds the bytes of all answers that are not with the kernel yet. Pure arithmetic; reads no clock.

    job submitted ── charge: predicted ──→ outcome arrives ── charge: true size ──→ last byte with the kernel,
                     or `overloaded`                          or `overloaded`       or client gone ── charge: 0

The rules are those of `admission`, with one more for small answers. With the new charge,

    all charges are within the budget                                                         → taken
    the subject's are within its fair share (budget / subjects), all within twice the budget  → taken
    the answer is small, all charges are within `SMALL_RESERVE` times the budget              → taken
    otherwise                                                                                 → overloaded

So slow readers of one subject use up its budget and keep out neither another subject nor a small request. The code
is `overloaded` also where the subject is over its own share, as for bodies: what others hold changes by the
millisecond, and with it the code would.

How much is held at most: one subject's charges never exceed `SMALL_RESERVE` times the budget, those of all
`OVERDRAFT` times. What is charged is the prediction until an outcome has come, and predictions can be too low. So an
answer is measured when it comes and, where its true size breaks the rules, it is dropped at once and its request
refused. The answers of one call of each worker can be held beyond the charges for a turn of the event loop: each call
copies out at most `max_answer_bytes`, and the next call of a slot ends in a later turn, when that copy is charged.
"""

from collections.abc import Callable

from service.errors import Refused
from service.scheduling.holdings import OVERDRAFT, Holdings

# What the kernel takes at once on most connections: the answers of most requests, which no slow reader may keep out.
SMALL_ANSWER_BYTES = 64 * 1024

# Small answers still come in up to here, and no further: the rest is left for the shares of other subjects.
SMALL_RESERVE = 1.25

# Predicted seconds until room is made. When is up to the clients that read; 12 MB take 1 s at 100 Mbit/s.
RETRY_S = 2.0


class AnswerBudget:
    """Charges answers to subjects. budget: bytes; at least those of the largest answer, which must fit when alone."""

    def __init__(self, budget: int, retry_after: Callable[[float], int]) -> None:
        self._budget = budget
        self._retry_after = retry_after
        self._holdings = Holdings()

    def __repr__(self) -> str:
        """Show the counts."""
        return f"<AnswerBudget {self.held} of {self._budget} bytes, {self._holdings.subjects} subjects>"

    @property
    def held(self) -> int:
        """The bytes charged to all subjects."""
        return self._holdings.total

    @property
    def subjects(self) -> int:
        """The subjects that something is charged to."""
        return self._holdings.subjects

    def charge(self, subject: str, charged: int, size: int) -> None:
        """Replace what one answer is charged by `size`; less is always taken.

        Raises: Refused (`overloaded`), with the charge as it was.
        """
        if size > charged and not self._fits(subject, size - charged, size):
            raise self._refusal(subject, size)
        self._holdings.change(subject, size - charged)

    def _fits(self, subject: str, more: int, size: int) -> bool:
        held, own = self.held + more, self._holdings.of(subject) + more
        if held <= self._budget:
            return True
        if held <= self._budget * OVERDRAFT and own <= self._holdings.fair_share(subject, self._budget):
            return True
        return size <= SMALL_ANSWER_BYTES and held <= self._budget * SMALL_RESERVE

    def _refusal(self, subject: str, size: int) -> Refused:
        own = self._holdings.of(subject)
        detail = (
            f"answers that are not read yet hold {self.held} bytes, {own} of them yours, and this one may have {size}; "
            f"the limit is {self._budget} for all; read your answers, ask for less, or try again later"
        )
        return Refused("overloaded", detail, self._retry_after(RETRY_S))
