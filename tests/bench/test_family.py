"""All processes of a system are found and ended, however they were started."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from bench.family import MARK, Family, command_line, cpu_seconds, pss_bytes

# A process that starts a daemon with a session of its own, which says that it is up; both wait for ever.
DAEMON = "import signal; print('up', flush=True); signal.pause()"
PARENT = f"""
import signal, subprocess, sys
subprocess.Popen([sys.executable, "-c", {DAEMON!r}], start_new_session=True)
signal.pause()
"""


@pytest.fixture
def started() -> Iterator[tuple[Family, subprocess.Popen[bytes]]]:
    """Start a parent and its daemon; end what is left of them."""
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env={**os.environ, MARK: f"{mark}-0"},
        stdout=subprocess.PIPE,
    )
    family = Family(mark)
    with process:
        assert process.stdout
        process.stdout.readline()
        yield family, process
        family.end()


def test_a_daemon_belongs_to_the_family(started: tuple[Family, subprocess.Popen[bytes]]) -> None:
    """It is in a session of its own, but it carries the mark."""
    family, process = started

    assert process.pid in family.members()
    assert len(family.members()) == 2


def test_an_orphan_still_belongs_to_the_family(started: tuple[Family, subprocess.Popen[bytes]]) -> None:
    """Its parent was killed; it is what was left running."""
    family, process = started
    (daemon,) = set(family.members()) - {process.pid}

    process.kill()
    process.wait()

    assert family.members() == [daemon]


def test_the_end_leaves_nothing(started: tuple[Family, subprocess.Popen[bytes]]) -> None:
    """Parent and daemon are gone."""
    family, process = started

    family.end()
    process.wait()

    assert family.members() == []


def test_the_family_has_memory_and_a_name(started: tuple[Family, subprocess.Popen[bytes]]) -> None:
    """The proportional set size of two interpreters is some megabytes."""
    family, process = started

    assert family.pss_bytes() > 2**20
    assert command_line(process.pid).startswith(sys.executable)


def test_a_stranger_does_not_belong() -> None:
    """A family with another mark is empty."""
    assert Family(uuid.uuid4().hex).members() == []


def test_a_process_that_is_gone_uses_nothing() -> None:
    """Looking at it is no error: processes die while they are looked at."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()

    assert (pss_bytes(process.pid), cpu_seconds(process.pid), command_line(process.pid)) == (0, 0.0, "")
