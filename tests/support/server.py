"""The real server in a process of its own, its log, and requests to it."""

import http.client
import json
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, NamedTuple
from urllib.parse import urlsplit

from bench.harness.load_generator import score_request
from service.cli.issue_token import TokenClaims, sign_token
from service.cli.unix_connection import UnixConnection
from tests.support.prometheus_samples import Samples, parse_samples
from tests.support.tokens import SECRET

# Far longer than a server takes for anything that a test waits for.
TIMEOUT_S = 30.0

DOCUMENTS = json.dumps(
    {"documents": ["Storms close the harbour", "Harbour shut by gales", "Rates rise again xqzw"]}
).encode()


class Reply(NamedTuple):
    """An answer over HTTP; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """Return the code of a problem."""
        code: str = json.loads(self.body)["code"]
        return code


class Journal:
    """The log of a server, read by a thread: its events, and the lines that are not JSON."""

    def __init__(self, stream: IO[str]) -> None:
        self.events: list[dict[str, Any]] = []
        self.other_lines: list[str] = []
        self._stream = stream
        self._grown = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Read nothing of the log for as long as the context lasts."""
        with self._grown:
            yield

    def _read(self) -> None:
        for line in self._stream:
            with self._grown:
                try:
                    self.events.append(json.loads(line))
                except ValueError:
                    self.other_lines.append(line)
                self._grown.notify_all()

    def find(self, since: int = 0, **fields: object) -> list[dict[str, Any]]:
        """Return the events that have all of these fields, without the first `since` events."""
        return [event for event in self.events[since:] if fields.items() <= event.items()]

    def await_events(self, number: int = 1, since: int = 0, **fields: object) -> list[dict[str, Any]]:
        """Wait until `find` returns at least `number` events; return them."""
        with self._grown:
            if not self._grown.wait_for(lambda: len(self.find(since, **fields)) >= number, TIMEOUT_S):
                raise TimeoutError(f"not logged {number} times: {fields}")
        return self.find(since, **fields)


class Server:
    """A running server: its process, its log and its address."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.journal = Journal(process.stderr)
        self.url = process.stdout.readline().strip()
        self.token = sign_token(SECRET, TokenClaims("ann", scope="status admin"))

    @property
    def address(self) -> tuple[str, int]:
        """Return the host and the port."""
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of a valid request, whose token has every scope."""
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send one request on a new connection, without a token unless `headers` has one."""
        connection = self.http_connection()
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            fields = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, fields, answer.read())
        finally:
            connection.close()

    def http_connection(self) -> http.client.HTTPConnection:
        """Return a connection, not opened yet; of TLS the certificate is not verified."""
        if self.url.startswith("unix:"):
            return UnixConnection(self.url.removeprefix("unix:"), TIMEOUT_S)
        if self.url.startswith("https:"):
            context = ssl._create_unverified_context()
            return http.client.HTTPSConnection(*self.address, timeout=TIMEOUT_S, context=context)
        return http.client.HTTPConnection(*self.address, timeout=TIMEOUT_S)

    def score(self, body: bytes = DOCUMENTS, **headers: str) -> Reply:
        """Send a body to /score with a valid token; an underscore in a header's name is a hyphen."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", "/score", body, self.headers | given)

    @property
    def header_lines(self) -> str:
        """Return `headers` as they are sent."""
        return "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())

    def score_request(self, body: bytes, **headers: str) -> bytes:
        """Return the bytes of the request that `score` sends."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return score_request(body, self.headers | given)

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection(self.address, TIMEOUT_S)

    def begin(self, body: bytes, **headers: str) -> socket.socket:
        """Send a request as `score` does and return its connection, without waiting for the answer."""
        connection = self.connect()
        connection.sendall(self.score_request(body, **headers))
        return connection

    def await_ready(self, workers: int = 1) -> None:
        """Wait until so many workers have become ready since the start."""
        self.journal.await_events(workers, event="slot_state", state="ready")

    def busy_worker(self) -> int:
        """Poll /status until a slot is busy; return its worker's process id."""
        while True:
            for slot in self.status()["slots"]:
                if slot["state"] == "busy":
                    pid: int = slot["pid"]
                    return pid

    def await_queue(self, jobs: int) -> None:
        """Poll /status until so many jobs wait."""
        while self.status()["queue"]["jobs"] < jobs:
            pass

    def pause_until_exit_of(self, pid: int) -> None:
        """Stop the server with SIGSTOP until the process `pid` has ended, then continue it."""
        worker = os.pidfd_open(pid)
        try:
            self.process.send_signal(signal.SIGSTOP)
            select.select([worker], [], [], TIMEOUT_S)
            self.process.send_signal(signal.SIGCONT)
        finally:
            os.close(worker)

    def metrics(self) -> Samples:
        """Return the samples of /metrics."""
        return parse_samples(self.request("GET", "/metrics").body)

    def status(self) -> Any:
        """Return the decoded answer of /status."""
        return json.loads(self.request("GET", "/status", headers=self.headers).body)

    def stop(self) -> int:
        """Send SIGTERM, read the rest of the log, and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(TIMEOUT_S)
        self.journal.reader.join(TIMEOUT_S)
        return status


@contextmanager
def running_server(
    bundle: Path,
    *,
    scripted: bool = True,
    prefix: Sequence[str] = (),
    environment: Mapping[str, str] = MappingProxyType({}),
    **settings: object,
) -> Iterator[Server]:
    """Run a server with these settings on a free port.

    scripted: its workers also execute commands in bodies. prefix: a command that runs the server's. environment:
    further variables.
    """
    given = {"bundle": bundle, "port": 0, "jwt_secret": SECRET, "workers": 2, **settings}
    variables = {f"SCOREPOOL_{name.upper()}": str(value) for name, value in given.items()}
    with subprocess.Popen(
        [*prefix, sys.executable, "-m", "tests.support.server_main", *(["--scripted"] if scripted else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **variables, **environment},
        text=True,
    ) as process:
        server = Server(process)
        try:
            yield server
            if process.poll() is None:
                server.stop()
        finally:
            process.kill()


@contextmanager
def serving(name: str, **settings: object) -> Iterator[Server]:
    """Run a server with one of the scorers of `tests.support.scorers`, with one worker unless `settings` say more."""
    reference = f"tests.support.scorers:{name}"
    given = {"workers": 1, "scorer": reference, **settings}
    variables = {f"SCOREPOOL_{key.upper()}": str(value) for key, value in given.items()}
    with running_server(Path("unused"), scripted=False, environment=variables) as server:
        yield server
