"""Jobs and the life of their servers: uploads, drains, kills, reloads, a full disk, and the end of their time."""

import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from tests.support.heavy_documents import heavy_documents
from tests.support.jobs import NDJSON, JobsClient, corpus, texts
from tests.support.server import TIMEOUT_S, Server, running_server
from tests.torture.jobs import torture

TEXTS = texts(300)
CORPUS = corpus(TEXTS)

# Enough that a job of it is not done before another request comes.
LARGE = corpus(TEXTS * 20)

HEAVY = json.dumps({"documents": heavy_documents(1)[:4]}).encode()


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the jobs of `hurried`."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def hurried(demo_bundle: Path, state: Path) -> Iterator[Server]:
    """Run a server that waits for bodies, and keeps jobs that have ended, for no longer than a test may take."""
    with running_server(
        demo_bundle,
        scripted=False,
        state_dir=state,
        workers=1,
        state_reserve_bytes=0,
        job_retention_s=1,
        body_timeout_s=0.3,
    ) as server:
        yield server


@pytest.fixture(scope="module")
def unfinished(demo_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, bytes, int]:
    """Return a folder that a server has left when it drained, its job, what that's stream said, and the exit status."""
    state = tmp_path_factory.mktemp("unfinished") / "state"
    with running_server(demo_bundle, scripted=False, state_dir=state, state_reserve_bytes=0) as server:
        client = JobsClient(server)
        place = client.submit(LARGE, "similarity=none")
        with ThreadPoolExecutor() as threads:
            stream = threads.submit(client.send, "GET", f"{place}/events")
            server.journal.await_events(event="job_state", state="running")
            status = server.stop()
            return state, place, stream.result().body, status


def test_a_job_is_removed_when_its_time_is_over(hurried: Server, state: Path) -> None:
    """With its files."""
    client = JobsClient(hurried)
    place = client.submit(b'{"text": "storm"}', "similarity=none")
    name = place.removeprefix("/jobs/")

    hurried.journal.await_events(event="job_expired", job=name)

    assert client.send("GET", place).status == 404
    assert not (state / "jobs" / name).exists()


def test_a_job_goes_on_with_another_model_that_is_loaded(
    demo_bundle: Path, another_bundle: Path, tmp_path: Path
) -> None:
    """Its documents, which were being embedded, are embedded anew, and its result is of one model alone."""
    link = tmp_path / "bundle"
    link.symlink_to(demo_bundle)
    with running_server(
        link, scripted=False, state_dir=tmp_path / "state", workers=1, state_reserve_bytes=0
    ) as server:
        server.await_ready()
        client = JobsClient(server)
        with kept_busy(server):
            place = client.submit(CORPUS, "similarity=none")
            before = client.await_state(place, "running")
            swap = tmp_path / "swap"
            swap.symlink_to(another_bundle)
            swap.rename(link)
            digest = json.loads(server.request("POST", "/reload", headers=server.headers).body)["digest"]

        documents = client.await_result(place)
        job = client.get(place)
        again = client.await_result(client.submit(CORPUS, "similarity=none"))

    assert (before["stage"], before["begun"]) == ("embed", 1)
    assert before["model"] != digest
    assert (job["model"], job["begun"]) == (digest, 2)
    assert documents == again


@contextmanager
def kept_busy(server: Server) -> Iterator[None]:
    """Have requests wait for the only worker all the time, so that it has none for the steps of jobs."""
    stop = Event()

    def ask() -> None:
        while not stop.is_set():
            assert server.score(HEAVY).status == 200

    with ThreadPoolExecutor() as threads:
        asking = [threads.submit(ask) for _ in range(2)]
        try:
            server.await_queue(1)
            yield
        finally:
            stop.set()
    for each in asking:
        each.result()


def test_a_corpus_may_come_slowly_but_not_stop(hurried: Server) -> None:
    """It takes longer than a request's body may; and where nothing comes for that long, it is given up."""
    client = JobsClient(hurried)
    slow = begin_upload(client, hurried, pieces=4)
    slow.send(b"0\r\n\r\n")
    taken = slow.getresponse()
    stopped = begin_upload(client, hurried, pieces=1)
    given_up = stopped.getresponse()

    assert (taken.status, json.loads(taken.read())["documents"]) == (201, 4)
    assert (given_up.status, json.loads(given_up.read())["code"]) == (408, "body_timeout")
    slow.close()
    stopped.close()


def begin_upload(client: JobsClient, server: Server, pieces: int) -> http.client.HTTPConnection:
    """Send a corpus in chunks, one each fifth of a second, and not its end."""
    connection = http.client.HTTPConnection(*server.address, timeout=TIMEOUT_S)
    connection.putrequest("POST", "/jobs?similarity=none")
    for name, value in {**client.headers, "Content-Type": NDJSON, "Transfer-Encoding": "chunked"}.items():
        connection.putheader(name, value)
    connection.endheaders()
    for _ in range(pieces):
        connection.send(b'12\r\n{"text": "storm"}\n\r\n')
        time.sleep(0.2)
    return connection


def test_a_drain_ends_streams_and_leaves_jobs_for_the_next_server(
    demo_bundle: Path, unfinished: tuple[Path, str, bytes, int]
) -> None:
    """What is done by then is counted."""
    state, place, stream, status = unfinished
    with running_server(
        demo_bundle, scripted=False, state_dir=copied(state), state_reserve_bytes=0
    ) as server:
        client = JobsClient(server)
        documents = client.await_result(place)
        job = client.get(place)

    assert (status, b"event: state" in stream) == (0, True)
    assert (len(documents), job["begun"]) == (len(TEXTS) * 20, 1)


def copied(state: Path) -> Path:
    """Return a folder with all that a server has left in another."""
    return Path(shutil.copytree(state, Path(tempfile.mkdtemp(dir=state.parent)) / "state"))


def test_a_second_server_is_refused_the_folder(demo_bundle: Path, hurried: Server, state: Path) -> None:
    """In one sentence, with the process that has it."""
    command = ["-m", "service", "serve", "--bundle", str(demo_bundle), "--state-dir", str(state)]
    second = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "SCOREPOOL_JWT_SECRET": "x" * 40, "SCOREPOOL_PORT": "0"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert second.returncode == 2
    fault = f"state_dir: {state} is used by another server (process {hurried.process.pid})"
    assert fault in second.stderr
    assert "Traceback" not in second.stderr


def test_a_full_disk_pauses_a_job_and_refuses_another(
    demo_bundle: Path, unfinished: tuple[Path, str, bytes, int]
) -> None:
    """It is full where the reserve would be touched."""
    state, place, _, _ = unfinished
    with running_server(
        demo_bundle, scripted=False, state_dir=copied(state), workers=1, state_reserve_bytes=2**40
    ) as server:
        client = JobsClient(server)
        job = client.await_state(place, "paused")
        refused = client.post(CORPUS)

    assert "has room for 0 bytes" in job["error"]
    assert (refused.status, refused.code) == (507, "insufficient_storage")


def test_jobs_outlive_their_servers(demo_bundle: Path) -> None:
    """Servers are killed during jobs: no step is lost, and each result is that of a job that was left in peace."""
    tally = torture(demo_bundle, kills=2, documents=800)

    assert tally.failures == []
