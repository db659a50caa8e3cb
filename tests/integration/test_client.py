"""The client against the real service: results, deadlines, cancellation, connections; the fake beside it."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from bench.harness.documents import corpus
from scorepool_client import (
    AsyncClient,
    Client,
    DeadlineExceededError,
    Document,
    ScorepoolError,
    minted_with_secret,
    passing_on,
)
from scorepool_client.testing import FakeScorepool
from tests.support.heavy_documents import heavy_documents
from tests.support.server import Server, running_server
from tests.support.tokens import SECRET
from tests.torture.processes import resources

TEXTS = corpus()[:12]

TOKEN = minted_with_secret(SECRET, "search")


@pytest.fixture(scope="module")
def server(demo_bundle: Path) -> Iterator[Server]:
    """Run one server for all tests here; one worker, so that the slot of a call is known."""
    with running_server(demo_bundle, workers=1) as running:
        running.await_ready()
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """Return a client of it."""
    with Client(server.url, TOKEN) as made:
        yield made


def test_results_are_those_of_the_service(client: Client) -> None:
    """Every kind of similarity, in one model."""
    neighbours = client.score(TEXTS, neighbours=3)
    pairs = client.score(TEXTS, "pairs", threshold=-1)
    matrix = client.score(TEXTS, "matrix")

    assert neighbours.model == client.info().model
    assert [len(document.neighbours or ()) for document in neighbours.documents] == [3] * 12
    assert pairs.pairs is not None
    assert len(pairs.pairs) == 12 * 11 / 2
    assert {cluster.id for cluster in pairs.clusters} == {document.cluster for document in pairs.documents}
    np.testing.assert_allclose(client.similarity_matrix(TEXTS), np.array(matrix.matrix), atol=1e-6)


def test_many_documents_equal_one_request(client: Client) -> None:
    """Each document's scores do not depend on the request that it is in."""
    documents = [f"{text} {i}" for i, text in enumerate(TEXTS * 50)]

    many = client.score_many(documents).raise_for_failures()
    one = client.score(documents, "none")

    assert len(many.parts) == 3
    assert many.documents == one.documents


def shape(value: Any) -> Any:
    """Return the members and their types, without the values; of a list, those of its first entry."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return (
        "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
    )


@pytest.mark.parametrize(
    "body",
    [
        {"documents": ["storms storms", "storms rates"]},
        {
            "documents": [{"id": "a", "text": "storms storms"}, "storms rates"],
            "similarity": "pairs",
            "threshold": -1,
        },
        {"documents": ["storms storms", "storms rates"], "similarity": "matrix"},
        {"documents": ["storms"], "similarity": "none", "vectors": True},
        {"documents": ["...", "12"]},
        {"documents": []},
        {"documents": [5]},
        {"documents": ["a", {"id": "0", "text": "b"}]},
        {"documents": ["a"], "unknown": 1},
        {"documents": ["a"] * 1001},
        {"documents": ["a" * 262_145]},
        {"texts": ["a"]},
    ],
    ids=str,
)
def test_the_fake_answers_like_the_service(server: Server, body: object) -> None:
    """The same status, code and members."""
    headers = {"Authorization": f"Bearer {server.token}"}
    fake = httpx.Client(transport=FakeScorepool().transport())

    real = httpx.post(f"{server.url}/score", json=body, headers=headers)
    faked = fake.post("http://fake/score", json=body, headers=headers)

    assert faked.status_code == real.status_code
    assert faked.json().get("code") == real.json().get("code")
    found, expected = shape(faked.json()), shape(real.json())
    if real.status_code == 200:
        assert found == expected
    else:
        assert expected.keys() - {"errors"} <= found.keys()


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/livez"), ("GET", "/readyz"), ("POST", "/score"), ("GET", "/x")]
)
def test_the_fakes_other_answers_are_the_services(server: Server, method: str, path: str) -> None:
    """Probes, no token, no such path."""
    fake = httpx.Client(transport=FakeScorepool().transport())

    real = httpx.request(method, f"{server.url}{path}")
    faked = fake.request(method, f"http://fake{path}")

    assert (faked.status_code, shape(faked.json())) == (real.status_code, shape(real.json()))


def test_deadline_and_id_reach_the_service(server: Server, client: Client) -> None:
    """A call that runs too long ends at its caller's deadline, there and here, under the caller's id."""
    since = len(server.journal.events)
    headers = {"X-Request-ID": "caller-1", "X-Request-Timeout-Ms": "300"}
    documents = heavy_documents(1)

    with passing_on(headers), pytest.raises(DeadlineExceededError) as caught:
        client.score(documents)

    server.journal.await_events(1, since, event="request", request_id="caller-1")
    assert caught.value.status == 504
    server.journal.await_events(1, since, event="slot_ended", reason="deadline")


def test_cancelling_a_call_frees_its_slot(server: Server) -> None:
    """The service ends the work of a connection that is closed."""
    since = len(server.journal.events)
    documents = heavy_documents(2)

    async def cancelled() -> None:
        async with AsyncClient(server.url, TOKEN) as client:
            call = asyncio.create_task(client.score(documents, timeout=30))
            await asyncio.to_thread(server.busy_worker)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

    asyncio.run(cancelled())

    server.journal.await_events(1, since, event="slot_ended", reason="cancelled")
    with Client(server.url, TOKEN) as other:
        assert other.score(TEXTS).attempts == 1


def test_connections_are_used_again(server: Server) -> None:
    """Twenty calls in a row have one connection."""
    with Client(server.url, TOKEN) as client:
        before = resources(server.process.pid).open_files
        for _ in range(20):
            client.score(TEXTS)

        assert resources(server.process.pid).open_files <= before + 1


def test_a_kept_connection_that_the_service_closed_is_no_failure() -> None:
    """The request that crosses with the close is sent again on a new connection; on a new one it is not."""
    answer = b'{"model":{"name":"m","digest":"d"},"documents":[]}'
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(answer), answer)
    with scripted_connections([[whole, b""], [whole, whole, b""], [b""]]) as url, Client(url, "t") as client:
        assert [client.score(["a"]).attempts for _ in range(3)] == [1, 2, 1]
        with pytest.raises(ScorepoolError, match="connection_lost") as caught:
            client.score(["a"])

    assert caught.value.attempts == 2  # the first of them on the kept connection


@contextmanager
def scripted_connections(script: list[list[bytes]]) -> Iterator[str]:
    """Serve one connection after the other, each with these answers; an empty one closes it after the request."""
    program = (
        "import socket, sys\n"
        "listener = socket.create_server(('127.0.0.1', 0))\n"
        "print(listener.getsockname()[1], flush=True)\n"
        "for answers in eval(sys.argv[1]):\n"
        "    connection, _ = listener.accept()\n"
        "    for answer in answers:\n"
        "        while b'\"documents\"' not in connection.recv(65536): pass\n"
        "        connection.sendall(answer) if answer else connection.close()\n"
    )
    command = [sys.executable, "-c", program, repr(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def test_a_unix_socket(tmp_path: Path, demo_bundle: Path) -> None:
    """The service's application behind a socket that is a file."""
    path = tmp_path / "scorepool.sock"
    environment = {
        **os.environ,
        "SCOREPOOL_BUNDLE": str(demo_bundle),
        "SCOREPOOL_JWT_SECRET": SECRET,
        "SCOREPOOL_WORKERS": "1",
    }
    command = [sys.executable, "-m", "uvicorn", "--uds", str(path), "service.asgi:app"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            # httpcore leaves the socket of a refused connection to the garbage collector, which warns.
            while not path.exists():
                assert process.poll() is None
            with Client(f"unix:{path}", TOKEN) as client:
                parts = list(client.score_parts([Document("storms", "a")], timeout=30))
                assert [document.id for document in parts[0]] == ["a"]

                async def score() -> str:
                    async with AsyncClient(f"unix:{path}", TOKEN) as other:
                        return (await other.score(["storms"])).documents[0].id

                assert asyncio.run(score()) == "0"
        finally:
            process.terminate()
            process.wait(30)


def test_a_host_that_never_answers_is_given_up_in_time() -> None:
    """It accepts the connection and the request, and nothing comes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with Client(url, "t") as client, pytest.raises(DeadlineExceededError):
            client.score(["a"], timeout=0.2)
