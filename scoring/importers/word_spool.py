"""Words and vectors that are read one after another: the words in memory, the vectors in a temporary file.

So reading a model takes memory for its words only, whatever the size of its vectors.
"""

import tempfile
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scoring.errors import ModelError
from scoring.importers.file_rows import FileRows, check_rows
from scoring.training.word_vectors import WordVectors

#: fastText's own programs never write larger numbers of dimensions; a header that says more is damaged.
MAX_DIMENSIONS = 1 << 16
# Vectors that are checked and written at a time.
_ROWS_PER_WRITE = 1_000
# Characters of a word that are shown in an error.
_SHOWN = 40


class WordSpool:
    """Takes V words with their vectors (d,), in the order of the file; the first of equal words is kept.

    unit: what a place is counted in, such as `line`. limit: how many words to take; None: all.
    """

    def __init__(self, dimensions: int, unit: str, limit: int | None = None) -> None:
        self._dimensions = dimensions
        self._unit = unit
        self._limit = limit
        self._file = tempfile.TemporaryFile(prefix="scorepool-")  # noqa: SIM115  # closed by `__exit__`
        self._places: dict[str, int] = {}
        self._pending: list[tuple[str, NDArray[np.float32]]] = []
        self._repeated: list[int] = []
        self._undecodable: dict[str, int] = {}
        self._nameless: list[int] = []

    def __enter__(self) -> Self:
        """Return this spool."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the temporary file; what `finish` returned stays readable."""
        self._file.close()

    def __len__(self) -> int:
        """Return how many words were taken."""
        return len(self._places)

    @property
    def full(self) -> bool:
        """Whether as many words were taken as the limit allows."""
        return self._limit is not None and len(self._places) >= self._limit

    def add(self, raw: bytes, vector: NDArray[np.float32], place: int) -> None:
        """Take one word; bytes that are not UTF-8 become hexadecimal escapes, as in gensim.

        Raises: ModelError for a vector with a number that a bundle cannot hold, with its place and word.
        """
        word, sound = decode_word(raw)
        if not word:
            self._nameless.append(place)
        elif "\0" in word:
            raise ModelError(f"{self._unit} {place}: the word {show(word)} holds the character NUL")
        elif word in self._places:
            self._repeated.append(place)
        else:
            self._places[word] = place
            self._pending.append((word, vector))
            if not sound:
                self._undecodable[word] = place
            if len(self._pending) >= _ROWS_PER_WRITE:
                self._write()

    def finish(self, *warnings: str) -> WordVectors:
        """Return all words and vectors, with these warnings and those about the words.

        Raises: ModelError when there are none.
        """
        self._write()
        words = list(self._places)
        if not words:
            raise ModelError("holds no words")
        self._file.flush()
        rows = FileRows(self._file.fileno(), 0, (len(words), self._dimensions))
        undecodable = frozenset(self._undecodable)
        return WordVectors(words, rows, undecodable=undecodable, warnings=(*warnings, *self._warnings()))

    def _write(self) -> None:
        if not self._pending:
            return
        words, vectors = zip(*self._pending, strict=True)
        block = np.stack(vectors)
        check_rows(block, lambda row: self._describe(words[row]))
        self._file.write(block.data)
        self._pending.clear()

    def _describe(self, word: str) -> str:
        return f"{self._unit} {self._places[word]}: the vector of {show(word)}"

    def _warnings(self) -> list[str]:
        found = [
            (list(self._undecodable.values()), "not UTF-8, so no text can have them"),
            (self._repeated, "repeated; the first of each is kept"),
            (self._nameless, "empty and left out"),
        ]
        return [
            f"{count_words(len(places))} {fault} (the first in {self._unit} {places[0]})"
            for places, fault in found
            if places
        ]


def decode_word(raw: bytes) -> tuple[str, bool]:
    """Return a word and whether it is UTF-8; bytes that are not become hexadecimal escapes, as in gensim."""
    try:
        return raw.decode(), True
    except UnicodeDecodeError:
        return raw.decode(errors="backslashreplace"), False


def describe_difference(read: int, promised: int) -> str:
    """Say that a file holds another number of words than its first line promises."""
    held = "1 word" if read == 1 else f"{read:,} words"
    return (
        f"holds {held}, its first line promises {promised:,}{'; is it cut off?' if read < promised else ''}"
    )


def count_words(count: int) -> str:
    """Return the subject of a sentence about so many words."""
    return "1 word is" if count == 1 else f"{count:,} words are"


def show(word: str) -> str:
    """Return a word as it is shown in an error, on one line and not longer than `_SHOWN` characters."""
    return repr(word if len(word) <= _SHOWN else f"{word[:_SHOWN]}…")
