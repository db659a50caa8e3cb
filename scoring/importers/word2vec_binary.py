"""word2vec's binary format: a header line `words dimensions`, then each word, a space and d float32 numbers.

Little-endian; the original program writes a line feed after each vector, gensim does not. Nothing in the file says
that it is of this format, so it is recognised by its header and by bytes that no text has.
"""

import re

import numpy as np

from scoring.errors import ModelError
from scoring.importers.model_file import ModelFile, ModelStream
from scoring.importers.word_spool import MAX_DIMENSIONS, WordSpool, describe_difference
from scoring.training.word_vectors import WordVectors

_HEADER = re.compile(rb"([0-9]{1,12}) ([0-9]{1,5})\r?\n")
_CONTROL_CHARACTER = re.compile(rb"[\x00-\x08\x0e-\x1f]")
# A longer word is a sign of damage, or of another format.
_MAX_WORD_BYTES = 1 << 12
_CHUNK_BYTES = 4 << 20


def is_word2vec_binary(file: ModelFile) -> bool:
    """Tell whether a file is of this format, by its start and its name."""
    header = _HEADER.match(file.start)
    if not header:
        return False
    binary_name = ".bin" in file.path.suffixes
    return binary_name or bool(_CONTROL_CHARACTER.search(file.start, header.end()))


def read_word2vec_binary(file: ModelFile, limit: int | None = None) -> WordVectors:
    """Read words and vectors; `limit`: how many words, the most frequent, which come first.

    Memory: the words; temporary disk space: 4·V·d bytes. Raises: ModelError, without the path, for a file that is
    not of this format; OSError when it cannot be read.
    """
    warnings = []
    with file.stream() as stream:
        header = _HEADER.match(stream.readline())
        if not header:
            raise ModelError("is no file of word2vec's binary format")
        promised, dimensions = int(header[1]), int(header[2])
        if not 0 < dimensions <= MAX_DIMENSIONS:
            raise ModelError(f"has {dimensions} dimensions, 1 to {MAX_DIMENSIONS} are read")
        with WordSpool(dimensions, "word", limit) as spool:
            read = _read_words(_Buffer(stream), spool, promised, dimensions)
            if read < promised and not spool.full:
                warnings.append(describe_difference(read, promised))
            return spool.finish(*warnings)


def _read_words(buffer: "_Buffer", spool: WordSpool, promised: int, dimensions: int) -> int:
    """Put up to `promised` words into `spool`; return how many there were."""
    for number in range(promised):
        if spool.full:
            return number
        word = buffer.take_word()
        vector = buffer.take(4 * dimensions)
        if word is None or vector is None:
            return number
        spool.add(word, np.frombuffer(vector, dtype="<f4"), number + 1)
    return promised


class _Buffer:
    """The bytes of a stream that were read and not yet taken."""

    def __init__(self, stream: ModelStream) -> None:
        self._stream = stream
        self._bytes = b""
        self._position = 0

    def take_word(self) -> bytes | None:
        """Take the bytes up to a space, and the space; None at the end of the stream."""
        if len(self._bytes) - self._position <= _MAX_WORD_BYTES:
            self._read()
        end = self._bytes.find(b" ", self._position, self._position + _MAX_WORD_BYTES)
        if end < 0:
            if len(self._bytes) - self._position >= _MAX_WORD_BYTES:
                raise ModelError(f"is damaged: a word is longer than {_MAX_WORD_BYTES} bytes")
            return None
        word = self._bytes[self._position : end].lstrip(b"\r\n")
        self._position = end + 1
        return word

    def take(self, size: int) -> bytes | None:
        """Take so many bytes; None when the stream has fewer."""
        if len(self._bytes) - self._position < size:
            self._read()
        taken = self._bytes[self._position : self._position + size]
        self._position += size
        return taken if len(taken) == size else None

    def _read(self) -> None:
        self._bytes = self._bytes[self._position :] + self._stream.read(_CHUNK_BYTES)
        self._position = 0
        self._stream.report()
