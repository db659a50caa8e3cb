"""The built-in scorer as it is declared: light to import, so that the server can describe it without a process.

What it does with a request is in `stages`, which is loaded where it is constructed: in a worker.
"""

from importlib.metadata import version
from typing import Any

from scoring.bundle.files import BundleFiles
from service.api.request import ExplainRequest, ScoreRequest
from service.limits import RequestLimits
from service.scorers.codec import Codec


class DocumentScorer:
    """Scores documents: their vectors, clusters and similarities; and explains similarities."""

    name = "documents"
    version = version("scorepool")
    preload = ("service.scorers.documents.stages", "service.scorers.documents.tables")
    operations = ("score", "score_npy", "explain")
    stages = ("embed", "cluster", "similarity")
    # Against an answer that is too large.
    remedy = "ask for fewer neighbours, a higher threshold or no vectors, give shorter ids, or send fewer documents"

    def __init__(self, files: BundleFiles, limits: RequestLimits) -> None:
        """Map the bundle, and close its files. Raises: BundleError when it cannot be used."""
        from service.scorers.documents.stages import DocumentStages  # noqa: PLC0415 - the server must not load it

        try:
            self._stages = DocumentStages(files, limits)
        finally:
            files.close()
        self.digest = self._stages.digest

    def score(self, requests: list[ScoreRequest | ExplainRequest]) -> list[Any]:
        """Score or explain each, as it would be alone; the documents of all together."""
        return self._stages.score(requests)

    def __scorepool_codec__(self) -> Codec:
        """Decode and encode as the contract has it."""
        return self._stages
