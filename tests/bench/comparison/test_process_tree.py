"""Every process of a system is found and ended, however it was started."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from bench.comparison.process_tree import MARK, ProcessTree, command_line, cpu_seconds, pss_bytes

# A process starts a daemon in a session of its own, which reports that it is up; both wait for ever.
DAEMON = "import signal; print('up', flush=True); signal.pause()"
PARENT = f"""
import signal, subprocess, sys
subprocess.Popen([sys.executable, "-c", {DAEMON!r}], start_new_session=True)
signal.pause()
"""


@pytest.fixture
def started() -> Iterator[tuple[ProcessTree, subprocess.Popen[bytes]]]:
    """Start a parent and its daemon; end what is left of them."""
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env={**os.environ, MARK: f"{mark}-0"},
        stdout=subprocess.PIPE,
    )
    tree = ProcessTree(mark)
    with process:
        assert process.stdout
        process.stdout.readline()
        yield tree, process
        tree.end()


def test_a_daemon_is_a_member(started: tuple[ProcessTree, subprocess.Popen[bytes]]) -> None:
    """It is in a session of its own, but its environment has the mark."""
    tree, process = started

    assert process.pid in tree.members()
    assert len(tree.members()) == 2


def test_an_orphan_is_still_a_member(started: tuple[ProcessTree, subprocess.Popen[bytes]]) -> None:
    """Its parent was killed; the daemon runs on."""
    tree, process = started
    (daemon,) = set(tree.members()) - {process.pid}

    process.kill()
    process.wait()

    assert tree.members() == [daemon]


def test_end_leaves_no_process(started: tuple[ProcessTree, subprocess.Popen[bytes]]) -> None:
    """Parent and daemon have ended."""
    tree, process = started

    tree.end()
    process.wait()

    assert tree.members() == []


def test_members_have_memory_and_a_command_line(started: tuple[ProcessTree, subprocess.Popen[bytes]]) -> None:
    """The proportional set size of two interpreters is some megabytes."""
    tree, process = started

    assert tree.pss_bytes() > 2**20
    assert command_line(process.pid).startswith(sys.executable)


def test_a_process_without_the_mark_is_no_member() -> None:
    """A tree with another mark is empty."""
    assert ProcessTree(uuid.uuid4().hex).members() == []


def test_a_process_that_has_ended_uses_nothing() -> None:
    """Reading it raises nothing: processes end between being found and being read."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()

    assert (pss_bytes(process.pid), cpu_seconds(process.pid), command_line(process.pid)) == (0, 0.0, "")
