"""Models of other libraries to a `Model`: word vectors from a file, clusters from a file or from a corpus."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from gensim.models import KeyedVectors
from gensim.models.fasttext import FastTextKeyedVectors
from gensim.utils import SaveLoad
from numpy.typing import NDArray

from scoring.bundle.model import Model
from scoring.errors import ModelError
from scoring.importers.fasttext_bin import MAGIC, read_fasttext_bin
from scoring.importers.fasttext_vec import read_fasttext_vec
from scoring.progress import Progress, silent
from scoring.training.fit import FittingOptions, count_words, fit_model, pooling_model, tokenize_corpus
from scoring.training.word_vectors import WordVectors, from_gensim

# The first byte of every pickle that gensim has written (protocol 2 and later).
_PICKLE = b"\x80"
# The first bytes of a file, by which its format is recognised.
_SNIFFED_BYTES = 1 << 12


def import_fasttext(path: Path, *, trust_pickle: bool = False) -> WordVectors:
    """Read word vectors from Facebook's `.bin`, from a `.vec`, or from what gensim's `save` wrote.

    Words that `tokenize` never yields, with capitals or punctuation, are kept; they only take space. A model that
    gensim saved is a pickle, which can run any code of its author when it is loaded, so it is loaded only with
    `trust_pickle`. Memory: the vectors twice; a model of 2 million words and 2 million n-grams in 300 dimensions
    takes 10 GB and minutes.

    Raises: ModelError in one sentence that names the file and the fault.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_SNIFFED_BYTES)
        vectors = _choose_reader(path, start, trust_pickle=trust_pickle)(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return _distinct(vectors)


def import_centroids(path: Path, dimensions: int) -> NDArray[np.float32]:
    """Read the centroids (k, d) of an existing K-Means, such as `numpy.save` writes `cluster_centers_`.

    Raises: ModelError in one sentence that names the file and the fault.
    """
    try:
        # Mapped, not read: a damaged header could make a reader allocate any amount of memory.
        centroids = np.lib.format.open_memmap(path, mode="r")
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, EOFError) as error:
        raise ModelError(f"{path}: is no .npy file with an array of numbers") from error
    if centroids.ndim != 2 or not len(centroids) or centroids.shape[1] != dimensions:
        raise ModelError(f"{path}: holds an array {centroids.shape}, due are (clusters, {dimensions})")
    if centroids.dtype.kind != "f":
        raise ModelError(f"{path}: holds {centroids.dtype}, due are floating-point numbers")
    with np.errstate(over="ignore"):
        finite = np.ascontiguousarray(centroids, dtype=np.float32)
    if not np.isfinite(finite).all():
        raise ModelError(f"{path}: holds numbers that are not finite")
    return finite


def build_model(
    vectors: WordVectors,
    options: FittingOptions,
    *,
    texts: Iterable[str] | None = None,
    centroids: NDArray[np.float32] | None = None,
    progress: Progress = silent,
) -> Model:
    """Return a model of imported word vectors.

    With `texts`, clusters are fitted to them, or the texts are assigned to `centroids` (k, d) if those are given;
    pooling by `sif` takes the frequencies of words from the texts too. Without `texts`, the model has no distance
    quantiles, hence no outlier shares, and no terms.

    Raises: ModelError when there are neither texts nor centroids, or no texts for `sif`; CorpusError when no
    text has a word with a vector, or fewer distinct ones have one than clusters are asked for.
    """
    if texts is not None:
        documents = tokenize_corpus(texts, options.tokenizer, progress)
        counts = count_words(documents, vectors.words) if options.pooling == "sif" else None
        model = pooling_model(vectors, options, counts)
        return fit_model(model, documents, options, centroids=centroids, progress=progress)
    if options.pooling == "sif":
        raise ModelError("pooling by sif needs a corpus, for the frequencies of words")
    if centroids is None:
        raise ModelError("a bundle needs clusters: give either centroids or a corpus to fit them to")
    return replace(pooling_model(vectors, options), centroids=centroids)


def _choose_reader(path: Path, start: bytes, *, trust_pickle: bool) -> Callable[[Path], WordVectors]:
    """Return the reader for a file of this name and these first bytes.

    Raises: ModelError for a pickle that is not trusted, or an unknown format.
    """
    if start.startswith(MAGIC) or path.suffix == ".bin":
        return read_fasttext_bin
    if start.startswith(_PICKLE):
        if not trust_pickle:
            raise ModelError(
                "is a pickle, which runs code on loading; --trust-pickle says you know its author"
            )
        return _read_gensim
    if b"\0" in start:
        raise ModelError("is neither a fastText .bin, nor .vec text, nor a gensim-saved model")
    return read_fasttext_vec


def _read_gensim(path: Path) -> WordVectors:
    """Load a model, or its vectors, that gensim saved, with the `.npy` files beside it."""
    try:
        loaded = SaveLoad.load(str(path))
    except Exception as error:  # a pickle can raise anything
        raise ModelError(f"cannot be loaded as a gensim model: {error}") from error
    vectors = getattr(loaded, "wv", loaded)
    if isinstance(vectors, FastTextKeyedVectors):
        return from_gensim(vectors)
    if isinstance(vectors, KeyedVectors):
        return WordVectors(vectors.index_to_key, vectors.vectors)
    raise ModelError(f"holds a {type(loaded).__name__}, which has no word vectors")


def _distinct(vectors: WordVectors) -> WordVectors:
    """Keep the first of several equal words, which some published files have, as gensim does."""
    first = {word: row for row, word in reversed(list(enumerate(vectors.words)))}
    if len(first) == len(vectors.words):
        return vectors
    rows = sorted(first.values())
    words = [vectors.words[row] for row in rows]
    return replace(vectors, words=words, word_vectors=vectors.word_vectors[rows], counts=None)
