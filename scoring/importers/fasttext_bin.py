"""`.bin` files of Facebook's fastText, unsupervised; every number in them is checked before it is used.

    header      [magic version] dim ws epoch minCount neg wordNgrams loss model bucket minn maxn rate t
    dictionary  size nwords nlabels ntokens [pruned] (word NUL count type)…
    input       [quantised] rows columns float32…
    output      [quantised] rows columns float32…

Little-endian; fields in brackets are missing in files from before 2017. The rows of `input` are the words, then the
n-gram buckets. gensim reads the same format, but it never returns on a file that ends inside the dictionary, allocates
as much memory as a damaged header says, and is slower: it loops over words where a sparse product is used here.
"""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scoring.embedding.ngrams import sum_ngrams
from scoring.errors import ModelError
from scoring.training.word_vectors import WordVectors

MAGIC = struct.pack("<i", 793712314)
_SUPERVISED = 3
# fastText's own programs never write larger numbers than these; a header that has them is damaged.
_MAX_DIMENSIONS = 1 << 16
_MAX_NGRAM_LENGTH = 64
# Words whose n-grams are summed at a time: bounds the memory of the hashes.
_WORDS_PER_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class _Header:
    """The fields of the header that are used; bucket is the number of n-gram buckets."""

    dimensions: int
    model: int
    bucket: int
    min_n: int
    max_n: int


class _Reader:
    """A position in a mapped file; reading past its end is a ModelError."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._position = 0

    @property
    def left(self) -> int:
        """How many bytes follow the position."""
        return len(self._data) - self._position

    def numbers(self, layout: str) -> tuple[int, ...]:
        """Read numbers, little-endian; `layout` is a format of `struct`."""
        size = struct.calcsize("<" + layout)
        if size > self.left:
            raise ModelError("is cut off")
        self._position += size
        return struct.unpack_from("<" + layout, self._data, self._position - size)

    def word(self) -> str:
        """Read a word up to its NUL; bytes that are not UTF-8 become hexadecimal escapes, as in gensim."""
        end = self._data.find(b"\0", self._position)
        if end < 0:
            raise ModelError("is cut off inside its dictionary")
        word = self._data[self._position : end].decode("utf-8", errors="backslashreplace")
        self._position = end + 1
        return word

    def matrix(self, dimensions: int, *, with_flag: bool) -> NDArray[np.float32]:
        """Read a matrix as a view of the mapped file; `with_flag`: a flag before it says whether it is quantised."""
        if with_flag and self.numbers("?")[0]:
            raise ModelError("is quantised (.ftz), which cannot be imported; use the .bin it was made from")
        rows, columns = self.numbers("2q")
        if columns != dimensions or rows < 0:
            raise ModelError(f"is damaged: a matrix of {rows} × {columns} where {dimensions} columns are due")
        if 4 * rows * columns > self.left:
            raise ModelError(
                f"is cut off: {4 * rows * columns} bytes of vectors are due, {self.left} are left"
            )
        start = self._position
        self._position += 4 * rows * columns
        flat = np.frombuffer(self._data, dtype="<f4", count=rows * columns, offset=start)
        return flat.reshape(rows, columns)


def read_fasttext_bin(path: Path) -> WordVectors:
    """Read words, final word vectors and n-gram vectors from a `.bin` file.

    Memory: 4·(V + buckets)·d bytes, as much as the vectors in the file; time about 10 µs a word.

    Raises: ModelError, without the path, when the model is supervised or quantised, or the file is cut off, damaged
    or no fastText file; OSError when it cannot be read.
    """
    with path.open("rb") as file:
        if not path.stat().st_size:
            raise ModelError("is empty")
        data = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    reader = _Reader(data)
    new = data[:4] == MAGIC
    header = _read_header(reader, new=new)
    words, counts = _read_dictionary(reader, new=new)
    rows = reader.matrix(header.dimensions, with_flag=new)
    reader.matrix(header.dimensions, with_flag=new)
    if reader.left or len(rows) != len(words) + header.bucket:
        raise ModelError("is damaged: its sizes do not agree")
    if not header.max_n or not header.bucket:
        return WordVectors(words, np.array(rows[: len(words)]), counts, official=True)
    ngram_vectors = np.array(rows[len(words) :])
    word_vectors = _compose(words, rows[: len(words)], ngram_vectors, header)
    return WordVectors(words, word_vectors, counts, ngram_vectors, header.min_n, header.max_n, official=True)


def _read_header(reader: _Reader, *, new: bool) -> _Header:
    if new:
        reader.numbers("2i")
    dim, _, _, _, _, _, _, model, bucket, min_n, max_n, _ = reader.numbers("12i")
    reader.numbers("d")
    if model == _SUPERVISED:
        raise ModelError("is a supervised fastText model, which has no vectors of words in general")
    plausible = 0 < dim <= _MAX_DIMENSIONS and model in (1, 2) and bucket >= 0
    if not plausible or not 0 <= min_n <= _MAX_NGRAM_LENGTH or not 0 <= max_n <= _MAX_NGRAM_LENGTH:
        raise ModelError("is no fastText .bin file")
    return _Header(dim, model, bucket, min_n, max_n)


def _read_dictionary(reader: _Reader, *, new: bool) -> tuple[list[str], NDArray[np.int64]]:
    size, n_words, n_labels = reader.numbers("3i")
    reader.numbers("q")
    pruned = reader.numbers("q")[0] if new else -1
    if n_labels or size != n_words or pruned > 0 or not 0 < size <= reader.left:
        raise ModelError("is damaged: its dictionary has labels, gaps or no words")
    words = []
    counts = np.empty(size, dtype=np.int64)
    for i in range(size):
        words.append(reader.word())
        counts[i], _ = reader.numbers("qb")
    return words, counts


def _compose(
    words: list[str], own: NDArray[np.float32], ngram_vectors: NDArray[np.float32], header: _Header
) -> NDArray[np.float32]:
    """Return the mean (V, d) of each word's own vector and those of its n-grams, as gensim's `wv[word]`."""
    composed = np.array(own)
    for start in range(0, len(words), _WORDS_PER_CHUNK):
        chunk = slice(start, start + _WORDS_PER_CHUNK)
        sums, counts = sum_ngrams(words[chunk], ngram_vectors, header.min_n, header.max_n)
        composed[chunk] += sums
        composed[chunk] /= (counts + 1)[:, None]
    return composed
