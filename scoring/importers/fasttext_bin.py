"""The `.bin` files of Facebook's fastText, read without trusting a single number in them.

    header      [magic version] dim ws epoch minCount neg wordNgrams loss model bucket minn maxn rate t
    dictionary  size nwords nlabels ntokens [pruned] (word NUL count type)…
    input       [quantised] rows columns float32…
    output      [quantised] rows columns float32…

Little-endian; what stands in brackets is missing in files of before 2017. The rows of `input` are the
words, then the n-gram buckets. gensim reads the same format, but waits for ever on a file that ends inside
the dictionary and allocates what a damaged header asks for; and its loop over words is slower than one
sparse product.
"""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gensim.models.fasttext import ft_ngram_hashes
from numpy.typing import NDArray
from scipy.sparse import csr_array

from scoring.training.word_vectors import WordVectors
from scoring.errors import ModelError

MAGIC = struct.pack("<i", 793712314)
_SUPERVISED = 3
# fastText's own programs never make such vectors or n-grams; a header that asks for them is damaged.
_MAX_DIMENSIONS = 1 << 16
_MAX_NGRAM = 64
# Words are composed in blocks of about this many n-grams, to bound the memory of the sparse matrix.
_BLOCK = 50_000


@dataclass(frozen=True, slots=True)
class _Header:
    dimensions: int
    model: int
    bucket: int
    min_n: int
    max_n: int


class _Reader:
    """A place in a mapped file; reading past its end is a ModelError."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes from here to the end."""
        return len(self._data) - self._at

    def numbers(self, layout: str) -> tuple[int, ...]:
        """Read numbers as `struct` lays them out, little-endian."""
        size = struct.calcsize("<" + layout)
        if size > self.left:
            raise ModelError("is cut off")
        self._at += size
        return struct.unpack_from("<" + layout, self._data, self._at - size)

    def word(self) -> str:
        """Read a word up to its NUL; bytes that are not UTF-8 become hexadecimal escapes, as in gensim."""
        end = self._data.find(b"\0", self._at)
        if end < 0:
            raise ModelError("is cut off inside its dictionary")
        word = self._data[self._at : end].decode("utf-8", errors="backslashreplace")
        self._at = end + 1
        return word

    def matrix(self, dimensions: int, *, with_flag: bool) -> NDArray[np.float32]:
        """Read a matrix in place: a view of the mapped file."""
        if with_flag and self.numbers("?")[0]:
            raise ModelError("is quantised (.ftz), which cannot be imported; use the .bin it was made from")
        rows, columns = self.numbers("2q")
        if columns != dimensions or rows < 0:
            raise ModelError(f"is damaged: a matrix of {rows} × {columns} where {dimensions} columns are due")
        if 4 * rows * columns > self.left:
            raise ModelError(
                f"is cut off: {4 * rows * columns} bytes of vectors are due, {self.left} are left"
            )
        start = self._at
        self._at += 4 * rows * columns
        flat = np.frombuffer(self._data, dtype="<f4", count=rows * columns, offset=start)
        return flat.reshape(rows, columns)


def read_fasttext_bin(path: Path) -> WordVectors:
    """Read words, final word vectors and n-gram vectors from a `.bin` file.

    Memory: the file's vectors once more, 4·(V + buckets)·d bytes; time about 10 µs a word.

    Raises: ModelError (without the path) when the file is supervised, quantised, cut off or no such file;
    OSError when it cannot be read.
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
        return WordVectors(words, np.array(rows[: len(words)]), counts)
    ngram_vectors = np.array(rows[len(words) :])
    word_vectors = _composed(words, rows[: len(words)], ngram_vectors, header)
    return WordVectors(words, word_vectors, counts, ngram_vectors, header.min_n, header.max_n)


def _read_header(reader: _Reader, *, new: bool) -> _Header:
    if new:
        reader.numbers("2i")
    dim, _, _, _, _, _, _, model, bucket, min_n, max_n, _ = reader.numbers("12i")
    reader.numbers("d")
    if model == _SUPERVISED:
        raise ModelError("is a supervised fastText model, which has no vectors of words in general")
    plausible = 0 < dim <= _MAX_DIMENSIONS and model in (1, 2) and bucket >= 0
    if not plausible or not 0 <= min_n <= _MAX_NGRAM or not 0 <= max_n <= _MAX_NGRAM:
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


def _composed(
    words: list[str], own: NDArray[np.float32], ngram_vectors: NDArray[np.float32], header: _Header
) -> NDArray[np.float32]:
    """Return each word's mean over its own vector and those of its n-grams, (V, d): gensim's `wv[word]`."""
    composed = np.array(own)
    buckets = len(ngram_vectors)
    for start in range(0, len(words), _BLOCK):
        hashes = [
            ft_ngram_hashes(word, header.min_n, header.max_n, buckets)
            for word in words[start : start + _BLOCK]
        ]
        lengths = np.fromiter(map(len, hashes), dtype=np.int64, count=len(hashes))
        columns = np.fromiter((h for row in hashes for h in row), dtype=np.int64, count=lengths.sum())
        pointers = np.concatenate([[0], np.cumsum(lengths)])
        ones = np.ones(len(columns), np.float32)
        chosen = csr_array((ones, columns, pointers), shape=(len(hashes), buckets))
        block = composed[start : start + _BLOCK]
        block += chosen @ ngram_vectors
        block /= (lengths + 1)[:, None]
    return composed
