"""A running container of the service, and requests to it from outside."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from service.cli.issue_token import TokenClaims, sign_token
from tests.programs.image.engine import Engine
from tests.support.server import TIMEOUT_S
from tests.support.tokens import SECRET


class Service:
    """What answers at an address."""

    def __init__(self, host: str, port: int) -> None:
        self.address = host, port
        self.token = sign_token(SECRET, TokenClaims("ann", scope="status"))

    def headers(self, subject: str = "") -> dict[str, str]:
        """Return the headers of a request to /score."""
        token = sign_token(SECRET, TokenClaims(subject)) if subject else self.token
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def request(
        self, method: str, path: str, body: bytes | None = None, subject: str = ""
    ) -> tuple[int, Any]:
        """Return the status and the decoded JSON of an answer, on a connection of its own."""
        connection = http.client.HTTPConnection(*self.address, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body, self.headers(subject))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def score(self, body: bytes, subject: str = "") -> tuple[int, str]:
        """Return the status and the code of an answer of /score; the code of a result is empty."""
        status, answer = self.request("POST", "/score", body, subject)
        return status, answer.get("code", "")

    def slot(self) -> Any:
        """Return the first slot as /status describes it."""
        return self.request("GET", "/status")[1]["slots"][0]

    def await_ready(self) -> None:
        """Wait until `/readyz` answers 200. Raises: AssertionError."""
        end = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end:
            try:
                if self.request("GET", "/readyz")[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.1)
        raise AssertionError(f"not ready after {TIMEOUT_S:.0f} s")


class Container(Service):
    """A running container; its service is reached at a free port of 127.0.0.1."""

    def __init__(self, engine: Engine, name: str) -> None:
        host, _, port = engine("port", name, "8000").splitlines()[0].rpartition(":")
        super().__init__(host, int(port))
        self._engine = engine
        self.name = name

    def execute(self, *command: str) -> str:
        """Run a command inside and return what it printed. Raises: AssertionError where it fails."""
        return self._engine("exec", self.name, *command)

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the events of this name that its service has logged."""
        lines = self._engine("logs", self.name).splitlines()
        events = [json.loads(line) for line in lines if line.startswith("{")]
        return [event for event in events if event["event"] == name]

    def stop(self, seconds: int) -> int:
        """Stop it with so much time before it is killed; return its exit status."""
        self._engine("stop", "--time", str(seconds), self.name)
        return int(self._engine("inspect", "--format", "{{.State.ExitCode}}", self.name))


@contextmanager
def running(engine: Engine, image: str, *options: str) -> Iterator[Container]:
    """Run a container until the end of the block, from when it is ready."""
    published = ("--publish", "127.0.0.1::8000", "--env", f"SCOREPOOL_JWT_SECRET={SECRET}")
    name = engine("run", "--detach", *published, *options, image).splitlines()[-1]
    try:
        container = Container(engine, name)
        try:
            container.await_ready()
        except AssertionError as error:
            raise AssertionError(f"{error}: {engine('logs', name)[-600:]}") from error
        yield container
    finally:
        engine("rm", "--force", name)
