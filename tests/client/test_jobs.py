"""Jobs by both clients: corpora out, states and results back, whatever happens to the connections in between."""

import gzip
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scorepool_client import (
    AuthenticationError,
    CircuitOpenError,
    Document,
    Duplicates,
    Grouping,
    InvalidAnswerError,
    InvalidRequestError,
    JobFailedError,
    JobOptions,
    UnreachableError,
)
from scorepool_client.exchange import Reply
from scorepool_client.following import PATIENCE_S
from scorepool_client.testing import FakeScorepool, RecordedRequest
from tests.support.client_shells import SHELLS, MakeClient, each

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


def test_a_corpus_goes_out_and_its_scores_come_back(fake: FakeScorepool, connect: MakeClient) -> None:
    """From an iterator, which is sent as JSON lines."""
    jobs = connect(fake).jobs
    options = JobOptions(neighbours=1, vectors=True)

    job = jobs.submit((Document(text, f"own{i}") for i, text in enumerate(TEXTS)), options)
    ended = jobs.wait(job.id).raise_for_failure()
    scores = each(jobs.documents(job.id))

    assert (job.state, job.documents) == ("queued", 3)
    assert (ended.id, ended.state, ended.tiles) == (job.id, "done", (3, 3))
    assert [score.id for score in scores] == ["own0", "own1", "own2"]
    assert scores[0].neighbours[0].id == "own1"
    sent = fake.requests[0]
    assert sent.query == {"neighbours": "1", "vectors": "true"}
    assert sent.headers["content-type"] == "application/x-ndjson"
    assert int(sent.headers["content-length"]) == len(sent.body)
    assert sent.documents[2] == {"id": "own2", "text": "Rates rise"}


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("a.jsonl", ("application/x-ndjson", None)),
        ("a.ndjson.gz", ("application/x-ndjson", "gzip")),
        ("a.csv.GZ", ("text/csv", "gzip")),
        ("a.tsv", ("text/tab-separated-values", None)),
        ("a.txt", ("text/plain", None)),
    ],
)
def test_a_file_is_sent_as_it_is(
    fake: FakeScorepool, connect: MakeClient, tmp_path: Path, name: str, headers: tuple[str, str | None]
) -> None:
    """Its name says what it is."""
    text = json.dumps({"text": "one"}) if "json" in name else "text\none"
    content = gzip.compress(text.encode()) if headers[1] else text.encode()
    (tmp_path / name).write_bytes(content)

    connect(fake).jobs.submit(tmp_path / name)

    assert fake.requests[0].body == content
    sent = fake.requests[0].headers
    assert (sent["content-type"], sent.get("content-encoding")) == headers


def test_a_file_whose_name_says_nothing_needs_a_media_type(
    fake: FakeScorepool, connect: MakeClient, tmp_path: Path
) -> None:
    """Nothing is guessed."""
    path = tmp_path / "corpus"
    path.write_text("one\n")
    jobs = connect(fake).jobs

    with pytest.raises(ValueError, match="say its media_type"):
        jobs.submit(path)
    jobs.submit(path, media_type="text/plain; charset=latin-1")

    assert fake.requests[0].headers["content-type"] == "text/plain; charset=latin-1"


def test_one_text_in_place_of_several_is_refused(fake: FakeScorepool, connect: MakeClient) -> None:
    """Its characters would be documents."""
    with pytest.raises(TypeError, match="put it into a list"):
        connect(fake).jobs.submit("Storms close the harbour")


def test_an_upload_whose_answer_is_lost_is_sent_again_and_is_one_job(
    fake: FakeScorepool, connect: MakeClient
) -> None:
    """Its Idempotency-Key is the same each time; the iterator was read once."""
    jobs = connect(fake).jobs
    fake.cut_answers(5)
    fake.lose_connections()
    fake.fail("internal_error")

    job = jobs.submit(iter(TEXTS))

    assert [told.id for told in each(jobs.list())] == [job.id]
    sent = fake.requests[:4]
    assert len({request.body for request in sent}) == 1
    assert len({request.headers["idempotency-key"] for request in sent}) == 1


def test_a_key_of_another_corpus_is_refused(fake: FakeScorepool, connect: MakeClient) -> None:
    """One's own key, for a caller that may itself be started again."""
    jobs = connect(fake).jobs
    first = jobs.submit(TEXTS, key="today")

    assert jobs.submit(TEXTS, key="today") == first
    with pytest.raises(InvalidRequestError, match="key_reused"):
        jobs.submit(TEXTS[:2], key="today")


def test_a_corpus_that_is_refused_raises_at_once(fake: FakeScorepool, connect: MakeClient) -> None:
    """With the service's words."""
    jobs = connect(fake).jobs

    with pytest.raises(InvalidRequestError, match="duplicate_id"):
        jobs.submit([Document("a", "x"), Document("b", "x")])
    with pytest.raises(InvalidRequestError, match="holds no documents"):
        jobs.submit([])

    assert len(fake.requests) == 2


def test_an_iterator_that_fails_sends_nothing(fake: FakeScorepool, connect: MakeClient) -> None:
    """What it raises, its caller gets."""

    def broken() -> Iterator[str]:
        yield "a"
        raise KeyError("row")

    with pytest.raises(KeyError, match="row"):
        connect(fake).jobs.submit(broken())

    assert not fake.requests


def test_watching_yields_each_change_once(fake: FakeScorepool, connect: MakeClient) -> None:
    """From events."""
    jobs = connect(fake).jobs
    job = jobs.submit(TEXTS)

    seen = each(jobs.watch(job.id))

    assert [told.state for told in seen] == ["queued", "running", "running", "done"]
    assert [told.tiles.done for told in seen] == [0, 1, 2, 3]
    assert len(fake.requests) == 2


def test_watching_goes_on_after_lost_connections_and_restarts(
    fake: FakeScorepool, connect: MakeClient
) -> None:
    """Each change is seen once."""
    jobs = connect(fake).jobs
    job = jobs.submit(TEXTS)
    fake.cut_answers(150)
    fake.refuse_connections(times=12)
    fake.fail("starting", times=3)

    states = [told.state for told in each(jobs.watch(job.id))]

    assert states[-1] == "done"
    assert len(states) == len(set(states)) or states.count("running") == 2


class Silent(FakeScorepool):
    """A service whose events do not come through; it counts the streams."""

    streams = 0

    def handle(self, request: RecordedRequest, sleep: Callable[[float], None] | None = None) -> Reply:
        """Answer a stream with nothing but a comment."""
        if not request.path.endswith("/events"):
            return super().handle(request, sleep)
        self.streams += 1
        return Reply(200, {"content-type": "text/event-stream"}, b": still there\n\n")


class Changing(FakeScorepool):
    """A service whose results are others whenever they are read."""

    def handle(self, request: RecordedRequest, sleep: Callable[[float], None] | None = None) -> Reply:
        """Answer as when the condition of a range does not hold any more."""
        if "if-range" in request.headers:
            request = replace(request, headers={**request.headers, "if-range": '"another"'})
        return super().handle(request, sleep)


def test_watching_polls_where_no_events_come_through(connect: MakeClient) -> None:
    """As behind a proxy that keeps streams back."""
    silent = Silent(job_steps=8)
    jobs = connect(silent).jobs
    job = jobs.submit(TEXTS)

    seen = each(jobs.watch(job.id))

    assert [told.tiles.done for told in seen] == list(range(1, 9))
    assert silent.streams == 3


def test_watching_ends_when_the_service_stays_away(fake: FakeScorepool, connect: MakeClient) -> None:
    """After five minutes."""
    jobs = connect(fake).jobs
    job = jobs.submit(TEXTS)
    began = fake.clock.now
    fake.refuse_connections(times=None)

    with pytest.raises((UnreachableError, CircuitOpenError)):
        jobs.wait(job.id)

    assert PATIENCE_S < fake.clock.now - began < 2 * PATIENCE_S


def test_a_job_that_is_not_there_raises_at_once(fake: FakeScorepool, connect: MakeClient) -> None:
    """To watch, to read, to ask for, to cancel."""
    jobs = connect(fake).jobs

    for call in (
        lambda: each(jobs.watch("none")),
        lambda: each(jobs.documents("none")),
        lambda: jobs.get("none"),
        lambda: jobs.cancel("none"),
    ):
        with pytest.raises(InvalidRequestError, match="not_found"):
            call()


def test_a_token_that_is_refused_ends_watching(connect: MakeClient) -> None:
    """It would be refused again."""
    fake = FakeScorepool(token="right")
    job = connect(fake, token="right").jobs.submit(TEXTS)

    with pytest.raises(AuthenticationError):
        each(connect(fake, token="wrong").jobs.watch(job.id))


def test_a_failed_job_says_why(fake: FakeScorepool, connect: MakeClient) -> None:
    """Its state is no exception until one asks."""
    jobs = connect(fake).jobs
    fake.fail_job("a step ended three workers")

    job = jobs.wait(jobs.submit(TEXTS).id)

    assert (job.state, job.error) == ("failed", "a step ended three workers")
    with pytest.raises(
        JobFailedError, match="job_failed: the job job1 was failed: a step ended three workers"
    ):
        job.raise_for_failure()
    with pytest.raises(InvalidRequestError, match="no_result"):
        each(jobs.documents(job.id))


def done(fake: FakeScorepool, connect: MakeClient, options: JobOptions | None = None) -> tuple[Any, str]:
    """Return the jobs of a client, and one that is done."""
    jobs = connect(fake).jobs
    return jobs, jobs.wait(jobs.submit(TEXTS * 50, options).id).id


def test_a_result_goes_on_where_it_was_cut(fake: FakeScorepool, connect: MakeClient) -> None:
    """Each byte once, however often the connection is lost."""
    jobs, name = done(fake, connect)
    whole = io.BytesIO()
    jobs.download(name, whole)
    fake.cut_answers(1000)
    fake.cut_answers(0)
    fake.refuse_connections(times=5)
    fake.cut_answers(7777)
    progress: list[tuple[int, int | None]] = []

    cut = io.BytesIO()
    size = jobs.download(name, cut, on_progress=lambda *told: progress.append(told))

    assert cut.getvalue() == whole.getvalue()
    assert progress[-1] == (size, size) == (len(whole.getvalue()),) * 2
    ranges = [request.headers["range"] for request in fake.requests if "range" in request.headers]
    assert ranges[0] == "bytes=1000-"
    assert ranges[-1] == "bytes=8777-"


def test_a_result_that_is_another_meanwhile_is_refused(connect: MakeClient) -> None:
    """Two halves of different results must not be put together."""
    changing = Changing()
    jobs, name = done(changing, connect)
    changing.cut_answers(1000)

    with pytest.raises(InvalidAnswerError, match="has changed since its beginning was read"):
        jobs.download(name, io.BytesIO())


def test_pairs_and_vectors_are_results_too(fake: FakeScorepool, connect: MakeClient) -> None:
    """Pairs typed, vectors as a file."""
    jobs, name = done(fake, connect, JobOptions(similarity="pairs", threshold=0.99))
    file = io.BytesIO()

    pairs = each(jobs.pairs(name))
    jobs.download(name, file, "vectors")

    assert (pairs[0].a, pairs[0].b) == ("0", "3")
    assert np.load(io.BytesIO(file.getvalue())).shape == (150, 64)


def test_other_groups_are_asked_of_a_result(fake: FakeScorepool, connect: MakeClient) -> None:
    """From documents that chain: the first and the third are like the second, and not each other."""
    jobs = connect(fake).jobs
    chain = ["a b c d", "a b c e", "a b f e", "rates"]
    name = jobs.wait(jobs.submit(chain, JobOptions(duplicates=0.4)).id).id
    file = io.BytesIO()

    own = each(jobs.documents(name))
    other = each(jobs.documents(name, Grouping(0.7, "complete")))
    jobs.download(name, file, grouping=Grouping(0.7))

    last = own[2].duplicates
    assert last == Duplicates(0, "0", 3, last.weakest_link)
    assert last.weakest_link == pytest.approx(0.75)
    assert [score.duplicates and score.duplicates.size for score in other] == [2, 2, None, None]
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    assert [line["duplicates"] and line["duplicates"]["size"] for line in lines] == [3, 3, 3, None]
    assert fake.requests[-1].query == {"duplicates": "0.7", "linkage": "components"}
    with pytest.raises(InvalidRequestError, match=r"no_result: .*pairs are kept from"):
        each(jobs.documents(name, Grouping(0.2)))
    with pytest.raises(ValueError, match="grouping: pairs have no groups"):
        jobs.download(name, file, "pairs", grouping=Grouping(0.7))


def test_other_groups_go_on_where_they_were_cut(fake: FakeScorepool, connect: MakeClient) -> None:
    """The rest is of the same groups."""
    jobs, name = done(fake, connect, JobOptions(similarity="none", duplicates=0.5))
    whole, cut = io.BytesIO(), io.BytesIO()
    jobs.download(name, whole, grouping=Grouping(0.9))
    fake.cut_answers(1000)

    jobs.download(name, cut, grouping=Grouping(0.9))

    assert cut.getvalue() == whole.getvalue()


def test_a_result_before_the_end_is_refused(fake: FakeScorepool, connect: MakeClient) -> None:
    """With the code that says so."""
    jobs = connect(fake).jobs

    with pytest.raises(InvalidRequestError, match="not_ready"):
        each(jobs.documents(jobs.submit(TEXTS).id))


def test_jobs_are_listed_and_cancelled(fake: FakeScorepool, connect: MakeClient) -> None:
    """Newest first; a cancellation whose answer was lost is none that failed."""
    jobs = connect(fake).jobs
    names = [jobs.submit(TEXTS).id for _ in range(3)]

    assert [job.id for job in each(jobs.list())] == names[::-1]
    jobs.cancel(names[0])
    fake.cut_answers(0)
    jobs.cancel(names[1])

    assert [job.id for job in each(jobs.list())] == names[2:]


def test_a_list_of_several_pages_is_one(connect: MakeClient) -> None:
    """Pages are fetched as they are needed."""
    fake = FakeScorepool()
    jobs = connect(fake).jobs
    for number in range(205):
        jobs.submit([str(number)])

    listed = each(jobs.list())

    assert len({job.id for job in listed}) == 205
    assert len(fake.requests) == 205 + 3
