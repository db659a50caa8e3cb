"""A Scorepool server of its own for a benchmark, by its own command."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.bearer import bearer, secret


class Running:
    """A server that is ready: where it answers, and what it takes of the machine."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.process = process
        self.address = ("127.0.0.1", port)
        self.url = f"http://127.0.0.1:{port}"

    def token(self, subject: str) -> str:
        """Return a token for one subject."""
        return bearer(subject)["Authorization"].removeprefix("Bearer ")

    def memory_mib(self) -> float:
        """Return the resident memory of the server process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024


@contextmanager
def scorepool(bundle: Path, workers: int, **settings: object) -> Iterator[Running]:
    """Run `scorepool serve` until the end of the block; ready when it begins."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    given = {"bundle": bundle, "port": port, "workers": workers, "jwt_secret": secret(), **settings}
    environment = {f"SCOREPOOL_{name.upper()}": str(value) for name, value in given.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "serve"],
        env={**os.environ, **environment},
        stderr=subprocess.DEVNULL,
    )
    running = Running(process, port)
    try:
        await_ready(running)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def await_ready(running: Running, limit_s: float = 60.0) -> None:
    """Ask until it is ready.

    Raises: TimeoutError.
    """
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(f"{running.url}/readyz", timeout=1) as answer:
            if answer.status == 200:
                return
        time.sleep(0.02)
    raise TimeoutError(f"{running.url} was not ready after {limit_s} s")
