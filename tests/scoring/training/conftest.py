"""Fixtures of the training tests."""

import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture
def blobs() -> NDArray[np.float32]:
    """Return 6 well separated groups of 20 documents in 8 dimensions."""
    rng = np.random.default_rng(5)
    centres = 20 * rng.normal(size=(6, 8))
    return (np.repeat(centres, 20, axis=0) + rng.normal(size=(120, 8))).astype(np.float32)
