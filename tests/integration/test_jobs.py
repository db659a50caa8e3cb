"""Jobs over HTTP with a real server: corpora in, states and results out, over restarts."""

import gzip
import http.client
import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.support.jobs import NDJSON, JobsClient, corpus, texts
from tests.support.server import TIMEOUT_S, Server, running_server
from tests.torture.jobs import torture

TEXTS = texts(300)
CORPUS = corpus(TEXTS)

# Enough that a job of it is not done before another request comes.
LARGE = corpus(TEXTS * 40)


@pytest.fixture(scope="module")
def server(demo_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server with a folder for jobs."""
    state = tmp_path_factory.mktemp("state")
    with running_server(
        demo_bundle, scripted=False, state_dir=state, state_reserve_bytes=0, max_upload_bytes=10_000_000
    ) as server:
        server.await_ready(2)
        yield server


@pytest.fixture(scope="module")
def ann(server: Server) -> JobsClient:
    """Return a client with jobs of its own."""
    return JobsClient(server)


@pytest.fixture(scope="module")
def done(ann: JobsClient) -> str:
    """Return where a job is that is done."""
    place = ann.submit(CORPUS, "neighbours=3", Idempotency_Key="first")
    ann.await_result(place)
    return place


def test_a_job_says_what_a_request_would(server: Server, ann: JobsClient, done: str) -> None:
    """To the last digit: of the same documents, the same clusters and neighbours."""
    documents = [json.loads(line) for line in CORPUS.splitlines()]
    body = json.dumps({"documents": documents, "neighbours": 3}).encode()

    assert ann.await_result(done) == json.loads(server.score(body).body)["documents"]


def test_the_job_is_described(ann: JobsClient, done: str) -> None:
    """All of its work is done, and it says until when it is kept."""
    job = ann.get(done)

    assert (job["state"], job["documents"], job["error"], job["begun"]) == ("done", len(TEXTS), None, 1)
    assert job["steps"]["done"] == job["steps"]["total"] > 0
    assert job["tiles"]["done"] == job["tiles"]["total"] > 0
    assert job["created"] <= job["started"] <= job["ended"] < job["expires"]


def test_the_same_key_and_corpus_are_the_same_job(ann: JobsClient, done: str) -> None:
    """Another corpus, or other options, with the key are refused; without it they are another job."""
    again = ann.post(CORPUS, "neighbours=3", Idempotency_Key="first")
    other_body = ann.post(CORPUS + b"\n", "neighbours=3", Idempotency_Key="first")
    other_options = ann.post(CORPUS, "neighbours=4", Idempotency_Key="first")

    assert (again.status, again.headers["location"]) == (201, done)
    assert [reply.code for reply in (other_body, other_options)] == ["key_reused"] * 2
    assert JobsClient(ann._server, "bob").submit(CORPUS, Idempotency_Key="first") != done


def test_jobs_are_seen_by_their_owner_alone(server: Server, done: str) -> None:
    """And by whose token has the scope for all; without any scope there is nothing."""
    paths = [("GET", done), ("GET", f"{done}/result"), ("GET", f"{done}/events"), ("DELETE", done)]

    for method, path in paths:
        assert JobsClient(server, "eve").send(method, path).code == "not_found"
        assert JobsClient(server, "ann", "status").send(method, path).code == "insufficient_scope"
    assert JobsClient(server, "eve").get("/jobs")["jobs"] == []
    assert JobsClient(server, "admin", "jobs jobs.all").get(done)["state"] == "done"


def test_the_list_has_pages(server: Server) -> None:
    """The newest first."""
    client = JobsClient(server, "lister")
    places = [client.submit(b'{"text": "storm"}', "similarity=none") for _ in range(3)]

    first = client.get("/jobs?limit=2")
    second = client.get(f"/jobs?limit=2&after={first['after']}")

    listed = [f"/jobs/{job['id']}" for job in first["jobs"] + second["jobs"]]
    assert (listed, second["after"]) == (places[::-1], None)


@pytest.mark.parametrize(
    ("body", "query", "kind", "problem", "words"),
    [
        (b'{"text": "a"}\n{"text": 1}', "", NDJSON, (422, "invalid_document"), "line 2"),
        (b'{"id": "a", "text": "a"}\n{"id": "a", "text": "b"}', "", NDJSON, (422, "duplicate_id"), "line"),
        (b"", "", NDJSON, (422, "invalid_document"), "no documents"),
        (b"a,b\n1,2", "", "text/csv", (422, "invalid_option"), "text_field"),
        (b"a", "", "text/html", (415, "unsupported_media_type"), "text/csv"),
        (b"a", "neighbors=5", "text/plain", (422, "invalid_option"), "neighbors"),
        (b"a", "neighbours=500", "text/plain", (422, "invalid_option"), "neighbours"),
        (b"a", "threshold=nan", "text/plain", (422, "invalid_option"), "threshold"),
        (b"a", "similarity=matrix", "text/plain", (422, "invalid_option"), "similarity"),
        (b"a", "against=nothing", "text/plain", (422, "invalid_option"), "no job nothing"),
        (b"a", "append=true", "text/plain", (422, "invalid_option"), "against"),
        (bytes(10_000_001), "", "text/plain", (413, "body_too_large"), "10000000"),
    ],
)
def test_what_cannot_become_a_job_is_refused(
    *, ann: JobsClient, body: bytes, query: str, kind: str, problem: tuple[int, str], words: str
) -> None:
    """In one sentence that says what to do, and nothing of it is kept."""
    before = ann.get("/jobs?limit=1000")

    reply = ann.post(body, query, kind)

    assert (reply.status, reply.code) == problem
    assert words in json.loads(reply.body)["detail"]
    assert ann.get("/jobs?limit=1000") == before


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (gzip.compress(CORPUS), {"Content_Encoding": "gzip"}),
        (CORPUS, {}),
    ],
)
def test_compressed_corpora_are_read(ann: JobsClient, body: bytes, headers: dict[str, str]) -> None:
    """By their Content-Encoding."""
    assert ann.get(ann.submit(body, "similarity=none", **headers))["documents"] == len(TEXTS)


def test_plain_text_and_csv_are_read(ann: JobsClient) -> None:
    """A line, or a row, is a document; columns are named by the query."""
    plain = ann.post(b"storm\nharbour\n", "similarity=none", "text/plain")
    table = ann.post(
        b"name,body\nx,storm\ny,gale\n", "similarity=none&text_field=body&id_field=name", "text/csv"
    )

    assert [json.loads(reply.body)["documents"] for reply in (plain, table)] == [2, 2]
    documents = ann.await_result(table.headers["location"])
    assert [document["id"] for document in documents] == ["x", "y"]


def test_a_result_is_sent_by_ranges(ann: JobsClient, done: str) -> None:
    """A client goes on where a connection has ended, as long as it is the same result."""
    path = f"{done}/result"
    whole = ann.send("GET", path)
    etag = whole.headers["etag"]

    part = ann.send("GET", path, headers={"Range": "bytes=100-", "If-Range": etag})
    stale = ann.send("GET", path, headers={"Range": "bytes=100-", "If-Range": '"old"'})
    beyond = ann.send("GET", path, headers={"Range": "bytes=100000000-"})
    same = ann.send("GET", path, headers={"If-None-Match": etag})
    head = ann.send("HEAD", path)

    size = len(whole.body)
    assert (part.status, part.body) == (206, whole.body[100:])
    assert part.headers["content-range"] == f"bytes 100-{size - 1}/{size}"
    assert (stale.status, stale.body) == (200, whole.body)
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    assert (same.status, same.body, head.body) == (304, b"", b"")
    assert head.headers["content-length"] == str(size)


def test_vectors_are_a_numpy_file(ann: JobsClient, done: str) -> None:
    """One row a document, for whoever accepts that type."""
    reply = ann.send("GET", f"{done}/result", headers={"Accept": "application/x-npy"})

    vectors = np.load(io.BytesIO(reply.body))
    assert (vectors.shape, vectors.dtype) == ((len(TEXTS), 100), np.float32)


def test_events_end_with_the_job(server: Server) -> None:
    """Each has the whole job; the last says how it ended."""
    client = JobsClient(server, "listener")
    place = client.submit(CORPUS)

    stream = client.send("GET", f"{place}/events")

    events = [block.split("\n") for block in stream.body.decode().split("\n\n") if block.startswith("event")]
    states = [json.loads(data.removeprefix("data: "))["state"] for _, data in events]
    assert stream.headers["content-type"] == "text/event-stream"
    assert (events[0][0], states[-1]) == ("event: state", "done")


def test_an_unfinished_job_has_no_result_and_can_be_cancelled(server: Server) -> None:
    """Its files are deleted; deleting it once more removes it."""
    client = JobsClient(server, "canceller")
    place = client.submit(LARGE)

    early = client.send("GET", f"{place}/result")
    statuses = [client.send("DELETE", place).status]
    job = client.get(place)
    late = client.send("GET", f"{place}/result")
    statuses.append(client.send("DELETE", place).status)

    assert (early.code, late.code) == ("not_ready", "no_result")
    assert (job["state"], job["bytes"]) == ("cancelled", 0)
    assert (statuses, client.send("GET", place).status) == ([204, 204], 404)


def test_the_next_job_of_a_subject_waits_for_the_first(server: Server) -> None:
    """And is taken up when that one is cancelled."""
    client = JobsClient(server, "queuer")
    first, second = client.submit(LARGE), client.submit(CORPUS)
    client.await_state(first, "running")

    assert client.get(second)["state"] == "queued"
    client.send("DELETE", first)
    client.await_result(second)


def test_states_and_steps_are_counted(server: Server, ann: JobsClient, done: str) -> None:
    """In the metrics, and in the status."""
    metrics = server.metrics()

    assert metrics['scorepool_jobs{state="done"}'] == server.status()["jobs"]["done"] > 0
    assert metrics['scorepool_job_steps_total{stage="embed"}'] > 0


def test_an_upload_that_is_cut_leaves_nothing(server: Server, ann: JobsClient) -> None:
    """Neither a job nor a file."""
    before = ann.get("/jobs?limit=1000")
    connection = http.client.HTTPConnection(*server.address, timeout=TIMEOUT_S)
    connection.putrequest("POST", "/jobs")
    for name, value in {**ann._headers, "Content-Type": NDJSON, "Content-Length": "1000"}.items():
        connection.putheader(name, value)
    connection.endheaders(b'{"text": "a"}')
    connection.close()

    server.journal.await_events(route="/jobs", status=499)
    assert ann.get("/jobs?limit=1000") == before


def test_a_batch_is_compared_with_what_came_before(server: Server) -> None:
    """It finds what is new, and added to it answers as all documents at once."""
    client = JobsClient(server, "daily")
    old, new = TEXTS[:200], [*TEXTS[150:250], "xqzw unheard of"]
    base = client.submit(corpus(old)).removeprefix("/jobs/")
    client.await_result(f"/jobs/{base}")
    fresh = corpus(new, "n")

    batch = client.submit(fresh, f"against={base}&new=0.999&neighbours=2")
    both = client.submit(fresh, f"against={base}&append=true&neighbours=2")
    in_use = client.send("DELETE", f"/jobs/{base}")
    found, together = client.await_result(batch), client.await_result(both)

    at_once = client.await_result(client.submit(corpus(old) + b"\n" + fresh, "neighbours=2"))
    assert in_use.code == "job_in_use"
    assert [document["new"] for document in found[:50]] == [False] * 50
    assert {near["id"][0] for document in found for near in document["neighbours"]} == {"d"}
    assert together == at_once
    assert client.send("DELETE", f"/jobs/{base}").status == 204
    assert client.await_result(both) == together


def test_other_groups_of_duplicates_are_made_from_the_stored_pairs(server: Server) -> None:
    """As long as the pairs that are kept are of that threshold; and the pairs are a part of the result."""
    client = JobsClient(server, "sorter")
    copies = corpus([*TEXTS[:50], *TEXTS[:10]])
    place = client.submit(copies, "similarity=none&duplicates=0.8")
    client.await_result(place)

    strict = client.send("GET", f"{place}/result?duplicates=0.9999&linkage=complete")
    looser = client.send("GET", f"{place}/result?duplicates=0.5")
    pairs = client.send("GET", f"{place}/result?part=pairs")

    groups = [json.loads(line)["duplicates"] for line in strict.body.splitlines()]
    assert [group["representative"] for group in groups[50:]] == [f"d{number}" for number in range(10)]
    assert looser.code == "no_result"
    assert {"a", "b", "similarity"} == set(json.loads(pairs.body.splitlines()[0]))
    assert client.get(place)["found"]["pairs_kept"] == len(pairs.body.splitlines())


def test_a_job_is_removed_when_its_time_is_over(demo_bundle: Path, tmp_path: Path) -> None:
    """With its files."""
    with running_server(
        demo_bundle, scripted=False, state_dir=tmp_path, workers=1, state_reserve_bytes=0, job_retention_s=1
    ) as server:
        client = JobsClient(server)
        place = client.submit(b'{"text": "storm"}', "similarity=none")

        server.journal.await_events(event="job_expired")

        assert client.send("GET", place).status == 404
        assert list((tmp_path / "jobs").iterdir()) == []


def test_a_job_goes_on_with_another_model_that_is_loaded(
    demo_bundle: Path, another_bundle: Path, tmp_path: Path
) -> None:
    """Its documents are embedded anew, and its result is of one model alone."""
    link = tmp_path / "bundle"
    link.symlink_to(demo_bundle)
    with running_server(
        link, scripted=False, state_dir=tmp_path / "state", workers=1, state_reserve_bytes=0
    ) as server:
        client = JobsClient(server)
        place = client.submit(LARGE, "similarity=none")
        swap = tmp_path / "swap"
        swap.symlink_to(another_bundle)
        swap.rename(link)
        digest = json.loads(server.request("POST", "/reload", headers=server.headers).body)["digest"]

        client.await_result(place)
        job = client.get(place)
        again = client.submit(LARGE, "similarity=none")

        assert job["model"] == digest or job["begun"] == 1
        if job["model"] == digest:
            assert client.await_result(place) == client.await_result(again)


def test_a_second_server_is_refused_the_folder(demo_bundle: Path, tmp_path: Path) -> None:
    """In one sentence, with the process that has it."""
    with running_server(demo_bundle, scripted=False, state_dir=tmp_path, workers=1) as first:
        second = subprocess.run(
            [
                sys.executable,
                "-m",
                "service",
                "serve",
                "--bundle",
                str(demo_bundle),
                "--state-dir",
                str(tmp_path),
            ],
            env={"SCOREPOOL_JWT_SECRET": "x" * 40, "SCOREPOOL_PORT": "0", "PATH": ""},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

        assert second.returncode == 2
        fault = f"state_dir: {tmp_path} is used by another server (process {first.process.pid})"
        assert fault in second.stderr
        assert "Traceback" not in second.stderr


def test_without_a_folder_there_are_no_jobs(demo_bundle: Path) -> None:
    """And the answer says which setting is missing."""
    with running_server(demo_bundle, scripted=False, workers=1) as server:
        reply = JobsClient(server).post(CORPUS)

    assert reply.status == 404
    assert "state_dir" in json.loads(reply.body)["detail"]


def test_a_full_disk_pauses_a_job_and_refuses_another(demo_bundle: Path, tmp_path: Path) -> None:
    """It goes on by itself when there is room; here there is when the reserve is less."""
    serving = partial(running_server, demo_bundle, scripted=False, state_dir=tmp_path, workers=1)
    with serving(state_reserve_bytes=0) as server:
        place = JobsClient(server).submit(LARGE)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(TIMEOUT_S)
    with serving(state_reserve_bytes=2**40) as server:
        client = JobsClient(server)

        job = client.await_state(place, "paused")
        refused = client.post(CORPUS)

        assert "has room for 0 bytes" in job["error"]
        assert (refused.status, refused.code) == (507, "insufficient_storage")
    with serving(state_reserve_bytes=0) as server:
        assert len(JobsClient(server).await_result(place)) == len(TEXTS) * 40


def test_jobs_outlive_their_servers(demo_bundle: Path) -> None:
    """Servers are killed during jobs: no step is lost, and each result is that of a job that was left in peace."""
    tally = torture(demo_bundle, kills=3, documents=3_000)

    assert tally.failures == []
