"""The real service for the test of a scorer: on a free port, with worker processes, until the end of a block.

    with serving("hashes:Scorer", workers=1) as service:
        answer = service.score({"text": "hello"})
    assert answer.json() == {"hash": "5d41"}

The server imports modules from where the test does. Settings in the environment do not reach it.
"""

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.cli.issue_token import TokenClaims, sign_token
from service.errors import StartError
from service.settings import PREFIX

# A scorer may load its model for a minute; the service's own `load_timeout_s` ends a start that takes longer.
START_LIMIT_S = 120.0

ANSWER_LIMIT_S = 60.0

_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer over HTTP."""

    status: int
    media_type: str
    body: bytes

    def json(self) -> Any:
        """Return the decoded body."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Service:
    """A service that is ready. The token has every scope; `log` is the file with the server's log, JSON lines."""

    host: str
    port: int
    token: str
    log: Path

    @property
    def url(self) -> str:
        """Return the address, without a path."""
        return f"http://{self.host}:{self.port}"

    def score(self, request: object, media_type: str = "application/json") -> Answer:
        """Send one request to `/score`: bytes as they are, anything else as JSON."""
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        return self.send("POST", "/score", body, media_type)

    def send(self, method: str, path: str, body: bytes | None = None, media_type: str = "") -> Answer:
        """Send a request of any kind, with the token, on a new connection."""
        headers = {"Authorization": f"Bearer {self.token}"}
        if body is not None:
            headers["Content-Type"] = media_type
        connection = http.client.HTTPConnection(self.host, self.port, timeout=ANSWER_LIMIT_S)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheader("Content-Type", ""), answer.read())
        finally:
            connection.close()


@contextmanager
def serving(
    scorer: str, model: Path | None = None, *, options: Sequence[str] = (), **settings: object
) -> Iterator[Service]:
    """Run `scorepool serve` with a scorer; the block begins when it is ready.

    options: further words of the command line. settings: by their names, such as `workers`.

    Raises: StartError with what the server said, where it does not start.
    """
    given = {
        "scorer": scorer,
        "port": 0,
        "jwt_secret": secrets.token_hex(32),
        "log_format": "json",
        **settings,
    }
    if model is not None:
        given["model"] = model
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as stream:
            process = subprocess.Popen(  # noqa: S603 - this interpreter, with the caller's own options
                [sys.executable, "-P", "-m", "service", "serve", *options],
                env=_environment() | {f"{PREFIX}{name.upper()}": str(value) for name, value in given.items()},
                stdin=subprocess.DEVNULL,
                stderr=stream,
            )
        try:
            host, port = _await_address(process, log)
            token = sign_token(str(given["jwt_secret"]), TokenClaims("test", scope="status admin"))
            service = Service(host, port, token, log)
            _await_ready(process, service)
            yield service
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(ANSWER_LIMIT_S)
            finally:
                process.kill()


def _environment() -> dict[str, str]:
    """Return this environment without settings, and with the places where this process finds modules.

    This package comes first: a module beside the scorer's may have its name.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    places = [str(Path(__file__).parents[1]), *(path or str(Path.cwd()) for path in sys.path)]
    return {**inherited, "PYTHONPATH": os.pathsep.join(places)}


def _await_address(process: "subprocess.Popen[bytes]", log: Path) -> tuple[str, int]:
    for _ in _while_starting(process, log):
        for line in log.read_text(errors="replace").splitlines():
            if '"listening"' in line and line.endswith("}"):
                host, _, port = json.loads(line)["address"].rpartition(":")
                return host, int(port)
    raise StartError(f"the service does not listen after {START_LIMIT_S:.0f} s")


def _await_ready(process: "subprocess.Popen[bytes]", service: Service) -> None:
    for _ in _while_starting(process, service.log):
        try:
            if service.send("GET", "/readyz").status == 200:
                return
        except OSError:
            pass  # it is bound and does not accept yet
    raise StartError(
        f"the service is not ready after {START_LIMIT_S:.0f} s; its log:\n{service.log.read_text()}"
    )


def _while_starting(process: "subprocess.Popen[bytes]", log: Path) -> Iterator[None]:
    """Yield again and again while the process may still start. Raises: StartError when it has ended."""
    end = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise StartError(f"the service ended with status {process.returncode}: {log.read_text().strip()}")
        yield
        time.sleep(_POLL_S)
