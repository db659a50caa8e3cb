"""What stands for a model: each word is hashed to one of 64 axes, so texts that share words are similar."""

import math
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

DIMENSIONS = 64

CLUSTERS = 8

MODEL = {"name": "fake", "digest": "sha256:" + "0" * 64, "dimensions": DIMENSIONS, "clusters": CLUSTERS}

Vector = list[float]


def vector_of(text: str) -> Vector | None:
    """Return a unit vector; None for a text without words."""
    vector = [0.0] * DIMENSIONS
    for word in re.findall(r"[^\W\d_]+", text.lower()):
        vector[zlib.crc32(word.encode()) % DIMENSIONS] += 1.0
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector] if length else None


def cosine(a: Vector | None, b: Vector | None) -> float:
    """Return the cosine of two unit vectors; 0 with one that is missing."""
    if a is None or b is None:
        return 0.0
    return min(1.0, sum(map(float.__mul__, a, b)))


def score(ids: Sequence[str], texts: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer of `/score` as an object."""
    vectors = [vector_of(text) for text in texts]
    documents = [
        _document(name, text, vector) for name, text, vector in zip(ids, texts, vectors, strict=True)
    ]
    similarity = options.get("similarity", "neighbours")
    answer: dict[str, Any] = {"model": MODEL, "documents": documents, "clusters": _clusters(documents)}
    if options.get("vectors"):
        for document, vector in zip(documents, vectors, strict=True):
            document["vector"] = vector or [0.0] * DIMENSIONS
    if similarity == "neighbours":
        for document, found in zip(documents, _neighbours(ids, vectors, options), strict=True):
            document["neighbours"] = found
    if similarity == "pairs":
        answer |= {"pairs": _pairs(ids, vectors, options.get("threshold", 0.8)), "truncated": False}
    if similarity == "matrix":
        answer["matrix"] = matrix(vectors)
    return answer


def matrix(vectors: Sequence[Vector | None]) -> list[list[float]]:
    """Return every cosine."""
    return [[cosine(a, b) for b in vectors] for a in vectors]


def _document(name: str, text: str, vector: Vector | None) -> dict[str, Any]:
    tokens = len(re.findall(r"[^\W\d_]+", text))
    if vector is None:
        missing = dict.fromkeys(("cluster", "distance", "margin", "outlier"))
        return {"id": name, **missing, "tokens": 0, "known": None}
    nearness = max(vector)
    return {
        "id": name,
        "cluster": vector.index(nearness) % CLUSTERS,
        "distance": math.sqrt(2.0 - 2.0 * nearness),
        "margin": 0.25,
        "outlier": 0.5,
        "tokens": tokens,
        "known": 1.0,
    }


def _clusters(documents: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    assigned = [document["cluster"] for document in documents if document["cluster"] is not None]
    return [
        {"id": cluster, "size": assigned.count(cluster), "cohesion": 1.0, "terms": [f"term{cluster}"]}
        for cluster in sorted(set(assigned))
    ]


def _neighbours(
    ids: Sequence[str], vectors: Sequence[Vector | None], options: Mapping[str, Any]
) -> list[list[dict[str, Any]]]:
    found = []
    for i, vector in enumerate(vectors):
        others: list[dict[str, Any]] = [
            {"id": ids[j], "similarity": cosine(vector, other)}
            for j, other in enumerate(vectors)
            if j != i and vector is not None and other is not None
        ]
        others.sort(key=lambda neighbour: -neighbour["similarity"])
        found.append(others[: options.get("neighbours", 5)])
    return found


def _pairs(ids: Sequence[str], vectors: Sequence[Vector | None], threshold: float) -> list[dict[str, Any]]:
    return [
        {"a": ids[i], "b": ids[j], "similarity": cosine(vectors[i], vectors[j])}
        for i in range(len(ids))
        for j in range(i + 1, len(ids))
        if vectors[i] is not None and vectors[j] is not None and cosine(vectors[i], vectors[j]) >= threshold
    ]
