"""Ids of documents: at most so long, and distinct; what has none is called by its position, from 0."""

from array import array
from collections.abc import Iterable, Iterator
from hashlib import blake2b

import numpy as np

from scoring.texts.documents import Document
from scoring.texts.faults import Place, TextFault

# Two of a billion ids that differ have the same digest with a probability of 1e-21.
_DIGEST_BYTES = 16


def identified(
    documents: Iterable[Document], name: str, max_characters: int, *, first: int = 0
) -> Iterator[Document]:
    """Yield the documents, each with an id; memory is 24 bytes for each, not their ids.

    first: the position of the first one, where others are before it.

    Raises: TextFault for an id that is empty or too long, and after the last document for two that are equal; the
    position of one that has none counts.
    """
    digests = bytearray()
    lines = array("q")
    for position, document in enumerate(documents, first):
        called = str(position) if document.id is None else document.id
        if not 0 < len(called) <= max_characters:
            detail = f"its id has {len(called)} characters, 1 to {max_characters} are allowed"
            raise TextFault(name, detail, Place(document.line))
        digests += blake2b(called.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()
        lines.append(document.line)
        yield Document(called, document.text, document.line)
    if (equal := _first_repetition(bytes(digests))) is not None:
        first, second = (lines[position] for position in equal)
        detail = f"its id is that of line {first}, too; ids are distinct"
        raise TextFault(name, detail, Place(second), code="duplicate_id")


def _first_repetition(digests: bytes) -> tuple[int, int] | None:
    """Return the positions of the first digest that was there before and of the one that it repeats."""
    halves = np.frombuffer(digests, np.uint64).reshape(-1, 2)
    order = np.lexsort(
        (halves[:, 1], halves[:, 0])
    )  # stable: equal ones stay in the order of their positions
    equal = (halves[order[1:]] == halves[order[:-1]]).all(axis=1)
    if not equal.any():
        return None
    seconds = order[1:][equal]
    first_of_them = int(np.argmin(seconds))
    return int(order[:-1][equal][first_of_them]), int(seconds[first_of_them])
