"""The application under a plain uvicorn: it scores, drains and leaves no process behind."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.cli.issue_token import TokenClaims, sign_token
from tests.support.server import DOCUMENTS, TIMEOUT_S
from tests.support.tokens import SECRET
from tests.torture.processes import session

GET = b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

# Prints how many threads and children there are after the import, which needs no settings.
IMPORT = """
import threading, service.asgi
print(threading.active_count(), open(f"/proc/self/task/{threading.get_native_id()}/children").read().split())
"""


def exchange(address: tuple[str, int], request: bytes) -> bytes:
    """Send one request on a connection of its own; return the whole answer."""
    with socket.create_connection(address, TIMEOUT_S) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def settings(bundle: Path) -> dict[str, str]:
    """Return an environment with the settings of a server."""
    own = {"SCOREPOOL_BUNDLE": str(bundle), "SCOREPOOL_JWT_SECRET": SECRET, "SCOREPOOL_WORKERS": "2"}
    return {**os.environ, **own}


@contextmanager
def uvicorn(target: Sequence[str], bundle: Path) -> Iterator[tuple["subprocess.Popen[str]", tuple[str, int]]]:
    """Run uvicorn until the end; return its process, and its address once a worker is ready."""
    command = [sys.executable, "-m", "uvicorn", *target, "--port", "0"]
    with subprocess.Popen(
        command, env=settings(bundle), stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if "running on" in line)
            address = "127.0.0.1", int(line.partition("http://127.0.0.1:")[2].split()[0])
            while b" 200 " not in exchange(address, GET % b"/readyz"):
                pass
            yield process, address
        finally:
            process.kill()


def score_head() -> bytes:
    """Return the head of a request to /score."""
    token = sign_token(SECRET, TokenClaims("ann"))
    return (
        f"POST /score HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(DOCUMENTS)}\r\n\r\n"
    ).encode()


@pytest.mark.parametrize("target", [["--factory", "service.asgi:create"], ["service.asgi:app"]])
def test_it_scores_and_drains_under_uvicorn(demo_bundle: Path, target: list[str]) -> None:
    """A request whose body is still coming at SIGTERM is answered, and then every process ends."""
    with uvicorn(target, demo_bundle) as (process, address):
        answer = exchange(address, score_head() + DOCUMENTS)

        assert len(json.loads(answer.partition(b"\r\n\r\n")[2])["documents"]) == 3
        with socket.create_connection(address, TIMEOUT_S) as client:
            client.sendall(score_head() + DOCUMENTS[:10])
            exchange(address, GET % b"/livez")
            process.send_signal(signal.SIGTERM)
            while connects(address):
                pass
            client.sendall(DOCUMENTS[10:])
            assert client.recv(1000).startswith(b"HTTP/1.1 200")
        process.communicate()
        while session(process.pid):
            pass


def connects(address: tuple[str, int]) -> bool:
    """Return whether the server accepts connections."""
    try:
        socket.create_connection(address, TIMEOUT_S).close()
    except ConnectionError:
        return False
    return True


def test_the_import_starts_nothing() -> None:
    """No thread, no process, and no setting is needed."""
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "1 []"
