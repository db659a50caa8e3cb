"""Lines are written in order; when the reader stalls, lines are dropped and the caller does not wait."""

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
        """Read until there are so many lines; return them."""
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
    """Return the line about so many dropped lines."""
    return b"%d dropped\n" % lines


def fill(writer: LineWriter, pipe: Pipe) -> int:
    """Write lines to a pipe that is not read until one is dropped; return how many were accepted."""
    accepted = 0
    while not writer.dropped:
        writer.write(b"%07d\n" % accepted)
        accepted += not writer.dropped
    return accepted


def test_lines_arrive_in_order(pipe: Pipe) -> None:
    """Each line is written once."""
    writer = LineWriter(pipe.writer)

    for number in range(1000):
        writer.write(b"%d\n" % number)

    assert pipe.read_lines(1000) == [b"%d" % number for number in range(1000)]
    writer.close()


def test_close_writes_the_waiting_lines(pipe: Pipe) -> None:
    """The last lines, which say why a server ended, are not lost."""
    writer = LineWriter(pipe.writer)
    writer.write(b"last line\n")

    writer.close()

    assert pipe.read_lines(1) == [b"last line"]


def test_nothing_is_written_after_close(pipe: Pipe) -> None:
    """A line that comes after `close` is dropped and counted."""
    writer = LineWriter(pipe.writer)
    writer.close()

    writer.write(b"too late\n")

    assert writer.dropped == 1


def test_a_stalled_reader_does_not_block_the_caller(pipe: Pipe) -> None:
    """Lines that do not fit into the buffer are dropped and counted; those before them are written."""
    writer = LineWriter(pipe.writer, capacity=4096)

    accepted = fill(writer, pipe)

    assert writer.dropped == 1
    assert pipe.read_lines(accepted) == [b"%07d" % number for number in range(accepted)]
    writer.close()


def test_a_notice_says_how_many_lines_were_dropped(pipe: Pipe) -> None:
    """Once the reader reads again, it gets the notice, even if nothing more is logged."""
    writer = LineWriter(pipe.writer, capacity=4096, notice=notice)

    accepted = fill(writer, pipe)

    assert b"1 dropped" in pipe.read_lines(accepted + 1)
    writer.close()


def test_close_does_not_wait_for_a_stalled_reader(pipe: Pipe) -> None:
    """`close` returns after its timeout; the thread does not delay the interpreter's exit either."""
    writer = LineWriter(pipe.writer, capacity=1 << 20)
    fill(writer, pipe)

    writer.close(timeout_s=0.01)

    assert writer.dropped == 1


def test_a_broken_pipe_raises_nothing() -> None:
    """Lines to a reader that is gone are dropped and counted."""
    reader, fd = os.pipe()
    os.close(reader)
    writer = LineWriter(fd)

    writer.write(b"unread\n")

    writer.close()
    assert writer.dropped == 1
    os.close(fd)


def test_a_non_blocking_pipe_loses_no_lines(pipe: Pipe) -> None:
    """Another process that shares the pipe may have made it non-blocking; every line is still written."""
    os.set_blocking(pipe.writer, False)
    writer = LineWriter(pipe.writer)
    line = b"x" * 999 + b"\n"

    for _ in range(500):
        writer.write(line)

    assert pipe.read_lines(500) == [line[:-1]] * 500
    writer.close()
