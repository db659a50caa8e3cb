"""`.bin` and `.ftz` files of Facebook's fastText, unsupervised; every number in them is checked before it is used.

    header      [magic version] dim ws epoch minCount neg wordNgrams loss model bucket minn maxn rate t
    dictionary  size nwords nlabels ntokens [pruned] (word NUL count type)…
    input       [quantised] rows columns float32…, or what `QuantisedRows` decodes
    output      [quantised] …

Little-endian; fields in brackets are missing in files from before 2017. The rows of `input` are the words, then the
n-gram buckets; labels, which an unsupervised model can have by accident, have no rows. Nothing but the dictionary is
read into memory: the vectors are read, decoded and composed when a bundle is written.

gensim reads the same format, but not the quantised one; it never returns on a file that ends inside the dictionary,
allocates as much memory as a damaged header says, and is slower: it loops over words where a sparse product is used
here.
"""

import mmap
import struct
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.bundle.rows import LazyRows, SelectedRows
from scoring.errors import ModelError
from scoring.importers.composed_rows import ComposedRows
from scoring.importers.file_rows import FileRows, check_rows
from scoring.importers.model_file import ModelFile
from scoring.importers.quantised_rows import CENTROIDS, ProductQuantiser, QuantisedRows
from scoring.importers.word_spool import MAX_DIMENSIONS, count_words, decode_word, show
from scoring.progress import Progress, silent
from scoring.training.word_vectors import WordVectors

MAGIC = struct.pack("<i", 793712314)
_SUPERVISED = 3
# fastText's own programs never write longer n-grams; a header that has them is damaged.
_MAX_NGRAM_LENGTH = 64
# The type of an entry of the dictionary that is a word; labels have 1.
_WORD = 0
# Words between two reports of progress.
_WORDS_PER_REPORT = 1 << 16


@dataclass(frozen=True, slots=True)
class _Header:
    """The fields of the header that are used; buckets is the number of n-gram buckets."""

    dimensions: int
    buckets: int
    min_n: int
    max_n: int


@dataclass(frozen=True, slots=True)
class _Dictionary:
    """V words with their counts (V,), those of them that are not UTF-8, and whether n-grams were pruned."""

    words: list[str]
    counts: NDArray[np.int64]
    undecodable: frozenset[str]
    without_ngrams: bool


class _Reader:
    """A position in an open file, which is mapped; reading past its end is a ModelError."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._data = mmap.mmap(descriptor, 0, prot=mmap.PROT_READ)
        self._position = 0

    @property
    def left(self) -> int:
        """How many bytes follow the position."""
        return len(self._data) - self._position

    def numbers(self, layout: str) -> tuple[int, ...]:
        """Read numbers, little-endian; `layout` is a format of `struct`."""
        start = self._skip(struct.calcsize("<" + layout))
        return struct.unpack_from("<" + layout, self._data, start)

    def word(self) -> bytes:
        """Read a word up to its NUL."""
        end = self._data.find(b"\0", self._position)
        if end < 0:
            raise ModelError("is cut off inside its dictionary")
        word = self._data[self._position : end]
        self._position = end + 1
        return word

    def rows(self, rows: int, dimensions: int) -> FileRows:
        """Read a matrix of float32, which stays in the file."""
        return FileRows(self._descriptor, self._skip(4 * rows * dimensions), (rows, dimensions))

    def array(self, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
        """Read a small array into memory."""
        count = int(np.prod(shape, dtype=np.int64))
        start = self._skip(count * np.dtype(dtype).itemsize)
        return np.frombuffer(self._data, dtype, count, start).copy().reshape(shape)

    def _skip(self, size: int) -> int:
        """Move on by `size` bytes; return the position before."""
        if size > self.left:
            raise ModelError(f"is cut off: {size:,} bytes are due, {self.left:,} are left")
        self._position += size
        return self._position - size


def read_fasttext_bin(file: ModelFile, progress: Progress = silent) -> WordVectors:
    """Read the words of a `.bin` or `.ftz` file; its vectors are read when they are asked for.

    Time: 2 µs a word, and that of reading the vectors once, to check them. Memory: the words.

    Raises: ModelError, without the path, when the model is supervised or pruned, or the file is cut off, damaged
    or no fastText file, or holds a number that a bundle cannot hold; OSError when it cannot be read.
    """
    with file.content() as content:
        return _read(_Reader(content.fileno()), progress, new=file.start.startswith(MAGIC))


def _read(reader: _Reader, progress: Progress, *, new: bool) -> WordVectors:
    header = _read_header(reader, new=new)
    dictionary = _read_dictionary(reader, progress, new=new)
    rows = _read_matrix(reader, header.dimensions, may_be_quantised=new)
    _read_matrix(reader, header.dimensions, may_be_quantised=new)
    words = dictionary.words
    buckets = 0 if dictionary.without_ngrams else header.buckets
    if reader.left or len(rows) != len(words) + buckets:
        raise ModelError("is damaged: its sizes do not agree")
    check_rows(rows, lambda row: _describe(row, words), progress)
    warnings: tuple[str, ...] = ()
    if dictionary.undecodable:
        warnings = (f"{count_words(len(dictionary.undecodable))} not UTF-8, so no text can have them",)
    own = SelectedRows(rows, np.arange(len(words)))
    found = WordVectors(
        words,
        own,
        dictionary.counts,
        official=True,
        undecodable=dictionary.undecodable,
        warnings=warnings,
    )
    if not buckets or not header.max_n:
        return found
    ngram_vectors = SelectedRows(rows, np.arange(len(words), len(rows)))
    return replace(
        found,
        word_vectors=ComposedRows(words, own, ngram_vectors, header.min_n, header.max_n),
        ngram_vectors=ngram_vectors,
        min_n=header.min_n,
        max_n=header.max_n,
    )


def _read_header(reader: _Reader, *, new: bool) -> _Header:
    if new:
        reader.numbers("2i")
    dim, _, _, _, _, _, _, model, buckets, min_n, max_n, _ = reader.numbers("12i")
    reader.numbers("d")
    if model == _SUPERVISED:
        raise ModelError("is a supervised fastText model, which has no vectors of words in general")
    plausible = 0 < dim <= MAX_DIMENSIONS and model in {1, 2} and buckets >= 0
    if not plausible or not 0 <= min_n <= _MAX_NGRAM_LENGTH or not 0 <= max_n <= _MAX_NGRAM_LENGTH:
        raise ModelError("is no fastText .bin file")
    return _Header(dim, buckets, min_n, max_n)


def _read_dictionary(reader: _Reader, progress: Progress, *, new: bool) -> _Dictionary:
    size, n_words, n_labels = reader.numbers("3i")
    reader.numbers("q")
    pruned = reader.numbers("q")[0] if new else -1
    if pruned > 0:
        raise ModelError(
            "is pruned (quantize -cutoff), which cannot be imported; use the .bin it was made from"
        )
    if min(n_words, n_labels) < 0 or size != n_words + n_labels or not n_words:
        raise ModelError("is damaged: its dictionary has gaps or no words")
    if size > reader.left:
        raise ModelError("is cut off inside its dictionary")
    words = []
    counts = []
    undecodable = set()
    for number in range(size):
        raw = reader.word()
        count, kind = reader.numbers("qb")
        if kind == _WORD:
            word, sound = decode_word(raw)
            words.append(word)
            counts.append(count)
            if not sound:
                undecodable.add(word)
        if number % _WORDS_PER_REPORT == 0:
            progress("words", number, size)
    progress("words", size, size)
    if len(words) != n_words:
        raise ModelError(f"is damaged: its dictionary holds {len(words)} words and promises {n_words}")
    return _Dictionary(words, np.array(counts, dtype=np.int64), frozenset(undecodable), pruned == 0)


def _read_matrix(reader: _Reader, dimensions: int, *, may_be_quantised: bool) -> LazyRows:
    """Read a matrix; `may_be_quantised`: a flag before it says whether it is."""
    if may_be_quantised and reader.numbers("?")[0]:
        return _read_quantised(reader, dimensions)
    rows, columns = reader.numbers("2q")
    if columns != dimensions or rows < 0:
        raise ModelError(f"is damaged: a matrix of {rows} × {columns} where {dimensions} columns are due")
    return reader.rows(rows, dimensions)


def _read_quantised(reader: _Reader, dimensions: int) -> QuantisedRows:
    has_norms = reader.numbers("?")[0]
    rows, columns = reader.numbers("2q")
    size = reader.numbers("i")[0]
    if columns != dimensions or rows <= 0 or size <= 0 or size % rows:
        raise ModelError(f"is damaged: a quantised matrix of {rows} × {columns} in {size} bytes")
    codes = reader.array((rows, size // rows), "u1")
    quantiser = _read_quantiser(reader, dimensions, size // rows)
    norms = None
    if has_norms:
        norm_codes = reader.array((rows, 1), "u1")
        norms = _read_quantiser(reader, 1, 1).decode(norm_codes)[:, 0]
    return QuantisedRows(quantiser, codes, norms, dimensions)


def _read_quantiser(reader: _Reader, dimensions: int, subvectors: int) -> ProductQuantiser:
    found = dim, count, width, last = reader.numbers("4i")
    if dim != dimensions or count != subvectors or width < 1 or last < 1 or (count - 1) * width + last != dim:
        raise ModelError(f"is damaged: a quantiser of {found} for {subvectors} parts of {dimensions}")
    whole = reader.array((count - 1, CENTROIDS, width), "<f4")
    return ProductQuantiser(whole, reader.array((CENTROIDS, last), "<f4"))


def _describe(row: int, words: list[str]) -> str:
    if row < len(words):
        return f"the vector of the word {show(words[row])}"
    return f"the vector of the n-gram bucket {row - len(words)}"
