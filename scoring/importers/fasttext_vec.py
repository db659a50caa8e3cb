"""`.vec` files, word vectors as text: on each line a word and its d numbers.

The first line can be a header, `words dimensions`, as fastText writes it and GloVe does not.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scoring.errors import ModelError
from scoring.training.word_vectors import WordVectors


def read_fasttext_vec(path: Path) -> WordVectors:
    """Read words and vectors; the file has no n-grams, so unknown words will have no vector.

    Memory: twice the vectors, 8·V·d bytes, at the peak; time about 0.3 µs a number.

    Raises: ModelError, without the path, that names the line which is not a word and d finite numbers, or says that
    the header promises another number of words; OSError when the file cannot be read.
    """
    with path.open(encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        first = file.readline().split()
        header = first if len(first) == 2 and all(field.isdecimal() for field in first) else None
        if header is None:
            file.seek(0)
        dimensions = int(header[1]) if header else len(first) - 1
        if dimensions < 1:
            raise ModelError("line 1 is neither a header nor a word with its vector")
        words, vectors = _read_lines(file, dimensions, start=2 if header else 1)
    if not words or (header and int(header[0]) != len(words)):
        raise ModelError(f"holds {len(words)} words, its first line promises {first[0]}; is it cut off?")
    return WordVectors(words, np.stack(vectors))


def _read_lines(
    lines: Iterable[str], dimensions: int, start: int
) -> tuple[list[str], list[NDArray[np.float32]]]:
    """Return the words and vectors (dimensions,) of `lines`, of which the first has the number `start`."""
    words, vectors = [], []
    for number, line in enumerate(lines, start):
        # From the right: words in some published files contain spaces.
        word, *values = line.rstrip().rsplit(" ", dimensions)
        try:
            with np.errstate(over="ignore"):
                vector = np.array(values, dtype=np.float32)
        except ValueError as error:
            raise ModelError(f"line {number}: {error}") from error
        if len(vector) != dimensions or not np.isfinite(vector).all():
            raise ModelError(f"line {number}: not a word and {dimensions} finite numbers")
        words.append(word)
        vectors.append(vector)
    return words, vectors
