"""A canary in each part of a request appears in no answer, log, metric or status."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.cli.issue_token import TokenClaims, sign_token
from tests.support.server import Server, running_server
from tests.support.tokens import SECRET

CANARY = "canaryqxzv"

TOKEN = sign_token(SECRET, TokenClaims("ann", scope="status"))

# The part of a token without which it is worth nothing.
SIGNATURE = TOKEN.rpartition(".")[2]

CONCEALED = (CANARY, SIGNATURE, SECRET)

GOOD = json.dumps({"documents": [{"id": "a", "text": CANARY}, f"{CANARY} again"]}).encode()


def raw(data: bytes) -> Callable[[Server], bytes]:
    """Return a function that sends bytes and reads the answer."""

    def send(server: Server) -> bytes:
        with socket.create_connection(server.address, timeout=30) as connection:
            connection.sendall(data)
            return connection.recv(65536)

    return send


def scored(body: bytes, **headers: str) -> Callable[[Server], bytes]:
    """Return a function that sends a request to /score, with a valid token unless another is given."""

    def send(server: Server) -> bytes:
        reply = server.score(body, **{"Authorization": f"Bearer {TOKEN}", **headers})
        return repr((reply.status, reply.headers)).encode() + reply.body

    return send


def requested(method: str, path: str, **headers: str) -> Callable[[Server], bytes]:
    """Return a function that sends a request without a body."""

    def send(server: Server) -> bytes:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = server.request(method, path, headers=given)
        return repr((reply.status, reply.headers)).encode() + reply.body

    return send


REQUESTS: dict[str, Callable[[Server], bytes]] = {
    "scored": scored(GOOD),
    "another claim": scored(
        GOOD, Authorization=f"Bearer {sign_token(SECRET, TokenClaims(CANARY, audience='other'))}"
    ),
    "another secret": scored(GOOD, Authorization=f"Bearer {sign_token(SECRET + CANARY, TokenClaims('ann'))}"),
    "broken token": scored(GOOD, Authorization=f"Bearer {TOKEN}{CANARY}"),
    "token twice": scored(GOOD, Authorization=f"Bearer {TOKEN} {CANARY}"),
    "another scheme": scored(GOOD, Authorization=f"Basic {CANARY}"),
    "not JSON": scored(GOOD[:-1]),
    "not UTF-8": scored(GOOD.replace(b"again", b"\xff")),
    "text as text": scored(json.dumps(CANARY).encode()),
    "documents as text": scored(json.dumps({"documents": CANARY}).encode()),
    "id of the wrong type": scored(json.dumps({"documents": [{"id": [CANARY], "text": CANARY}]}).encode()),
    "id too long": scored(json.dumps({"documents": [{"id": CANARY * 30, "text": "a"}]}).encode()),
    "same ids": scored(json.dumps({"documents": [{"id": CANARY, "text": "a"}] * 2}).encode()),
    "option as text": scored(json.dumps({"documents": ["a"], "similarity": CANARY}).encode()),
    "text too long": scored(json.dumps({"documents": [CANARY * 30_000]}).encode()),
    "too many": scored(json.dumps({"documents": [CANARY] * 1_001}).encode()),
    "another type": scored(GOOD, Content_Type=f"text/{CANARY}"),
    "not accepted": scored(GOOD, Accept=f"text/{CANARY}"),
    "encoded": scored(GOOD, Content_Encoding=CANARY),
    "no time": scored(GOOD, X_Request_Timeout_Ms=CANARY),
    "no id": scored(GOOD, X_Request_ID=f"<{CANARY}>"),
    "deadline": scored(f"sleep 5\n{CANARY}".encode(), X_Request_Timeout_Ms="100"),
    "fault in the worker": scored(f"fail {CANARY}".encode()),
    "fault that no pickle knows": scored(f"fail_unpicklably {CANARY}".encode()),
    "crash": scored(f"segfault {CANARY}".encode()),
    "crash again": scored(f"segfault {CANARY}".encode()),
    "no such path": requested("GET", f"/{CANARY}?token={SIGNATURE}"),
    "token in the query": requested("GET", f"/status?access_token={TOKEN}"),
    "no such method": requested("DELETE", f"/score?{CANARY}"),
    "headers of all kinds": requested(
        "GET", "/livez", Referer=CANARY, User_Agent=CANARY, Cookie=CANARY, Origin=CANARY
    ),
    "rubbish": raw(f"{CANARY}\r\n\r\n".encode()),
    "rubbish in a field": raw(f"GET / HTTP/1.1\r\nHost: a\r\n{CANARY}\r\n\r\n".encode()),
    "too many fields": raw(b"GET / HTTP/1.1\r\n" + f"X: {CANARY}\r\n".encode() * 100 + b"\r\n"),
    "rubbish in chunks": raw(
        f"POST /score HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{CANARY}\r\n".encode()
    ),
}


@pytest.fixture(scope="module")
def server(demo_bundle: Path) -> Iterator[Server]:
    """Run a server that logs at the level debug."""
    with running_server(demo_bundle, log_level="debug") as server:
        server.await_ready()
        yield server


@pytest.mark.parametrize("name", REQUESTS)
def test_the_canary_is_never_shown(server: Server, name: str) -> None:
    """It is not in the answer, the log, the metrics, the status or `/info`."""
    answer = REQUESTS[name](server)

    # An answer repeats the ids of its documents, as the contract says, and no text.
    outputs = [answer, server.request("GET", "/metrics").body, server.request("GET", "/info").body]
    outputs.append(json.dumps(server.status()).encode())
    outputs.append(json.dumps(server.journal.events).encode())
    for text in outputs:
        for secret in CONCEALED:
            assert secret.encode() not in text


def test_the_canary_is_not_in_the_whole_log(demo_bundle: Path) -> None:
    """The log is that of a server that got every request, from its start to its end."""
    with running_server(demo_bundle, log_level="debug") as server:
        for send in REQUESTS.values():
            send(server)
        assert server.stop() == 0

        log = json.dumps(server.journal.events)
    assert len(server.journal.events) > len(REQUESTS)
    assert not [secret for secret in CONCEALED if secret in log]
