"""A model in memory: training and importing build it, and a bundle is written from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any
from unicodedata import unidata_version

import numpy as np
from numpy.typing import NDArray

from scoring.bundle.manifest import FORMAT, FileRecord, Manifest, Pooling, Precision, UnknownRate
from scoring.bundle.rows import Vectors
from scoring.tokens.names import TokenizerName
from scoring.tokens.segmenters import best_segmenter, package_of
from scoring.tokens.tokenizer import Tokenizer

_LIBRARIES = ("scorepool", "gensim", "numpy", "scikit-learn", "marisa-trie")


@dataclass(frozen=True, eq=False)
class Model:
    """V words in d dimensions, k clusters, and the settings by which documents are embedded.

    words: distinct, in any order. word_vectors (V, d) and word_weights (V,) have the same order; None: all weights
    are 1. unknown_weight: the weight of an unknown word, whose vector is the mean of those of its n-grams.
    ngram_vectors (buckets, d): vectors of the n-grams of `min_n` to `max_n` characters by fastText's hash; None:
    unknown words have no vector. components (c, d): orthonormal. distance_quantiles (k, Q): the training distances of
    each cluster at Q evenly spaced ranks, ascending; None if unknown. terms: k lists, or an empty sequence. created:
    an ISO 8601 time, from the caller's clock; where it is empty, equal models make equal bundles, byte for byte.
    precision: in which the vectors of words and n-grams are stored.
    """

    name: str
    words: Sequence[str]
    word_vectors: Vectors
    centroids: NDArray[np.float32]
    word_weights: NDArray[np.float32] | None = None
    unknown_weight: float = 1.0
    ngram_vectors: Vectors | None = None
    min_n: int = 0
    max_n: int = 0
    components: NDArray[np.float32] | None = None
    distance_quantiles: NDArray[np.float32] | None = None
    unknown_rate: UnknownRate | None = None
    terms: Sequence[Sequence[str]] = ()
    pooling: Pooling = "mean"
    tokenizer: TokenizerName = "letters"
    training: Mapping[str, Any] = field(default_factory=dict)
    created: str = ""
    precision: Precision = "float32"

    def arrays(self) -> dict[str, Vectors]:
        """Return the arrays by the names of their files; weights default to ones, components to none."""
        words, dimensions = self.word_vectors.shape
        arrays: dict[str, Vectors | None] = {
            "word_vectors.npy": self.word_vectors,
            "word_weights.npy": self.word_weights,
            "ngram_vectors.npy": self.ngram_vectors,
            "components.npy": self.components,
            "centroids.npy": self.centroids,
            "distance_quantiles.npy": self.distance_quantiles,
        }
        given = {name: array for name, array in arrays.items() if array is not None}
        ones, none = np.ones(words, dtype=np.float32), np.empty((0, dimensions), dtype=np.float32)
        return {"word_weights.npy": ones, "components.npy": none} | given

    def manifest(self, files: Mapping[str, FileRecord]) -> Manifest:
        """Return the manifest of a bundle of this model that consists of `files`."""
        segmenter = best_segmenter() if self.tokenizer == "letters" else None
        libraries = [*_LIBRARIES, *package_of(segmenter)]
        return Manifest(
            format=FORMAT,
            name=self.name,
            created=self.created,
            dimensions=self.word_vectors.shape[1],
            words=len(self.words),
            clusters=len(self.centroids),
            components=0 if self.components is None else len(self.components),
            quantiles=0 if self.distance_quantiles is None else self.distance_quantiles.shape[1],
            buckets=0 if self.ngram_vectors is None else len(self.ngram_vectors),
            min_n=self.min_n,
            max_n=self.max_n,
            pooling=self.pooling,
            tokenizer=self.tokenizer,
            unknown_weight=self.unknown_weight,
            segmenter=segmenter,
            unknown_rate=self.unknown_rate,
            max_token_length=Tokenizer(self.tokenizer).max_length,
            libraries={name: version(name) for name in libraries} | {"unicode": unidata_version},
            training=dict(self.training),
            files=dict(files),
            precision=self.precision,
        )
