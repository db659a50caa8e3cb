"""Fixtures of the training tests."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types


@pytest.fixture
def blobs() -> NDArray[np.float32]:
    """Return 6 well separated groups of 20 documents in 8 dimensions."""
    rng = np.random.default_rng(5)
    centres = 20 * rng.normal(size=(6, 8))
    return (np.repeat(centres, 20, axis=0) + rng.normal(size=(120, 8))).astype(np.float32)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Fit with one thread, as training does by default: more wait for each other on a busy machine."""
    with threadpool_limits(1):
        yield
