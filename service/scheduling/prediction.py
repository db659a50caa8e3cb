"""What is predicted of a body that is not parsed: the cost of its job and the size of its answer; and learned since.

Two ways: of documents, whose work can be told from their bytes (`features`, `cost`, `answer_size`), and of anything
else, by size alone (`call_cost`).
"""

from collections.abc import Sequence
from random import Random
from typing import Protocol

from service.api.request import Operation
from service.scheduling.answer_size import predict_answer
from service.scheduling.cost import CostModel, Measured
from service.scheduling.features import FeatureReader, Features, KnownModel
from service.scheduling.job import Job


class Predictor(Protocol):
    """Predicts jobs, and learns from how they ended. Each method costs microseconds."""

    def follow(self, model: KnownModel | None) -> None:
        """Predict for this model from now on; what was learned of costs stays."""

    def read(self, body: bytes, operation: Operation) -> Features:
        """Return what is known of a body without parsing it."""

    def predict(self, job: Job) -> int:
        """Note costs in a job of known features; return the bytes that its answer should have."""

    def expect(self, subject: str, size: int) -> float:
        """Return the seconds for a body of this subject of which only the size is known."""

    def learn(self, call: Sequence[Measured], seconds: float) -> None:
        """Learn from the seconds that a call took with all of its bodies."""


class DocumentPredictor:
    """Predicts the bodies of `/score` and `/explain`."""

    def __init__(self, max_documents: int, model: KnownModel, random: Random) -> None:
        self._max_documents = max_documents
        self._random = random
        self._cost = CostModel()
        self.follow(model)

    def follow(self, model: KnownModel | None) -> None:
        """Read with the words of this model from now on."""
        known = model or KnownModel()
        self._features = FeatureReader(self._max_documents, known, self._random)
        self._model = known

    def read(self, body: bytes, operation: Operation) -> Features:
        """Return what is known of a body without parsing it; some ten microseconds."""
        return self._features.read(body, operation)

    def predict(self, job: Job) -> int:
        """Note the cost in a job; return the bytes that its answer should have."""
        job.cost = self._cost.predict(job.subject, job.features)
        return predict_answer(job.features, job.operation, self._model)

    def expect(self, subject: str, size: int) -> float:
        """Return the seconds for a body of which only the size is known, as its subject's last ones were."""
        return self._cost.expect(subject, size)

    def learn(self, call: Sequence[Measured], seconds: float) -> None:
        """Learn from the seconds that a call took."""
        self._cost.learn(call, seconds)
