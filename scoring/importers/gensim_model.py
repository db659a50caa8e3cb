"""What gensim's `save` wrote: a pickle, with `.npy` files beside it when the arrays are large."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from gensim.models import Doc2Vec, KeyedVectors
from gensim.models.fasttext import FastTextKeyedVectors
from gensim.utils import SaveLoad

from scoring.errors import ModelError
from scoring.importers.file_rows import check_rows
from scoring.importers.word_spool import count_words, show
from scoring.training.word_vectors import WordVectors, from_gensim

# What loading a model of an older gensim ends in: classes, attributes or hashes that are gone.
_OLD = (AttributeError, ImportError, TypeError)
_SAVE_AGAIN = (
    "if a gensim before 4 saved it, load it with gensim 3.8.3 and save it there in another format: a FastText model "
    "by gensim.models.fasttext.save_facebook_model(model, 'model.bin'), any other by "
    "model.wv.save_word2vec_format('model.vec')"
)

_INFERRED = (
    "holds a Doc2Vec: the vectors of its words are taken, and documents get their mean, not `infer_vector`",
)


def read_gensim(path: Path) -> WordVectors:
    """Load a model, or its vectors, that gensim saved, with the files beside it, which stay mapped.

    Raises: ModelError, without the path, for what is no such model, or lacks a file, or is too old.
    """
    with _quiet():
        try:
            # gensim cannot map what is compressed.
            loaded = SaveLoad.load(str(path), mmap=None if path.suffix in {".gz", ".bz2"} else "r")
        except FileNotFoundError as error:
            raise ModelError(
                f"needs the file {error.filename} beside it, which gensim's save wrote"
            ) from error
        except _OLD as error:
            raise ModelError(f"cannot be loaded as a gensim model: {_line(error)}; {_SAVE_AGAIN}") from error
        except Exception as error:  # a pickle can raise anything
            raise ModelError(f"cannot be loaded as a gensim model: {_line(error)}") from error
        vectors = getattr(loaded, "wv", loaded)
    if not isinstance(vectors, KeyedVectors):
        raise ModelError(f"holds a {type(loaded).__name__}, which has no word vectors")
    words = getattr(vectors, "index_to_key", None)
    if not words or not all(isinstance(word, str) for word in words):
        raise ModelError(f"holds a {type(vectors).__name__} without words")
    if isinstance(loaded, Doc2Vec) and loaded.dbow and not loaded.dbow_words:
        raise ModelError(
            "holds a Doc2Vec of kind dm=0, which trains vectors of documents and leaves those of words random"
        )
    if isinstance(vectors, FastTextKeyedVectors):
        found = from_gensim(vectors)
    else:
        found = WordVectors(words, vectors.vectors, warnings=_INFERRED if isinstance(loaded, Doc2Vec) else ())
    _check(found)
    return _with_sound_words(found)


def _with_sound_words(vectors: WordVectors) -> WordVectors:
    """Return them with hexadecimal escapes in words that are not UTF-8, as other readers have them.

    Raises: ModelError for a word that a vocabulary cannot hold.
    """
    words = [word.encode(errors="backslashreplace").decode() for word in vectors.words]
    undecodable = frozenset(sound for sound, word in zip(words, vectors.words, strict=True) if sound != word)
    if nul := next((word for word in words if "\0" in word), None):
        raise ModelError(f"the word {show(nul)} holds the character NUL")
    if not undecodable:
        return vectors
    warning = f"{count_words(len(undecodable))} not UTF-8, so no text can have them"
    return replace(vectors, words=words, undecodable=undecodable, warnings=(*vectors.warnings, warning))


def _check(vectors: WordVectors) -> None:
    """Raise ModelError for a number that a bundle cannot hold, with its word or n-gram bucket."""
    # The n-grams first: the vectors of words are composed of theirs.
    if vectors.ngram_vectors is not None:
        check_rows(vectors.ngram_vectors, lambda row: f"the vector of the n-gram bucket {row}")
    check_rows(vectors.word_vectors, lambda row: f"the vector of the word {show(vectors.words[row])}")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what gensim and NumPy say about old files off the terminal: what matters becomes an error."""
    logger, handler = logging.getLogger("gensim"), logging.NullHandler()
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.removeHandler(handler)


def _line(error: Exception) -> str:
    """Return an error as one line."""
    return " ".join(str(error).split()) or type(error).__name__
