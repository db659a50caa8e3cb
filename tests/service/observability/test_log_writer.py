"""Lines are written in order, and a reader that has stalled costs lines, never time."""

import os
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from service.observability.log_writer import LineWriter


class Pipe(NamedTuple):
    """Both ends of a pipe."""

    reader: int
    writer: int

    def read_lines(self, number: int) -> list[bytes]:
        """Wait for so many lines and return them."""
        text = b""
        while text.count(b"\n") < number:
            text += os.read(self.reader, 1 << 16)
        return text.splitlines()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """Open a pipe."""
    reader, writer = os.pipe()
    yield Pipe(reader, writer)
    for fd in (reader, writer):
        os.close(fd)


def notice(lines: int) -> bytes:
    """Say how many lines are missing."""
    return b"%d dropped\n" % lines


def fill(writer: LineWriter, pipe: Pipe) -> int:
    """Write lines that nobody reads until one is dropped; return how many were taken."""
    taken = 0
    while not writer.dropped:
        writer.write(b"%07d\n" % taken)
        taken += not writer.dropped
    return taken


def test_lines_arrive_in_order(pipe: Pipe) -> None:
    """Each once."""
    writer = LineWriter(pipe.writer)

    for number in range(1000):
        writer.write(b"%d\n" % number)

    assert pipe.read_lines(1000) == [b"%d" % number for number in range(1000)]
    writer.close()


def test_what_waits_is_written_at_the_end(pipe: Pipe) -> None:
    """The last lines say why a server ended."""
    writer = LineWriter(pipe.writer)
    writer.write(b"last words\n")

    writer.close()

    assert pipe.read_lines(1) == [b"last words"]


def test_nothing_is_written_after_the_end(pipe: Pipe) -> None:
    """The file descriptor may be somebody else's by then."""
    writer = LineWriter(pipe.writer)
    writer.close()

    writer.write(b"too late\n")

    assert writer.dropped == 1


def test_a_stalled_reader_costs_lines_and_no_time(pipe: Pipe) -> None:
    """What finds no room is dropped and counted; the writer never waits."""
    writer = LineWriter(pipe.writer, capacity=4096)

    taken = fill(writer, pipe)

    assert writer.dropped == 1
    assert pipe.read_lines(taken) == [b"%07d" % number for number in range(taken)]
    writer.close()


def test_a_reader_that_comes_back_is_told_what_it_missed(pipe: Pipe) -> None:
    """In a line of its own, also when nothing more is logged."""
    writer = LineWriter(pipe.writer, capacity=4096, notice=notice)

    taken = fill(writer, pipe)

    assert b"1 dropped" in pipe.read_lines(taken + 1)
    writer.close()


def test_the_end_does_not_wait_for_a_stalled_reader(pipe: Pipe) -> None:
    """It gives up after the time it is given, and so does the interpreter's own end."""
    writer = LineWriter(pipe.writer, capacity=1 << 20)
    fill(writer, pipe)

    writer.close(timeout_s=0.01)

    assert writer.dropped == 1


def test_a_reader_that_is_gone_costs_lines_alone() -> None:
    """A broken pipe raises nothing."""
    reader, fd = os.pipe()
    os.close(reader)
    writer = LineWriter(fd)

    writer.write(b"to nobody\n")

    writer.close()
    assert writer.dropped == 1
    os.close(fd)


def test_a_pipe_that_does_not_block_loses_nothing(pipe: Pipe) -> None:
    """Somebody who shares it may have made it so."""
    os.set_blocking(pipe.writer, False)
    writer = LineWriter(pipe.writer)
    line = b"x" * 999 + b"\n"

    for _ in range(500):
        writer.write(line)

    assert pipe.read_lines(500) == [line[:-1]] * 500
    writer.close()
