"""`Scores`, `Explanation` → the bytes of an answer: JSON for people and programs, `.npy` for NumPy."""

import io
from collections.abc import Iterator, Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

from scoring.bundle.bundle import Bundle
from scoring.explanation import DocumentExplanation, Explanation
from scoring.lines import Json, documents, shortest
from scoring.pipeline import Scores
from scoring.similarity.pairs import Pairs

# Of explanations: a thousand roundings, the most that are listed, change a sum by 5e-7 at most.
_DECIMALS = 9


def encode_json(ids: Sequence[str], scores: Scores, bundle: Bundle, *, vectors: bool) -> bytes:
    """Return the JSON answer for documents named `ids` (n of them, in the request's order)."""
    answer: Json = {
        "model": describe_model(bundle),
        "documents": list(documents(ids, scores, vectors=vectors)),
        "clusters": list(clusters(scores, bundle)),
    }
    if scores.pairs is not None:
        answer["pairs"] = _pairs(ids, scores.pairs)
        answer["truncated"] = scores.pairs.truncated
    if scores.matrix is not None:
        answer["matrix"] = scores.matrix
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)


def encode_npy(matrix: NDArray[np.float32]) -> bytes:
    """Return the (n, n) float32 matrix as an `.npy` file."""
    file = io.BytesIO()
    np.save(file, matrix, allow_pickle=False)
    return file.getvalue()


def encode_explanation(ids: Sequence[str], explanation: Explanation, bundle: Bundle, *, top: int) -> bytes:
    """Return the JSON answer for two documents named `ids`, with the first `top` words of each."""
    answer: Json = {
        "model": describe_model(bundle),
        "similarity": round(explanation.similarity, _DECIMALS),
        "documents": [
            _contributions(name, document, top)
            for name, document in zip(ids, explanation.documents, strict=True)
        ],
    }
    return orjson.dumps(answer)


def _contributions(name: str, document: DocumentExplanation, top: int) -> Json:
    listed = zip(
        document.tokens[:top],
        document.counts[:top].tolist(),
        document.known[:top].tolist(),
        document.contributions[:top].round(_DECIMALS).tolist(),
        strict=True,
    )
    return {
        "id": name,
        "contributions": [
            {"token": token, "count": count, "known": known, "contribution": contribution}
            for token, count, known, contribution in listed
        ],
        "rest": round(float(document.contributions[top:].sum()), _DECIMALS),
    }


def describe_model(bundle: Bundle) -> Json:
    """Name what scored: enough to distinguish the answers of two models."""
    manifest = bundle.manifest
    return {
        "name": manifest.name,
        "digest": bundle.digest,
        "dimensions": manifest.dimensions,
        "clusters": manifest.clusters,
    }


def clusters(scores: Scores, bundle: Bundle) -> Iterator[Json]:
    """Yield one object for each cluster that occurs in this request, by id."""
    for summary in scores.clusters:
        yield {
            "id": summary.cluster,
            "size": summary.size,
            "cohesion": summary.cohesion,
            "terms": bundle.terms[summary.cluster],
        }


def _pairs(ids: Sequence[str], found: Pairs) -> list[Json]:
    (similarity,) = shortest(found.similarity)
    columns = zip(found.first.tolist(), found.second.tolist(), similarity, strict=True)
    return [{"a": ids[i], "b": ids[j], "similarity": value} for i, j, value in columns]
