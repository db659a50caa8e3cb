"""Records: the outputs of a stage's steps, appended to segment files and found through an index.

    <stage>/<segment>.records    records, one after another; a segment is written by one process at a time
    <stage>/index                32 bytes a step: segment, offset and length of its payload, checksum of these three

A record is a header (magic, step, length, checksum of the payload) and a payload of named arrays. It is appended by one
write; its place is then put into the index. What was written halfway when a process or the machine stopped is in
no whole record, or in a record that no index entry leads to; a step that is repeated appends its record again and its
entry leads to the last. Nothing here is synced: `sync` does that for many records at once.
"""

import math
import os
import struct
import zlib
from collections.abc import Iterable, Mapping
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring.errors import CorpusError

_HEADER = struct.Struct("<8sQQII")
_MAGIC = b"spRecord"
_ENTRY = struct.Struct("<QQQII")
_INDEX = "index"
# More than any payload's length and description of its arrays take.
_DESCRIPTION_BYTES = 2_048

Arrays = Mapping[str, NDArray[Any]]


class StepOutput(NamedTuple):
    """Where a step's record is: the segment's path within the corpus's folder, offset and bytes of the whole record."""

    segment: str
    offset: int
    length: int


class Place(NamedTuple):
    """Where a payload is: its file, offset and bytes."""

    path: Path
    offset: int
    length: int


class Records:
    """The records of one stage, in a folder of their own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, segment: int, step: int, payload: bytes) -> StepOutput:
        """Append the record of a step. Raises: OSError, when the disk is full or the corpus was removed."""
        header = _HEADER.pack(_MAGIC, step, len(payload), zlib.crc32(payload), 0)
        length = len(header) + len(payload)
        path = self._path / f"{segment}.records"
        descriptor = self._open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            _write_all(descriptor, header + payload)
            offset = os.lseek(descriptor, 0, os.SEEK_CUR) - length
        finally:
            os.close(descriptor)
        self.point(step, segment, offset + len(header), len(payload))
        return StepOutput(f"{self._path.name}/{path.name}", offset, length)

    def _open(self, path: Path, flags: int) -> int:
        """Open a file; the folder is there but for the first time."""
        try:
            return os.open(path, flags | os.O_CLOEXEC, 0o640)
        except FileNotFoundError:
            # Not its parents: a step that ends after its corpus was removed must not make the folder anew.
            self._path.mkdir(exist_ok=True)
            return os.open(path, flags | os.O_CLOEXEC, 0o640)

    def point(self, step: int, segment: int, offset: int, length: int) -> None:
        """Lead the index entry of a step to a payload."""
        fields = struct.pack("<QQQ", segment, offset, length)
        descriptor = os.open(self._path / _INDEX, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            os.pwrite(descriptor, fields + struct.pack("<II", zlib.crc32(fields), 1), step * _ENTRY.size)
        finally:
            os.close(descriptor)

    def entry(self, step: int) -> tuple[int, int, int]:
        """Return segment, offset and length of a step's payload. Raises: CorpusError when there is none."""
        try:
            with (self._path / _INDEX).open("rb", buffering=0) as file:
                raw = os.pread(file.fileno(), _ENTRY.size, step * _ENTRY.size)
        except FileNotFoundError:
            raw = b""
        if len(raw) == _ENTRY.size:
            segment, offset, length, check, used = _ENTRY.unpack(raw)
            if used and zlib.crc32(raw[:24]) == check:
                return segment, offset, length
        raise CorpusError(f"{self._path}: holds no record of step {step}")

    def place(self, step: int) -> Place:
        """Return where a step's payload is; only its header is compared. Raises: CorpusError."""
        segment, offset, length = self.entry(step)
        return Place(self._path / f"{segment}.records", offset, length)

    def read(self, step: int) -> bytes:
        """Return the payload of a step, checked. Raises: CorpusError when it is not there or damaged."""
        place = self.place(step)
        raw = read_at(place.path, place.offset - _HEADER.size, _HEADER.size + place.length)
        magic, written, length, check, _ = _HEADER.unpack_from(raw)
        payload = raw[_HEADER.size :]
        if (magic, written, length) != (_MAGIC, step, place.length) or zlib.crc32(payload) != check:
            raise CorpusError(f"{place.path}: the record of step {step} is damaged")
        return payload

    def arrays(self, step: int) -> dict[str, NDArray[Any]]:
        """Return the arrays of a step, checked. Raises: CorpusError."""
        return unpack(self.read(step))

    def select(self, step: int, *names: str) -> list[NDArray[Any]]:
        """Return some of the arrays of a step; unchecked, since the checksum is of the whole record."""
        places = self._array_places(step)
        with places[names[0]][0].path.open("rb", buffering=0) as file:
            return [
                np.frombuffer(_read(file.fileno(), *place), dtype).reshape(shape)
                for place, dtype, shape in (places[name] for name in names)
            ]

    def rows(self, step: int, name: str, start: int, stop: int) -> NDArray[Any]:
        """Return rows [start, stop) of one array of a step; unchecked."""
        place, dtype, shape = self._array_places(step)[name]
        row = dtype.itemsize * math.prod(shape[1:])
        start, stop = min(start, shape[0]), min(stop, shape[0])
        raw = read_at(place.path, place.offset + start * row, (stop - start) * row)
        return np.frombuffer(raw, dtype).reshape(stop - start, *shape[1:])

    def some_rows(self, step: int, rows: NDArray[np.int64], *names: str) -> list[NDArray[Any]]:
        """Return the rows (r,) of some of the arrays of a step; only their pages are read; unchecked."""
        places = self._array_places(step)
        found = []
        for (path, offset, _), dtype, shape in (places[name] for name in names):
            size = dtype.itemsize * math.prod(shape[1:])
            raw = rows_at(path, offset + rows * size, size)
            found.append(raw.view(dtype).reshape(len(rows), *shape[1:]))
        return found

    def array_place(self, step: int, name: str) -> Place:
        """Return where the bytes of one array of a step are."""
        return self._array_places(step)[name][0]

    def checksum(self, step: int) -> bytes:
        """Return the checksum of a step's payload, 4 bytes, as its header has it."""
        path, offset, _ = self.place(step)
        return read_at(path, offset - 8, 4)

    def _array_places(self, step: int) -> dict[str, tuple[Place, np.dtype[Any], tuple[int, ...]]]:
        path, offset, length = self.place(step)
        head = read_at(path, offset, min(length, _DESCRIPTION_BYTES))
        (size,) = struct.unpack_from("<Q", head)
        places, at = {}, offset + 8 + size
        for name, code, shape in msgspec.json.decode(head[8 : 8 + size], type=list[_Described]):
            dtype = np.dtype(code)
            bytes_ = dtype.itemsize * math.prod(shape)
            places[name] = Place(path, at, bytes_), dtype, shape
            at += bytes_
        return places

    def done(self, steps: Iterable[int]) -> list[int]:
        """Return the steps whose records are whole: all are read, so it takes a second per GB."""
        return [step for step in steps if self._whole(step)]

    def _whole(self, step: int) -> bool:
        try:
            self.read(step)
        except (CorpusError, OSError):
            return False
        return True


_Described = tuple[str, str, tuple[int, ...]]


def pack(arrays: Arrays) -> bytes:
    """Return a payload of named arrays: the length of a JSON description, the description, the arrays' bytes."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    described = msgspec.json.encode(
        [(name, array.dtype.str, array.shape) for name, array in contiguous.items()]
    )
    described += b" " * (-len(described) % 8)
    return b"".join(
        (struct.pack("<Q", len(described)), described, *map(np.ndarray.tobytes, contiguous.values()))
    )


def unpack(payload: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of a payload, read-only views of it."""
    (size,) = struct.unpack_from("<Q", payload)
    arrays, at = {}, 8 + size
    for name, code, shape in msgspec.json.decode(payload[8:at], type=list[_Described]):
        dtype, count = np.dtype(code), math.prod(shape)
        arrays[name] = np.frombuffer(payload, dtype, count, at).reshape(shape)
        at += dtype.itemsize * count
    return arrays


def sync(folder: Path, outputs: Iterable[StepOutput]) -> None:
    """Flush the segments of some outputs, their indexes and their folders to the disk: then they are durable.

    May be called from any thread. Raises: OSError.
    """
    segments = {folder / output.segment for output in outputs}
    stages = {segment.parent for segment in segments}
    for path in sorted(segments | {stage / _INDEX for stage in stages}):
        _sync(path, os.fdatasync)
    for path in sorted(stages | {folder}):
        _sync(path, os.fsync)


def _sync(path: Path, flush: Any) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        flush(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    written = os.write(descriptor, content)
    while written < len(content):
        # A disk that is nearly full takes a part; the next write says why.
        written += os.write(descriptor, content[written:])


def read_at(path: Path, offset: int, length: int) -> bytes:
    """Return `length` bytes of a file from `offset` on. Raises: CorpusError when there are fewer."""
    try:
        with path.open("rb", buffering=0) as file:
            return _read(file.fileno(), path, offset, length)
    except FileNotFoundError as error:
        raise CorpusError(f"{path}: does not exist") from error


def _read(descriptor: int, path: Path, offset: int, length: int) -> bytes:
    raw = os.pread(descriptor, length, offset)
    while len(raw) < length and (more := os.pread(descriptor, length - len(raw), offset + len(raw))):
        raw += more
    if len(raw) < length:
        raise CorpusError(f"{path}: ends at byte {offset + len(raw)}, {offset + length} are needed")
    return raw


def rows_at(path: Path, offsets: NDArray[np.int64], size: int) -> NDArray[np.void]:
    """Return rows of `size` bytes at any offsets (r,) of a file, (r,) void: a tenth of the time of a read for each.

    Raises: CorpusError when the file is not there or ends before.
    """
    if not len(offsets):
        return np.empty(0, f"V{size}")
    try:
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            if (end := int(offsets.max()) + size) > len(content):
                raise CorpusError(f"{path}: ends at byte {len(content)}, {end} are needed")
            # Every byte begins a row here, overlapping the one before.
            every = np.ndarray((len(content) - size + 1,), f"V{size}", content, 0, (1,))
            rows = every[offsets]
            del every
            return rows
    except FileNotFoundError as error:
        raise CorpusError(f"{path}: does not exist") from error
