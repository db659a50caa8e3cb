"""What signals do to a server while it starts and while it serves, sent to it alone or to its process group."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.server import Server, running_server
from tests.support.tokens import SECRET
from tests.torture.processes import fork_server, resource_tracker, workers

# Becomes the leader of a session, takes the terminal of the first argument, and runs the command of the others.
WITH_TERMINAL = """\
import os, sys
os.setsid()
os.open(sys.argv[1], os.O_RDWR)
os.execvp(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_ends_the_server_drains(demo_bundle: Path, number: signal.Signals) -> None:
    """The request that runs is answered before the server exits with 0."""
    with (
        running_server(demo_bundle) as server,
        socket.create_connection(server.address, timeout=30) as client,
    ):
        server.await_ready()
        client.sendall(server.score_request(b"sleep 1.5"))
        server.busy_worker()
        server.process.send_signal(number)

        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        assert server.process.wait(30) == 0


def test_user_signals_are_ignored(demo_bundle: Path) -> None:
    """Each kind is logged once, however often it comes."""
    with running_server(demo_bundle) as server:
        server.await_ready()
        for number in (signal.SIGUSR1, signal.SIGUSR1, signal.SIGUSR2):
            server.process.send_signal(number)
            server.journal.await_events(event="signal_ignored")
        server.journal.await_events(event="signal_ignored", signal="SIGUSR2")

        assert server.score().status == 200
        assert server.stop() == 0
        assert [event["signal"] for event in server.journal.find(event="signal_ignored")] == [
            "SIGUSR1",
            "SIGUSR2",
        ]


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2]
)
def test_only_the_server_obeys_a_signal_to_the_group(demo_bundle: Path, number: signal.Signals) -> None:
    """A terminal signals every process at once: workers, fork server and resource tracker live on."""
    with running_server(demo_bundle) as server:
        server.await_ready()
        pid = server.process.pid
        others = [fork_server(pid), resource_tracker(pid), *workers(pid)]
        with socket.create_connection(server.address, timeout=30) as client:
            client.sendall(server.score_request(b"sleep 1.5"))
            server.busy_worker()

            for other in others:
                os.kill(other, number)

            assert client.recv(1000).startswith(b"HTTP/1.1 200")
        assert [fork_server(pid), resource_tracker(pid), *workers(pid)] == others
        assert server.stop() == 0


def test_hangups_that_were_ignored_stay_ignored(demo_bundle: Path) -> None:
    """As under nohup."""
    with running_server(demo_bundle, prefix=("nohup",)) as server:
        server.await_ready()
        server.process.send_signal(signal.SIGHUP)
        server.process.send_signal(signal.SIGUSR1)
        server.journal.await_events(event="signal_ignored")

        assert server.score().status == 200
        assert not server.journal.find(event="drain_started")
        assert not server.journal.find(event="reload_started")
        assert server.stop() == 0


@contextmanager
def server_with_terminal(bundle: Path) -> Iterator[tuple[Server, Callable[[], None]]]:
    """Run a server that leads a session with a terminal; yield it and what closes the terminal."""
    ours, theirs = os.openpty()
    with ExitStack() as opened:
        opened.callback(os.close, theirs)
        closing = opened.enter_context(ExitStack())
        closing.callback(os.close, ours)
        prefix = (sys.executable, "-c", WITH_TERMINAL, os.ttyname(theirs))
        server = opened.enter_context(running_server(bundle, prefix=prefix))
        server.await_ready()
        yield server, closing.close


def test_the_end_of_its_terminal_ends_the_server(demo_bundle: Path) -> None:
    """As it ends other programs in the foreground, whose SIGHUP means nothing else; after a drain."""
    with server_with_terminal(demo_bundle) as (server, close_terminal):
        close_terminal()

        assert server.process.wait(30) == 0
        server.journal.await_events(event="drain_ended")
        assert not server.journal.find(event="reload_started")


def test_a_hangup_on_a_terminal_that_is_there_reloads(demo_bundle: Path) -> None:
    """It came from `kill`."""
    with server_with_terminal(demo_bundle) as (server, _):
        server.process.send_signal(signal.SIGHUP)
        server.journal.await_events(event="reload_unchanged")

        assert server.stop() == 0


def test_a_stopped_fork_server_is_replaced(demo_bundle: Path) -> None:
    """Workers come back although the start of one never reaches its time limit."""
    with running_server(demo_bundle, workers=1) as server:
        server.await_ready()
        pid = server.process.pid
        stopped, [worker] = fork_server(pid), workers(pid)
        seen = len(server.journal.events)

        os.kill(stopped, signal.SIGSTOP)
        os.kill(worker, signal.SIGKILL)
        server.journal.await_events(since=seen, event="slot_state", state="ready")

        assert fork_server(pid) != stopped
        assert server.score().status == 200


# Modules whose import takes a part of the start, from its beginning to its end, and then the server's own events.
MOMENTS = (
    "click",
    "service.settings",
    "numpy",
    "uvicorn",
    "service.app",
    '"starting"',
    '"listening"',
    '"ready"',
)


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_interrupt_while_it_starts_ends_the_server_quietly(demo_bundle: Path, moment: str) -> None:
    """It exits with 130, or with 0 once there is something to drain, and prints no traceback."""
    command = [
        sys.executable,
        "-X",
        "importtime",
        "-m",
        "service",
        "serve",
        "--port",
        "0",
        "--log-format",
        "json",
    ]
    environment = {**os.environ, "SCOREPOOL_BUNDLE": str(demo_bundle), "SCOREPOOL_JWT_SECRET": SECRET}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                said.append(line)
                if moment in line:
                    break
            process.send_signal(signal.SIGINT)
            said += process.stderr.readlines()

            assert process.wait(30) in {0, 130}
            assert not [line for line in said if "Traceback" in line or "KeyboardInterrupt" in line]
        finally:
            process.kill()
