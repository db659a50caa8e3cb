"""Generated document vectors: realistic ones and difficult ones."""

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.similarity.cosine import unit_vectors

Vectors = NDArray[np.float32]
#: Makes n vectors of d dimensions.
Kind = Callable[[np.random.Generator, int, int], Vectors]


def spread(rng: np.random.Generator, n: int, d: int) -> Vectors:
    """Return vectors in every direction."""
    return rng.standard_normal((n, d)).astype(np.float32)


def clustered(rng: np.random.Generator, n: int, d: int) -> Vectors:
    """Return vectors around seven centres."""
    centers = rng.standard_normal((7, d))
    return (centers[rng.integers(7, size=n)] + 0.3 * rng.standard_normal((n, d))).astype(np.float32)


def concentrated(rng: np.random.Generator, n: int, d: int) -> Vectors:
    """Return vectors whose cosines are all within float32's rounding of 1."""
    return (rng.standard_normal(d) + 1e-4 * rng.standard_normal((n, d))).astype(np.float32)


def whole(rng: np.random.Generator, n: int, d: int) -> Vectors:
    """Return vectors of small integers: many copies, many exact ties, some zero vectors."""
    return rng.integers(-1, 2, (n, d)).astype(np.float32)


def copies(rng: np.random.Generator, n: int, d: int) -> Vectors:
    """Return copies of five vectors."""
    return spread(rng, 5, d)[rng.integers(5, size=n)]


def half_identical(rng: np.random.Generator, n: int, d: int) -> Vectors:
    """Return vectors of which every second one is the same."""
    vectors = spread(rng, n, d)
    vectors[::2] = vectors[:1]
    return vectors


def extreme(rng: np.random.Generator, n: int, d: int) -> Vectors:
    """Return vectors with lengths over the whole range of float32."""
    lengths = 10.0 ** rng.integers(-44, 38, (n, 1))
    return (rng.uniform(-1, 1, (n, d)) * lengths).astype(np.float32)


KINDS: list[Kind] = [
    spread,
    clustered,
    concentrated,
    whole,
    copies,
    half_identical,
    extreme,
]


@st.composite
def units(draw: st.DrawFn, least: int, most: int) -> Vectors:
    """Draw `least` to `most` unit vectors of any kind and of 1 to 24 dimensions."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, d = draw(st.integers(least, most)), draw(st.integers(1, 24))
    return unit_vectors(draw(st.sampled_from(KINDS))(rng, n, d))
