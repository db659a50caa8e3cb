"""Calls an ASGI application without a network: makes its scope and its `receive`, and collects what it sends."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope

from service.api.problems import PROBLEMS

Headers = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass
class Reply:
    """An answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


def http_scope(method: str, path: str, headers: Headers = ()) -> Scope:
    """Return the scope of a request."""
    items = headers.items() if isinstance(headers, Mapping) else headers
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in items],
        "state": {},
    }


async def call_app(app: ASGIApp, scope: Scope, receive: Receive) -> Reply | None:
    """Call `app` with one request; return its answer, None where it sent nothing."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    if not sent:
        return None
    assert [message["type"] for message in sent] == ["http.response.start"] + ["http.response.body"] * (
        len(sent) - 1
    )
    headers = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    assert len(headers) == len(sent[0]["headers"]), "a header was sent twice"
    return Reply(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))


def receive_of(*pieces: bytes, then: Callable[[], Awaitable[Message]] | None = None) -> Receive:
    """Return a `receive` that gives a body in pieces, and afterwards calls `then`, by default `never_receive`."""
    waiting = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    waiting[-1]["more_body"] = False

    async def receive() -> Message:
        if waiting:
            return waiting.pop(0)
        if then is not None:
            return await then()
        return await never_receive()

    return receive


async def never_receive() -> Message:
    """Wait without end, as for a client that sends nothing more."""
    never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
    return await never


def code_of(reply: Reply) -> str:
    """Return the code of a problem; fail unless its body is complete and agrees with its status."""
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json
    assert problem["status"] == reply.status == PROBLEMS[problem["code"]].status
    assert problem["type"] == f"urn:scorepool:problem:{problem['code']}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == reply.headers["x-request-id"]
    code: str = problem["code"]
    return code
