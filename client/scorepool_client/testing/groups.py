"""The fake's groups of near-duplicates, made of all pairs; for some hundred documents."""

from collections.abc import Sequence
from typing import Any

from scorepool_client.testing.scores import Vector, cosine


def groups(
    ids: Sequence[str], vectors: Sequence[Vector | None], threshold: float, linkage: str
) -> list[dict[str, Any] | None]:
    """Return what a job says of each document's group; None for one that is like no other.

    linkage: `components` chain; of a `complete` group every two are duplicates.
    """
    group_of = [[i] for i in range(len(ids))]
    links = [1.0] * len(ids)
    seen: set[tuple[int, int]] = set()
    for distance, i, j in _pairs(vectors, threshold):
        seen.add((i, j))
        first, second = sorted((group_of[i], group_of[j]), key=min)
        if first is second or (linkage == "complete" and not _are_all(seen, first, second)):
            continue
        for k in second:
            # Of the chains between the two, this is the best: those before were of more similar pairs.
            links[k] = -distance
            group_of[k] = first
        first += second
    if linkage == "complete":
        links = [
            min([cosine(vectors[i], vectors[j]) for j in group_of[i] if j != i] or [1.0])
            for i in range(len(ids))
        ]
    return [
        {"group": group[0], "representative": ids[group[0]], "size": len(group), "weakest_link": link}
        if len(group) > 1
        else None
        for group, link in zip(group_of, links, strict=True)
    ]


def _pairs(vectors: Sequence[Vector | None], threshold: float) -> list[tuple[float, int, int]]:
    """Return pairs, the most similar first: minus their cosine, and their positions."""
    found = [i for i, vector in enumerate(vectors) if vector is not None]
    pairs = [(-cosine(vectors[i], vectors[j]), i, j) for i in found for j in found if i < j]
    return sorted(pair for pair in pairs if -pair[0] >= threshold)


def _are_all(seen: set[tuple[int, int]], first: list[int], second: list[int]) -> bool:
    return all((min(i, j), max(i, j)) in seen for i in first for j in second)
