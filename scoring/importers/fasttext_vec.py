"""`.vec` files, word vectors as text: on each line a word and its d numbers, between spaces or tabs.

The first line can be a header, `words dimensions`, as fastText writes it and GloVe does not. What is odd and harmless
is read with a warning: another number of words than the header says, repeated words, words that are not UTF-8, a last
line that is cut off. A word can hold spaces, and be one: numbers are counted from the right.
"""

from collections.abc import Iterator
from itertools import chain, count

import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring.errors import ModelError
from scoring.importers.model_file import ModelFile, ModelStream
from scoring.importers.word_spool import MAX_DIMENSIONS, WordSpool, decode_word, describe_difference, show
from scoring.training.word_vectors import WordVectors

_BOM = b"\xef\xbb\xbf"
# More than `MAX_DIMENSIONS` numbers take.
_MAX_LINE_BYTES = 4 << 20
_MAX_HEADER_DIGITS = 18
# Lines between two reports of progress.
_LINES_PER_REPORT = 4_096
# JSON's numbers are nearly all numbers of real files, and are decoded twice as fast as NumPy reads text.
_NUMBERS = msgspec.json.Decoder(list[float])


def read_fasttext_vec(file: ModelFile, limit: int | None = None) -> WordVectors:
    """Read words and vectors; the file has no n-grams, so unknown words will have no vector.

    limit: how many words to read; files are sorted by frequency. Memory: the words; temporary disk space: 4·V·d bytes;
    time about 0.1 µs a number.

    Raises: ModelError, without the path, that names the line which is not a word and d finite numbers; OSError
    when the file cannot be read.
    """
    with file.stream() as stream, np.errstate(over="ignore"):
        first = _read_line(stream).removeprefix(_BOM)
        header = _header(first)
        dimensions = header[1] if header else len(first.split()) - 1
        if dimensions < 1:
            raise ModelError("line 1 is neither a header nor a word with its vector")
        if dimensions > MAX_DIMENSIONS:
            raise ModelError(f"line 1 has {dimensions} dimensions, at most {MAX_DIMENSIONS} are read")
        lines = _lines(stream) if header else chain([first], _lines(stream))
        with WordSpool(dimensions, "line", limit) as spool:
            return spool.finish(*_read_words(lines, spool, dimensions, header))


def _read_words(
    lines: Iterator[bytes], spool: WordSpool, dimensions: int, header: tuple[int, int] | None
) -> list[str]:
    """Put the words of `lines` into `spool`; return what is odd about their number.

    The last line is left out when it is cut off: when it has too few numbers, or no end although words are missing.
    """
    read = 0
    warnings: list[str] = []
    for number, line in enumerate(lines, 2 if header else 1):
        if spool.full:
            return warnings
        if not line.strip():
            continue
        ended = line.endswith(b"\n")
        try:
            word, vector = _parse(line, dimensions)
        except ValueError as error:
            if ended or not read:
                hint = "" if read else "; is it a file of word vectors?"
                raise ModelError(f"line {number}: {error}{hint}") from error
            vector = None
        if vector is None or (not ended and header and read + 1 < header[0]):
            warnings.append(f"its last line, {number}, is cut off and left out")
            break
        spool.add(word, vector, number)
        read += 1
    if header and header[0] != read and not spool.full:
        warnings.append(describe_difference(read, header[0]))
    return warnings


def _parse(line: bytes, dimensions: int) -> tuple[bytes, NDArray[np.float32]]:
    """Return the word and the vector (d,) of a line. Raises: ValueError in words for people."""
    word, _, numbers = line.rstrip().partition(b" ")
    try:
        values = _NUMBERS.decode(b"[" + numbers.replace(b" ", b",") + b"]")
    except msgspec.DecodeError:
        values = []
    if len(values) == dimensions and word:
        return word, np.array(values, dtype=np.float32)
    return _parse_unusual(line.rstrip(), dimensions)


def _parse_unusual(line: bytes, dimensions: int) -> tuple[bytes, NDArray[np.float32]]:
    """Parse a line with tabs, a word with spaces, or numbers that JSON does not have, such as `.5` and `nan`."""
    fields = line.rsplit(None, dimensions)
    if len(fields) == dimensions and line[:1].isspace():
        # The word is what stands before the separator: a space, a tab or nothing.
        fields.insert(0, line[: len(line) - len(line.lstrip()) - 1])
    word, *numbers = fields
    if len(numbers) != dimensions:
        word, *numbers = line.split()
        raise ValueError(
            f"the vector of {show(decode_word(word)[0])} has length {len(numbers)}, due is {dimensions}"
        )
    try:
        return word.lstrip() or word, np.array(numbers, dtype=np.float32)
    except ValueError:
        wrong = next(number for number in numbers if not _is_number(number))
        fault = f"the vector of {show(decode_word(word)[0])} has {show(decode_word(wrong)[0])}, which is no number"
        raise ValueError(fault) from None


def _is_number(field: bytes) -> bool:
    try:
        np.float32(field)
    except ValueError:
        return False
    return True


def _header(line: bytes) -> tuple[int, int] | None:
    """Return the numbers of words and dimensions if the line is a header."""
    fields = line.split()
    if len(fields) != 2 or not all(field.isdigit() for field in fields):
        return None
    digits = max(map(len, fields))
    if digits > _MAX_HEADER_DIGITS:
        raise ModelError(f"line 1 is no header of words and dimensions: one number has {digits} digits")
    return int(fields[0]), int(fields[1])


def _lines(stream: ModelStream) -> Iterator[bytes]:
    """Yield the lines that are left."""
    for number in count(1):
        line = _read_line(stream)
        if not line:
            stream.report()
            return
        if number % _LINES_PER_REPORT == 0:
            stream.report()
        yield line


def _read_line(stream: ModelStream) -> bytes:
    line: bytes = stream.readline(_MAX_LINE_BYTES)
    if len(line) >= _MAX_LINE_BYTES:
        raise ModelError(
            f"has a line longer than {_MAX_LINE_BYTES >> 20} MiB, which is no word with a vector"
        )
    return line
