"""Models of other libraries to a `Model`: word vectors from a file, clusters from a file or from a corpus."""

import errno
import gzip
import tempfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scoring.bundle.model import Model
from scoring.bundle.rows import LazyRows, SelectedRows
from scoring.errors import ModelError
from scoring.importers.fasttext_bin import MAGIC, read_fasttext_bin
from scoring.importers.fasttext_vec import read_fasttext_vec
from scoring.importers.file_rows import store_rows
from scoring.importers.gensim_model import read_gensim
from scoring.importers.model_file import ModelFile
from scoring.importers.word2vec_binary import is_word2vec_binary, read_word2vec_binary
from scoring.importers.word_spool import count_words
from scoring.progress import Progress, silent
from scoring.training.fit import (
    POOLING_BY_FREQUENCY,
    FittingOptions,
    fit_model,
    pooling_model,
    tokenize_corpus,
)
from scoring.training.word_counts import count_words as count_in_corpus
from scoring.training.word_counts import pooling_weights
from scoring.training.word_vectors import WordVectors

# The first byte of every pickle that gensim has written (protocol 2 and later).
_PICKLE = b"\x80"
# Errors of writing a temporary file: the disk, the quota or the largest file allowed is full.
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Archives and compressed files that are named and not read: their first bytes.
_ARCHIVES = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "compressed by bzip2",
    b"\xfd7zXZ": "compressed by xz",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    b"7z\xbc\xaf": "a 7z archive",
}


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a model is read.

    limit: how many words to keep, the most frequent; None: all. trust_pickle: whether to load what gensim saved: a
    pickle, which can run any code of its author when it is loaded.
    """

    limit: int | None = None
    trust_pickle: bool = False


def import_fasttext(
    path: Path, options: ImportOptions = ImportOptions(), progress: Progress = silent
) -> WordVectors:
    """Read word vectors from Facebook's `.bin`, `.ftz` or `.vec`, word2vec's binary format, or what gensim saved.

    Any of them can be compressed by gzip. Words that no tokenizer yields are kept; they only take space. Memory: the
    words, 150 bytes each, and blocks of vectors, half a GB. The vectors are in the file or in temporary ones: of text
    and compressed files all, of models with n-grams those of the words. A model that gensim saved takes what gensim
    needs. `progress` is told what is read, checked and composed.

    Raises: ModelError in one sentence that names the file and the fault.
    """
    try:
        vectors = _most_frequent(
            _distinct(_read(ModelFile(path, progress), options, progress)), options.limit
        )
        if isinstance(vectors.word_vectors, LazyRows) and vectors.word_vectors.computed:
            vectors = replace(vectors, word_vectors=store_rows(vectors.word_vectors, progress))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ModelError(f"{path}: is a gzip file that is damaged or cut off: {error}") from error
    except OSError as error:
        if error.errno in _NO_SPACE:
            folder = tempfile.gettempdir()
            raise ModelError(
                f"{path}: {folder} has no space for its vectors; TMPDIR sets another folder"
            ) from error
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return replace(vectors, warnings=tuple([f"{path}: {warning}" for warning in vectors.warnings]))


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
    pooling by `sif` or `tfidf` takes the frequencies of words from the texts too. Without `texts`, the model has no
    distance quantiles, hence no outlier shares, and no terms.

    Raises: ModelError when there are neither texts nor centroids, or no texts for `sif` or `tfidf`; CorpusError when no
    text has a word with a vector, or fewer distinct ones have one than clusters are asked for.
    """
    if texts is not None:
        documents = tokenize_corpus(texts, options.tokenizer, progress)
        weights = None
        if options.pooling in POOLING_BY_FREQUENCY:
            weights = pooling_weights(options.pooling, count_in_corpus(vectors.words, documents))
        model = pooling_model(vectors, options, weights)
        return fit_model(model, documents, options, centroids=centroids, progress=progress)
    if options.pooling in POOLING_BY_FREQUENCY:
        raise ModelError(f"pooling by {options.pooling} needs a corpus, for the frequencies of words")
    if centroids is None:
        raise ModelError("a bundle needs clusters: give either centroids or a corpus to fit them to")
    return replace(pooling_model(vectors, options), centroids=centroids)


def _read(file: ModelFile, options: ImportOptions, progress: Progress) -> WordVectors:
    """Read a file by the reader for its first bytes.

    Raises: ModelError for a pickle that is not trusted, or an unknown format.
    """
    start = file.start
    if start.startswith(_PICKLE):
        if not options.trust_pickle:
            raise ModelError(
                "is a pickle, which runs code on loading; --trust-pickle says you know its author"
            )
        return read_gensim(file.path)
    if is_word2vec_binary(file):
        return read_word2vec_binary(file, options.limit)
    if start.startswith(MAGIC) or ".bin" in file.path.suffixes:
        return read_fasttext_bin(file, progress)
    for signature, kind in _ARCHIVES.items():
        if start.startswith(signature):
            raise ModelError(f"is {kind}; unpack it first (gzip alone is read as it is)")
    if b"\0" in start:
        raise ModelError(
            "is neither a fastText .bin, nor .vec text, nor word2vec's binary format, nor a gensim-saved model"
        )
    return read_fasttext_vec(file, options.limit)


def _distinct(vectors: WordVectors) -> WordVectors:
    """Keep the first of several equal words, as gensim does."""
    first = {word: row for row, word in reversed(list(enumerate(vectors.words)))}
    repeated = len(vectors.words) - len(first)
    if not repeated:
        return vectors
    warning = f"{count_words(repeated)} repeated; the first of each is kept"
    kept = _select(vectors, np.array(sorted(first.values())))
    return replace(kept, warnings=(*vectors.warnings, warning))


def _most_frequent(vectors: WordVectors, limit: int | None) -> WordVectors:
    """Keep the `limit` most frequent words, in their order; where counts are unknown, the first."""
    if limit is None or limit >= len(vectors.words):
        return vectors
    if vectors.counts is None:
        return _select(vectors, np.arange(limit))
    return _select(vectors, np.sort(np.argsort(-vectors.counts, kind="stable")[:limit]))


def _select(vectors: WordVectors, rows: NDArray[np.int64]) -> WordVectors:
    """Keep the words of some rows."""
    return replace(
        vectors,
        words=[vectors.words[row] for row in rows.tolist()],
        word_vectors=SelectedRows(vectors.word_vectors, rows),
        counts=None if vectors.counts is None else vectors.counts[rows],
    )
