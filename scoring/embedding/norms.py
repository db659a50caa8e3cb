"""The pooling weights of `fasttext`: a word's vector counts with length 1, whatever its own length.

The official library's sentence vector is Σ v(w)/‖v(w)‖ / m over the m words whose norm is positive. So 1/‖v(w)‖ is a
pooling weight like those of `sif`, and a word of weight 0 is not counted. Source: `FastText::getSentenceVector` of
https://github.com/facebookresearch/fastText, src/fasttext.cc.
"""

import numpy as np
from numpy.typing import NDArray

from scoring.bundle.rows import Vectors, row_blocks

# A shorter vector counts as zero, where the official library would make it as long as any other: its weight would be
# larger than a bundle may hold. Vectors of trained words are 10,000 times as long and more.
LEAST_NORM = 1e-8


def inverse_norms(vectors: Vectors) -> NDArray[np.float32]:
    """Return 1/‖v‖ (n,) of each of `vectors` (n, d); 0 for a vector of zeros.

    The squares are summed in float32, as the official library does. Memory: a block of vectors and 4·n bytes.
    """
    weights = np.empty(len(vectors), dtype=np.float32)
    for rows in row_blocks(vectors):
        block = np.asarray(vectors[rows], dtype=np.float32)
        norms = np.sqrt(np.vecdot(block, block))
        weights[rows] = np.where(norms > LEAST_NORM, 1 / np.maximum(norms, np.float32(LEAST_NORM)), 0)
    return weights
