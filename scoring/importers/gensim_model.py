"""What gensim's `save` wrote: a pickle, with `.npy` files beside it when the arrays are large."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gensim.models import KeyedVectors
from gensim.models.fasttext import FastTextKeyedVectors
from gensim.utils import SaveLoad

from scoring.errors import ModelError
from scoring.training.word_vectors import WordVectors, from_gensim

# What loading a model of an older gensim ends in: classes, attributes or hashes that are gone.
_OLD = (AttributeError, ImportError, TypeError)
_SAVE_AGAIN = (
    "if a gensim before 4 saved it, load it with gensim 3.8.3 and save it there in another format: a FastText model "
    "by gensim.models.fasttext.save_facebook_model(model, 'model.bin'), any other by "
    "model.wv.save_word2vec_format('model.vec')"
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
    if isinstance(vectors, FastTextKeyedVectors):
        return from_gensim(vectors)
    return WordVectors(words, vectors.vectors)


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
