"""The outcomes of several requests that a handler answers together."""

from collections.abc import Sequence

from service.api.outcome import Outcome
from service.api.request import Operation
from service.scorers.handler import ScorerHandler


def answer_all(
    handler: ScorerHandler, bodies: Sequence[bytes], operations: Sequence[Operation] | None = None
) -> list[Outcome]:
    """Return the outcomes, none of which is an exception; by default all are scored."""
    answers = handler.answer_all(bodies, operations or ["score"] * len(bodies))
    outcomes = [answer for answer in answers if isinstance(answer, Outcome)]
    assert len(outcomes) == len(answers)
    return outcomes
