"""The arena carries bytes in both directions and gives memory back."""

import fcntl
import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ipc.shared_memory import KEPT_BYTES, REPORT_BYTES, Arena, ArenaError, WorkerArena

MIB = 1024 * 1024


@pytest.fixture
def arena() -> Iterator[Arena]:
    """Return an arena of 8 MiB each way."""
    made = Arena(8 * MIB, 8 * MIB)
    yield made
    made.close()


def worker_side(arena: Arena) -> WorkerArena:
    """Attach to an arena as a worker does."""
    handle = arena.handle()
    memory, called, reported = map(os.dup, handle.fds)
    return WorkerArena((memory, called, reported), handle.layout)


def pages_of(arena: Arena) -> int:
    """Return the bytes of memory that the arena uses now."""
    return os.fstat(arena.handle().fds[0]).st_blocks * 512


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_bodies_arrive_unchanged(bodies: list[bytes]) -> None:
    """They arrive in order, and empty ones too."""
    arena = Arena(MIB, MIB)
    arena.write(bodies)

    received = [bytes(body) for body in worker_side(arena).bodies([len(body) for body in bodies])]

    arena.close()
    assert received == bodies


def test_answers_and_the_report_reach_the_server(arena: Arena) -> None:
    """The answers lie one behind the other, and the report in its own region."""
    worker = worker_side(arena)

    first = worker.write_answer(0, b"first")
    second = worker.write_answer(5, b"second")
    worker.report(b"report")

    assert (arena.read(first, 5), arena.read(second, 6)) == (b"first", b"second")
    assert arena.reported.poll() == 6
    assert arena.read(arena.layout.report_at, 6) == b"report"


def test_a_worker_gets_read_only_bodies(arena: Arena) -> None:
    """A handler that writes into its input would change the input of the next attempt."""
    arena.write([b"body"])

    (body,) = worker_side(arena).bodies([4])

    assert body.readonly


def test_bodies_that_do_not_fit_are_refused(arena: Arena) -> None:
    """Nothing behind the inbox is overwritten."""
    with pytest.raises(ArenaError, match="inbox"):
        arena.write([bytes(8 * MIB), b"x"])


@pytest.mark.parametrize(("at", "length"), [(0, 10), (-1, 5), (8 * MIB, 64 * MIB), (8 * MIB, -1)])
def test_a_span_outside_of_the_workers_regions_is_not_read(arena: Arena, at: int, length: int) -> None:
    """A faulty worker must not make the server read outside of the answers and the report."""
    with pytest.raises(ArenaError, match="span"):
        arena.read(at, length)


def test_answers_may_fill_their_region(arena: Arena) -> None:
    """An answer of `room` bytes fits: it ends where the arena ends."""
    worker = worker_side(arena)

    at = worker.write_answer(0, bytes(worker.room))

    assert worker.room == 8 * MIB
    assert at + worker.room == arena.layout.size


def test_the_arena_uses_memory_only_where_bytes_were_written(arena: Arena) -> None:
    """A new arena uses none, and a small body uses at most 64 KiB."""
    before = pages_of(arena)

    arena.write([b"small"])

    assert before == 0
    assert 0 < pages_of(arena) <= 64 * 1024


def test_trimming_gives_memory_back(arena: Arena) -> None:
    """After a large call only `KEPT_BYTES` in each direction stay, enough for most calls."""
    arena.write([b"x" * 8 * MIB])
    worker = worker_side(arena)
    at = worker.write_answer(0, b"x" * 8 * MIB)
    arena.read(at, 8 * MIB)
    large = pages_of(arena)

    arena.trim()

    assert large >= 16 * MIB
    assert pages_of(arena) <= 2 * KEPT_BYTES + REPORT_BYTES


def test_the_size_of_the_arena_is_sealed(arena: Arena) -> None:
    """A worker cannot shrink it, which would end the server with SIGBUS."""
    fd = arena.handle().fds[0]

    with pytest.raises(PermissionError):
        os.ftruncate(fd, 0)

    assert fcntl.fcntl(fd, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK
