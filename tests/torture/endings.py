"""How requests and processes end when the server itself ends: by SIGTERM, and by SIGKILL."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.support.server import Server, running_server
from tests.support.tokens import SECRET
from tests.torture.load import SEED, SteadyLoad
from tests.torture.processes import session
from tests.torture.report import Row

RANDOM = random.Random(SEED)

DRAIN_TIMEOUT_S = 3.0

# The server must exit within the timeout of the drain and this.
EXIT_GRACE_S = 2.0

# Every process must have ended so soon after the server was killed.
ORPHAN_LIMIT_S = 2.0


def drains(bundle: Path, bodies: Sequence[bytes], times: int, *, stalled: bool) -> Row:
    """SIGTERM under load; with `stalled`, beside clients that stop sending or reading."""
    row = Row(f"SIGTERM under load{', stalled clients' if stalled else ''}", times, allowed=(503,))
    took = []
    for _ in range(times):
        with running_server(bundle, drain_timeout_s=DRAIN_TIMEOUT_S) as server:
            server.journal.await_events(2, event="slot_state", state="ready")
            clients = stall(server) if stalled else []
            with SteadyLoad(server, bodies) as load:
                time.sleep(RANDOM.uniform(0.3, 0.6))
                began = time.monotonic()
                status = server.stop()
                took.append(time.monotonic() - began)
            for client in clients:
                client.close()
        load.tally.dropped = 0  # a server that drains refuses new connections
        row.tally.add(load.tally)
        if status != 0:
            row.failures.append(f"exit status {status}")
    row.note = f"exit after at most {max(took, default=0):.1f} s"
    if max(took, default=0) > DRAIN_TIMEOUT_S + EXIT_GRACE_S:
        row.failures.append(row.note)
    return row.judge()


def stall(server: Server) -> list[socket.socket]:
    """Open connections that stop in the middle: of the head, of the body, of reading a large answer."""
    half_head = socket.create_connection(server.address)
    half_head.sendall(b"POST /score HTTP/1.1\r\nHo")
    half_body = socket.create_connection(server.address)
    fields = "".join(f"{name}: {value}\r\n" for name, value in server.headers.items())
    half_body.sendall(f"POST /score HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: 999\r\n\r\nhalf".encode())
    return [half_head, half_body, server.begin(b"answer_of 50000000")]


def sudden_ends(bundle: Path, times: int, moment: str) -> Row:
    """SIGKILL the server while it is starting, idle or working; all of its processes must end."""
    row = Row(f"SIGKILL of the server, {moment}", times, note="detection: until the last process had ended")
    for _ in range(times):
        with launch(bundle) as process, ExitStack() as clients:
            if moment == "starting":
                time.sleep(RANDOM.uniform(0.0, 2.0))
            else:
                await_workers(process)
            if moment == "working":
                occupy(process, clients)
            began = time.monotonic()
            process.kill()
            left = end_session(process.pid, began + ORPHAN_LIMIT_S)
            row.detection_s.append(time.monotonic() - began)
        if left:
            row.failures.append(f"{left} processes live on")
    return row


def end_session(leader: int, until: float) -> int:
    """Wait until every process of a session has ended; kill those left at `until` and return how many."""
    while (left := session(leader)) and time.monotonic() < until:
        pass
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return len(left)


def launch(bundle: Path) -> "subprocess.Popen[str]":
    """Start a server as the leader of a session, so that all of its processes can be found."""
    settings = {"BUNDLE": bundle, "PORT": 0, "JWT_SECRET": SECRET, "WORKERS": 2}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.server_main", "--scripted"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **{f"SCOREPOOL_{name}": str(value) for name, value in settings.items()}},
        start_new_session=True,
        text=True,
    )


def await_workers(process: "subprocess.Popen[str]") -> None:
    """Read the log until both workers are ready."""
    assert process.stderr is not None
    ready = 0
    while ready < 2:
        ready += '"state":"ready"' in process.stderr.readline()


def occupy(process: "subprocess.Popen[str]", clients: ExitStack) -> None:
    """Give each worker a call that never ends; one of the calls holds the interpreter's lock."""
    server = Server(process)
    for busy, body in enumerate((b"hold_gil", b"hang"), start=1):
        clients.enter_context(server.begin(body))
        # One after the other, or both requests would be batched into one call.
        while sum(slot["state"] == "busy" for slot in server.status()["slots"]) < busy:
            pass
