"""Jobs by the client and the command against the real service, over its restarts; the fake beside it."""

import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from bench.harness.documents import corpus
from scorepool_client import Client, Document, Grouping, InvalidRequestError, JobOptions, minted_with_secret
from scorepool_client.testing import FakeScorepool
from scoring.texts.corpus import read_documents
from scoring.texts.faults import TextFault
from scoring.texts.ids import identified
from tests.support.cli import scorepool
from tests.support.jobs import NDJSON, JobsClient
from tests.support.server import TIMEOUT_S, Server, running_server
from tests.support.tokens import SECRET
from tests.torture.jobs import kill

TEXTS = corpus()[:40]

TOKEN = minted_with_secret(SECRET, "ann", scope="jobs")


@contextmanager
def service(bundle: Path, state: Path, port: int = 0) -> Iterator[Server]:
    """Run a server with a folder for jobs."""
    with running_server(
        bundle, scripted=False, workers=1, port=port, state_dir=state, state_reserve_bytes=0
    ) as server:
        server.await_ready()
        yield server


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the server's jobs."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def server(demo_bundle: Path, state: Path) -> Iterator[Server]:
    """Run one server for all tests here that do not restart it."""
    with service(demo_bundle, state) as running:
        yield running


def test_a_job_has_the_scores_of_a_request(server: Server) -> None:
    """Typed, and in the same order."""
    documents = [Document(text, f"own{number}") for number, text in enumerate(TEXTS)]
    with Client(server.url, TOKEN) as client:
        job = client.jobs.wait(client.jobs.submit(documents, JobOptions(neighbours=3)).id).raise_for_failure()
        scores = list(client.jobs.documents(job.id))
        request = client.score(documents, neighbours=3)

    assert tuple(scores) == request.documents
    assert job.steps.done == job.steps.total > 0


def test_duplicates_are_typed_and_grouped_as_by_the_fake(server: Server) -> None:
    """Copies: numbers, representatives and sizes, also of other groups; both refuse what no pairs are kept for."""
    copies = [*TEXTS[:5], TEXTS[0], TEXTS[3], TEXTS[0]]
    fake = FakeScorepool()
    with Client(server.url, TOKEN) as real, fake.client() as faked:
        seen = [groups_of(client, copies) for client in (real, faked)]

    first, fourth = (0, "0", 3), (3, "3", 2)
    assert seen == [[first, None, None, fourth, None, first, fourth, first] * 3] * 2


def groups_of(client: Client, texts: list[str]) -> list[tuple[int, str, int] | None]:
    """Return the groups of a job of these texts: its own, and others of both linkages."""
    jobs = client.jobs
    name = jobs.wait(jobs.submit(texts, JobOptions(similarity="none", duplicates=0.999)).id).id
    groupings = (None, Grouping(0.99999), Grouping(0.99999, "complete"))
    found = [score.duplicates for grouping in groupings for score in jobs.documents(name, grouping)]
    assert all(group.weakest_link == pytest.approx(1.0) for group in found if group)
    with pytest.raises(InvalidRequestError, match=r"no_result: duplicates: 0.5 asked, pairs are kept from"):
        list(jobs.documents(name, Grouping(0.5)))
    return [(group.group, group.representative, group.size) if group else None for group in found]


def test_an_upload_waits_for_the_first_with_its_key(server: Server, state: Path, tmp_path: Path) -> None:
    """As when that one's client has lost its connection to a proxy, which goes on with it."""
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(json.dumps({"text": TEXTS[0]}).encode())
    first = http.client.HTTPConnection(*server.address, timeout=TIMEOUT_S)
    first.putrequest("POST", "/jobs")
    length = {"Content-Type": NDJSON, "Content-Length": str(path.stat().st_size)}
    for name, value in {**JobsClient(server).headers, **length, "Idempotency-Key": "once"}.items():
        first.putheader(name, value)
    first.endheaders()
    while not any((state / "spool").iterdir()):
        assert not server.journal.find(route="/jobs", status=401)
    with Client(server.url, TOKEN) as client, ThreadPoolExecutor() as threads:
        second = threads.submit(client.jobs.submit, path, key="once")
        server.journal.await_events(route="/jobs", status=409)
        first.send(path.read_bytes())

        assert second.result().id == json.loads(first.getresponse().read())["id"]
    first.close()


def test_the_fake_says_the_same_of_a_job(server: Server) -> None:
    """The same members in each answer, but for those that no client reads."""
    fake = FakeScorepool()
    with Client(server.url, TOKEN) as real, fake.client() as faked:
        told = []
        for client in (real, faked):
            job = client.jobs.wait(client.jobs.submit(TEXTS[:3], JobOptions(neighbours=1)).id)
            told.append((job, list(client.jobs.documents(job.id)), next(client.jobs.list())))
            client.jobs.cancel(job.id)
            with pytest.raises(InvalidRequestError, match="not_found"):
                client.jobs.get(job.id)

    (real_job, real_scores, real_listed), (job, scores, listed) = told
    assert set(job.raw) <= set(real_job.raw)
    assert (job.state, job.documents) == (real_job.state, real_job.documents)
    assert [len(score.neighbours or ()) for score in scores] == [
        len(score.neighbours or ()) for score in real_scores
    ]
    assert (listed, real_listed) == (job, real_job)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", b'{"text": "fine"}\n{"body": "x"}\n'),
        ("a.csv", b"id,text\n1,a, b\n"),
        ("a.txt", b"fine\nna\xefve\n"),
        ("a.jsonl.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03"),
        ("a.tsv", b"text\tid\na\t1\nb\t1\n"),
    ],
)
def test_the_service_says_of_a_corpus_what_the_command_does(
    server: Server, tmp_path: Path, name: str, content: bytes
) -> None:
    """The same reader: the same line and the same words."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TextFault, match=r"line [0-9]+: ") as here:
        list(identified(read_documents(path), "a", 256))
    with Client(server.url, TOKEN) as client, pytest.raises(InvalidRequestError) as there:
        client.jobs.submit(path)

    sentence = str(here.value).partition("line ")[2].partition(";")[0]
    assert sentence in there.value.detail


def test_a_job_is_followed_over_a_restart(demo_bundle: Path, tmp_path: Path) -> None:
    """The server is killed while it is watched; the command sees it done, and its result is whole."""
    path = tmp_path / "corpus.jsonl"
    lines = [json.dumps({"id": f"d{number}", "text": TEXTS[number % 40]}) for number in range(6_000)]
    path.write_text("\n".join(lines))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    states: list[str] = []
    with Client(f"http://127.0.0.1:{port}", TOKEN) as client:

        def watch() -> None:
            states.extend(job.state for job in client.jobs.watch(name))

        with service(demo_bundle, tmp_path / "state", port) as first:
            name = client.jobs.submit(path, JobOptions(neighbours=2)).id
            watching = Thread(target=watch)
            watching.start()
            kill(first)
        with service(demo_bundle, tmp_path / "state", port):
            watching.join(60)
            ids = [score.id for score in client.jobs.documents(name)]

    assert states[-1] == "done"
    assert ids == [f"d{number}" for number in range(6_000)]


def test_the_command_has_the_service_score_a_corpus(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, demo_bundle: Path
) -> None:
    """The lines are those that are made without a server."""
    monkeypatch.setenv("SCOREPOOL_JWT_SECRET", SECRET)
    monkeypatch.delenv("SCOREPOOL_TOKEN", raising=False)
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(text.replace("\n", " ") for text in TEXTS))

    name = scorepool("jobs", "submit", path, "--watch", "--url", server.url).stdout.strip()
    result = scorepool("jobs", "get", name, "--url", server.url)

    assert result.exit_code == 0, result.output
    assert result.stdout == scorepool("score", "--bundle", demo_bundle, path).stdout
