"""Both clients against the fake: every call of theirs, and large sets."""

import asyncio
import itertools
import json
import logging
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest

from scorepool_client import (
    AsyncClient,
    AuthenticationError,
    Client,
    DeadlineExceededError,
    Document,
    DocumentScore,
    FailedDocument,
    InvalidRequestError,
    PartialFailureError,
    Progress,
    ServerError,
    UnreachableError,
)
from scorepool_client.testing import FakeLimits, FakeScorepool
from tests.support.client_shells import SHELLS, MakeClient

TEXTS = ["Storms close the harbour", "the harbour closed by storms", "Rates rise"]


@pytest.fixture(params=SHELLS, ids=["threads", "tasks"])
def connect(request: pytest.FixtureRequest) -> MakeClient:
    """Return what makes a client of each kind."""
    shell: MakeClient = request.param
    return shell


@pytest.fixture
def fake() -> FakeScorepool:
    """Return a service that works."""
    return FakeScorepool()


def test_each_similarity_has_its_members(fake: FakeScorepool, connect: MakeClient) -> None:
    """What was not asked for is None."""
    client = connect(fake)

    neighbours = client.score(TEXTS, neighbours=1)
    pairs = client.score(TEXTS, "pairs", threshold=0.5)
    matrix = client.score(TEXTS, "matrix")
    none = client.score([Document("a b", "x")], "none", vectors=True)

    assert neighbours.documents[0].neighbours[0].id == "1"
    assert (neighbours.pairs, neighbours.matrix, neighbours.truncated) == (None, None, None)
    assert [(pair.a, pair.b) for pair in pairs.pairs] == [("0", "1")]
    assert pairs.truncated is False
    assert len(matrix.matrix) == len(matrix.matrix[0]) == 3
    assert none.documents[0].id == "x"
    assert none.documents[0].neighbours is None
    assert len(none.documents[0].vector) == 64


def test_the_matrix_is_an_array(fake: FakeScorepool, connect: MakeClient) -> None:
    """The same numbers as in JSON."""
    client = connect(fake)

    matrix = client.similarity_matrix(TEXTS)

    assert matrix.dtype == np.float32
    np.testing.assert_allclose(matrix, client.score(TEXTS, "matrix").matrix, atol=1e-6)


def test_what_is_asked_is_what_is_sent(fake: FakeScorepool, connect: MakeClient) -> None:
    """Options that were not given are left to the service."""
    connect(fake).score(["a", Document("b", "x")], "pairs", threshold=0.25, timeout=3)

    sent = fake.requests[0]
    assert json.loads(sent.body) == {
        "documents": ["a", {"id": "x", "text": "b"}],
        "similarity": "pairs",
        "threshold": 0.25,
    }
    assert 0 < int(sent.headers["x-request-timeout-ms"]) <= 3000


def test_text_of_any_kind_arrives(fake: FakeScorepool, connect: MakeClient) -> None:
    """As it is, in UTF-8."""
    texts = ['Überfall 🦀 \u0000 "quoted" \\ \u2028', ""]

    connect(fake).score(texts)

    assert fake.requests[0].documents == texts
    assert "Überfall 🦀".encode() in fake.requests[0].body


def test_one_text_in_place_of_several_is_refused(fake: FakeScorepool, connect: MakeClient) -> None:
    """Its characters would be scored."""
    client = connect(fake)

    with pytest.raises(TypeError, match="put it into a list"):
        client.score("Storms close the harbour")
    with pytest.raises(TypeError, match="put it into a list"):
        client.score_many("Storms close the harbour")


def test_faults_of_the_service_are_exceptions(fake: FakeScorepool, connect: MakeClient) -> None:
    """With the problem's fields."""
    client = connect(fake)
    fake.fail("worker_crashed")
    fake.delay(60)

    with pytest.raises(ServerError, match="worker_crashed"):
        client.score(TEXTS)
    with pytest.raises(DeadlineExceededError) as late:
        client.score(TEXTS)
    with pytest.raises(InvalidRequestError) as invalid:
        client.score([Document("a", "1"), "b"])

    assert late.value.status == 504
    assert invalid.value.errors[0].pointer == "/documents/1"


def test_a_restart_is_waited_out(fake: FakeScorepool, connect: MakeClient) -> None:
    """A refused connection and a refusal with Retry-After, one after the other."""
    fake.refuse_connections()
    fake.fail("starting", retry_after_s=2)

    assert connect(fake).score(TEXTS).attempts == 3


def test_many_documents_come_back_in_order(fake: FakeScorepool, connect: MakeClient) -> None:
    """From an iterator, in several requests, with ids of their own or their positions."""
    documents = (Document(f"word {i}", f"own{i}") if i % 2 else f"word {i}" for i in range(1_001))
    told: list[Progress] = []

    scores = connect(fake).score_many(documents, on_progress=told.append)

    assert [document.id for document in scores.documents] == [
        f"own{i}" if i % 2 else str(i) for i in range(1_001)
    ]
    assert len(fake.requests) == 5
    assert told[-1] == Progress(1_001, 0, None)
    assert scores.raise_for_failures() is scores
    assert repr(scores) == "<ManyScores 1001 documents scored, 0 failed>"


def test_one_failed_part_is_data(
    fake: FakeScorepool, connect: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are not lost with it, each document has its place, and the log says how many are missing."""
    fake.fail("internal_error")
    told: list[Progress] = []

    scores = connect(fake).score_many(
        [f"word {i}" for i in range(600)], on_progress=told.append, concurrency=1
    )

    kinds = [type(document) for document in scores.documents]
    assert kinds == [FailedDocument] * 250 + [DocumentScore] * 350
    assert told == [Progress(0, 250, 600), Progress(250, 250, 600), Progress(350, 250, 600)]
    assert (logging.ERROR, "250 of 600 documents were not scored") in [
        (record.levelno, record.getMessage()) for record in caplog.records
    ]
    with pytest.raises(PartialFailureError, match="250 of 600") as caught:
        scores.raise_for_failures()
    assert caught.value.scores is scores
    assert isinstance(caught.value.__cause__, ServerError)


def test_a_document_that_is_too_large_fails_alone(connect: MakeClient) -> None:
    """For the document and for the body; parts are within every limit."""
    fake = FakeScorepool(limits=FakeLimits(max_documents=7, max_document_bytes=50, max_body_bytes=400))
    sizes = [3, 30, 51, 3, 500, 3, *[40] * 30]

    scores = connect(fake).score_many("ü" * (size // 2) + "x" * (size % 2) for size in sizes)

    failed = [i for i, document in enumerate(scores.documents) if isinstance(document, FailedDocument)]
    assert failed == [2, 4]
    assert {part.error.code for part in scores.failures} == {"document_too_large", "body_too_large"}
    assert max(len(request.documents) for request in fake.requests) <= 7


def test_a_part_waits_while_the_service_is_down(fake: FakeScorepool, connect: MakeClient) -> None:
    """More failures than open the circuit, and than one call repeats."""
    fake.refuse_connections(times=8)
    fake.fail("overloaded", times=3)

    scores = connect(fake).score_many(TEXTS, timeout=60)

    assert scores.failed == 0


def test_a_refused_token_ends_the_sending(connect: MakeClient) -> None:
    """A thousand parts would not get a better answer; none is left out of the result."""
    fake = FakeScorepool(token="right")

    scores = connect(fake, "wrong").score_many([f"word {i}" for i in range(5_000)], concurrency=2)

    assert scores.failed == 5_000
    assert {type(part.error) for part in scores.parts} == {AuthenticationError}
    assert len(fake.requests) < 20


def test_a_service_that_is_not_there_is_an_exception_at_once() -> None:
    """Before anything was scored."""
    with Client("http://127.0.0.1:9") as client, pytest.raises(UnreachableError):
        client.score_many(["a"], timeout=0.5)


def test_a_large_set_is_read_as_it_is_scored(fake: FakeScorepool) -> None:
    """Memory does not grow with the set: an endless one has a first part."""
    taken = itertools.count()
    endless = (f"word {number}" for number in taken)

    parts = fake.client().score_parts(endless, concurrency=2)

    assert [next(parts).start, next(parts).start] == [0, 250]
    assert next(taken) <= 1_500
    parts.close()  # type: ignore[attr-defined]  # it is a generator


def test_an_asynchronous_iterator_is_taken() -> None:
    """Also one that ends at once."""
    fake = FakeScorepool()

    async def texts(number: int) -> AsyncIterator[str]:
        for i in range(number):
            yield f"word {i}"

    async def score(number: int) -> int:
        return (await fake.async_client().score_many(texts(number))).total

    assert [asyncio.run(score(number)) for number in (300, 0)] == [300, 0]


def test_what_an_iterator_raises_is_raised(fake: FakeScorepool, connect: MakeClient) -> None:
    """It is no failure of the service."""

    def broken() -> Iterator[str]:
        yield "word"
        raise LookupError("the file ends here")

    with pytest.raises(LookupError):
        connect(fake).score_many(broken())


def test_asynchronous_functions_give_tokens(fake: FakeScorepool) -> None:
    """Plain ones, too; each is called once by calls at the same time."""
    called = 0

    async def token() -> str:
        nonlocal called
        called += 1
        await asyncio.sleep(0)
        return "e30.eyJleHAiOjk5OTk5OTk5OTl9.x"  # exp: 9999999999

    async def several() -> None:
        async with fake.async_client(token) as client:
            await asyncio.gather(*[client.score(TEXTS) for _ in range(5)])

    asyncio.run(several())

    assert called == 1
    assert fake.async_client(lambda: "plain") is not None


@pytest.mark.parametrize("address", ["127.0.0.1:8000", "ftp://a", "http://", "unix:relative", ""])
def test_an_address_of_another_kind_is_refused(address: str) -> None:
    """When the client is made."""
    for kind in (Client, AsyncClient):
        with pytest.raises(ValueError, match="base_url"):
            kind(address)
