"""What a worker prints becomes lines of the log, within bounds, and never blocks for long."""

import logging
import os
import threading
from collections.abc import Iterator

import pytest

from service.pool.worker_output import LINES_PER_S, MAX_LINE, OutputReader, WorkerOutput


class Lines(logging.Handler):
    """Keeps what is logged, and lets a test wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self._grown = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        with self._grown:
            self.records.append(record)
            self._grown.notify_all()

    def until(self, event: str, number: int = 1) -> list[logging.LogRecord]:
        """Wait for so many events; return them."""

        def found() -> list[logging.LogRecord]:
            return [record for record in self.records if record.msg == event]

        with self._grown:
            assert self._grown.wait_for(lambda: len(found()) >= number, 30)
        return found()


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Collect what the reader logs."""
    handler = Lines()
    logger = logging.getLogger("service.pool.worker_output")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(handler)


def said(record: logging.LogRecord) -> tuple[int, str]:
    """Return the slot and the line of a record."""
    return record.__dict__["slot"], record.__dict__["line"]


def test_lines_are_logged_with_their_slot(lines: Lines) -> None:
    """Also what has no end when its writer ends."""
    fd = OutputReader().open_pipe(3)[0]

    os.write(fd, b"one\n\ntwo")
    os.close(fd)

    assert [said(record) for record in lines.until("worker_output", 2)] == [(3, "one"), (3, "two")]


def test_a_line_may_come_in_pieces(lines: Lines) -> None:
    """As a process that flushes writes them."""
    fd = OutputReader().open_pipe(0)[0]

    os.write(fd, b"on")
    os.write(fd, b"e\n")

    assert said(lines.until("worker_output")[0]) == (0, "one")
    os.close(fd)


def test_a_long_line_is_cut(lines: Lines) -> None:
    """Its rest is not kept in memory."""
    fd = OutputReader().open_pipe(0)[0]

    for _ in range(100):
        os.write(fd, b"x" * 10_000)
    os.close(fd)

    assert said(lines.until("worker_output")[0]) == (0, "x" * MAX_LINE)


def test_what_is_no_text_is_shown_all_the_same(lines: Lines) -> None:
    """With marks for what is no UTF-8."""
    fd = OutputReader().open_pipe(0)[0]

    os.write(fd, b"\xff\xfe\n")
    os.close(fd)

    assert said(lines.until("worker_output")[0]) == (0, "\ufffd\ufffd")


def test_too_many_lines_are_counted(lines: Lines) -> None:
    """The first ones of a second are logged, and then how many were not."""
    fd = OutputReader().open_pipe(0)[0]

    os.write(fd, b"".join(b"%d\n" % number for number in range(LINES_PER_S + 1_000)))
    os.close(fd)

    dropped = lines.until("worker_output_dropped")
    assert sum(record.__dict__["lines"] for record in dropped) + len(lines.until("worker_output")) == (
        LINES_PER_S + 1_000
    )


def test_lines_that_are_not_logged_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that prints without end must not keep the event loop's thread from running."""
    looked_at: list[bytes] = []
    output = WorkerOutput(0)
    monkeypatch.setattr(output, "_log", lambda line, now: looked_at.append(line))
    monkeypatch.setattr(output, "_logged", LINES_PER_S - 1)
    output.report_dropped(0.0)

    output.take(b"one\n\n\ntwo\nthree\nfo", 0.5)
    output.take(b"ur\n", 1.5)

    assert looked_at == [b"one", b"four"]
