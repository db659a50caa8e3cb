"""`scorepool serve` in a process of its own, and the tokens that it accepts."""

import functools
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import jwt

START_LIMIT_S = 60.0


@functools.cache
def secret() -> str:
    """Return the HMAC secret of this run, made on first use."""
    return secrets.token_hex(32)


def token(subject: str = "bench") -> str:
    """Return a token for one subject that outlasts the run."""
    claims = {"sub": subject, "aud": "scorepool", "exp": int(time.time()) + 6 * 3600}
    return jwt.encode(claims, secret(), algorithm="HS256")


class Server:
    """A server that is ready."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.process = process
        self.address = ("127.0.0.1", port)
        self.url = f"http://127.0.0.1:{port}"

    def resident_mib(self) -> float:
        """Return the resident memory of the server process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024

    def processor_s(self) -> float:
        """Return the seconds of processor time that the server process has used, without its workers."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        user, system = stat[stat.rindex(")") + 2 :].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def await_ready(self) -> None:
        """Ask `/readyz` until it answers with 200. Raises: TimeoutError after `START_LIMIT_S`."""
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"{self.url}/readyz", timeout=1) as answer:
                if answer.status == 200:
                    return
            time.sleep(0.02)
        raise TimeoutError(f"{self.url} was not ready after {START_LIMIT_S} s")


@contextmanager
def serving(bundle: Path, workers: int, **settings: object) -> Iterator[Server]:
    """Run a server with these settings until the end of the block; it is ready when the block begins."""
    port = free_ports(1)[0]
    given = {"bundle": bundle, "port": port, "workers": workers, "jwt_secret": secret(), **settings}
    environment = {f"SCOREPOOL_{name.upper()}": str(value) for name, value in given.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "serve"],
        env={**os.environ, **environment},
        stderr=subprocess.DEVNULL,
    )
    server = Server(process, port)
    try:
        server.await_ready()
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def free_ports(count: int) -> tuple[int, ...]:
    """Return distinct ports of 127.0.0.1 on which nothing listens at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        return tuple(int(listener.getsockname()[1]) for listener in sockets)
    finally:
        for listener in sockets:
            listener.close()
