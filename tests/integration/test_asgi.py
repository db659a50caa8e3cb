"""The application under a plain uvicorn: it scores, drains and leaves no process behind."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.server import DOCUMENTS, TIMEOUT_S
from tests.support.tokens import SECRET
from tests.torture.processes import is_alive, session

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


@pytest.mark.parametrize("target", [["--factory", "service.asgi:create"], ["service.asgi:app"]])
def test_it_scores_and_drains_under_uvicorn(demo_bundle: Path, target: list[str]) -> None:
    """A request whose body is still coming at SIGTERM is answered, and then every process ends."""
    command = [sys.executable, "-m", "uvicorn", *target, "--port", "0"]
    environment = {
        **os.environ,
        "SCOREPOOL_BUNDLE": str(demo_bundle),
        "SCOREPOOL_JWT_SECRET": SECRET,
        "SCOREPOOL_WORKERS": "2",
    }
    token = subprocess.run(
        [sys.executable, "-m", "service", "token", "--subject", "ann"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    head = (
        f"POST /score HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(DOCUMENTS)}\r\n\r\n"
    ).encode()
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if "running on" in line)
            parts = urlsplit(next(word for word in line.split() if word.startswith("http://")))
            assert parts.hostname is not None
            assert parts.port is not None
            address = parts.hostname, parts.port
            while b" 200 " not in exchange(
                address, b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            ):
                pass

            answer = exchange(address, head + DOCUMENTS)

            assert len(json.loads(answer.partition(b"\r\n\r\n")[2])["documents"]) == 3
            with socket.create_connection(address, TIMEOUT_S) as client:
                client.sendall(head + DOCUMENTS[:10])
                exchange(address, b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                process.send_signal(signal.SIGTERM)
                while any(connects(address) for _ in range(10)):
                    pass
                client.sendall(DOCUMENTS[10:])
                assert client.recv(1000).startswith(b"HTTP/1.1 200")
            process.stderr.read()
            process.wait(TIMEOUT_S)
            while any(map(is_alive, session(process.pid))):
                pass
        finally:
            process.kill()


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
