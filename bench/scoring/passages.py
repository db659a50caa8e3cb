"""Passages of running text: as many distinct documents as are asked for, of a few hundred texts."""

import random
from collections.abc import Sequence

from bench.harness.documents import SEED

# The least and the most words of a passage.
PASSAGE = (20, 100)


def passages(texts: Sequence[str], count: int) -> list[str]:
    """Return distinct passages of running text, each from one of the texts."""
    rng = random.Random(SEED)
    words = [text.split() for text in texts]
    found: dict[str, None] = {}
    while len(found) < count:
        source, length = rng.choice(words), rng.randint(*PASSAGE)
        start = rng.randint(0, max(0, len(source) - length))
        found[" ".join(source[start : start + length])] = None
    return list(found)
