"""Requests about jobs to a running server, as one client or another."""

import json
import random
import time
from collections.abc import Iterable, Mapping
from typing import Any

from service.cli.issue_token import TokenClaims, sign_token
from service.http.pages import sample_documents
from tests.support.server import TIMEOUT_S, Reply, Server
from tests.support.tokens import SECRET

NDJSON = "application/x-ndjson"


def texts(number: int, words: int = 40, seed: int = 1) -> list[str]:
    """Return different texts of so many words, each of two pieces of real stories."""
    source = random.Random(seed)
    stories = [story.split() for story in sample_documents()]
    cuts: dict[str, None] = {}
    while len(cuts) < number:
        pieces = [_piece(source.choice(stories), words // 2, source) for _ in range(2)]
        cuts[" ".join(pieces[0] + pieces[1])] = None
    return list(cuts)


def _piece(story: list[str], words: int, source: random.Random) -> list[str]:
    begin = source.randrange(max(1, len(story) - words))
    return story[begin : begin + words]


def corpus(texts: Iterable[str], prefix: str = "d") -> bytes:
    """Return texts as a corpus, called d0, d1, …."""
    lines = (json.dumps({"id": f"{prefix}{number}", "text": text}) for number, text in enumerate(texts))
    return "\n".join(lines).encode()


class JobsClient:
    """One client of a server."""

    def __init__(self, server: Server, subject: str = "ann", scope: str = "jobs") -> None:
        self._server = server
        self._headers = {"Authorization": f"Bearer {sign_token(SECRET, TokenClaims(subject, scope=scope))}"}

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send a request of any kind."""
        return self._server.request(method, path, body, {**self._headers, **(headers or {})})

    def post(self, body: bytes, query: str = "", kind: str = NDJSON, **headers: str) -> Reply:
        """Send a corpus; an underscore in a header's name is a hyphen."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(
            "POST", f"/jobs?{query}" if query else "/jobs", body, {"Content-Type": kind, **named}
        )

    def submit(self, body: bytes, query: str = "", **headers: str) -> str:
        """Send a corpus that is taken; return where its job is."""
        reply = self.post(body, query, **headers)
        assert reply.status == 201, reply.body
        return reply.headers["location"]

    def get(self, place: str) -> Any:
        """Return the decoded answer of a path."""
        reply = self.send("GET", place)
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    def await_state(self, place: str, *states: str) -> Any:
        """Wait until a job is in one of these states; return it."""
        end = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end:
            job = self.get(place)
            if job["state"] in states:
                return job
            time.sleep(0.02)
        raise TimeoutError(f"{place} is {job}")

    def await_result(self, place: str) -> list[Any]:
        """Wait until a job is done; return the documents of its result."""
        job = self.await_state(place, "done", "failed", "cancelled")
        assert job["state"] == "done", job["error"]
        return [json.loads(line) for line in self.send("GET", f"{place}/result").body.splitlines()]
