"""The scores of documents as plain objects, a document each: the same in answers of `/score` and lines of files."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from scoring.pipeline import Scores
from scoring.similarity.neighbours import Neighbours

Json = dict[str, Any]
#: The names of documents by their position, of all or of those that are listed.
Names = Sequence[str] | Mapping[int, str]

# Of a document without a vector.
_NOWHERE: Json = {"cluster": None, "distance": None, "margin": None, "outlier": None}


def documents(
    ids: Sequence[str], scores: Scores, *, vectors: bool, names: Names | None = None
) -> Iterator[Json]:
    """Yield one object for each document; what a document without a vector cannot have is null.

    ids (n,): the documents' own names. names: of their neighbours, where these are not among them.
    """
    embedded, assignment, near = scores.embedded, scores.assignment, scores.neighbours
    distance, margin, outlier, similarities = shortest(
        assignment.distance, assignment.margin, scores.outlier, None if near is None else near.similarities
    )
    columns = zip(
        ids,
        embedded.present.tolist(),
        assignment.labels.tolist(),
        distance,
        margin,
        [None] * len(ids) if outlier is None else outlier,
        embedded.tokens.tolist(),
        embedded.known.tolist(),
        strict=True,
    )
    nearest = None if near is None else _neighbours(ids if names is None else names, near, similarities)
    for row, (name, present, cluster, far, ahead, share, tokens, known) in enumerate(columns):
        document: Json = {
            "id": name,
            "cluster": cluster,
            "distance": far,
            "margin": ahead,
            "outlier": share,
            "tokens": tokens,
            "known": known / tokens if tokens else None,
        }
        if not present:
            document |= _NOWHERE
        if nearest is not None:
            document["neighbours"] = nearest[row]
        if vectors:
            document["vector"] = embedded.doc_vectors[row]
        yield document


def _neighbours(names: Names, near: Neighbours, similarities: list[list[float]]) -> list[list[Json]]:
    """Rows are padded with index −1 where fewer neighbours than asked for exist."""
    return [
        [{"id": names[j], "similarity": value} for j, value in zip(row, values, strict=True) if j >= 0]
        for row, values in zip(near.indices.tolist(), similarities, strict=True)
    ]


def shortest(*arrays: NDArray[np.float32] | None) -> Any:
    """Return float32 values as lists of the shortest decimals that give them back; None stays None.

    `tolist` would widen 0.83 to 0.8299999833106995: longer to write, send and parse, and no more exact.
    orjson knows float32, so its own round trip is the quickest way (1,500 values: 0.08 ms over `tolist`).
    """
    contiguous = [None if array is None else np.ascontiguousarray(array) for array in arrays]
    return orjson.loads(orjson.dumps(contiguous, option=orjson.OPT_SERIALIZE_NUMPY))
