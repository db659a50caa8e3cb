"""Jobs and the life of their servers: uploads, drains, kills, reloads, a full disk, and the end of their time."""

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event

from tests.support.heavy_documents import heavy_documents
from tests.support.jobs import NDJSON, JobsClient, corpus, texts
from tests.support.server import TIMEOUT_S, Server, running_server
from tests.torture.jobs import kill, torture

TEXTS = texts(300)
CORPUS = corpus(TEXTS)

# Enough that a job of it is not done before another request comes.
LARGE = corpus(TEXTS * 20)

HEAVY = json.dumps({"documents": heavy_documents(1)}).encode()


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
        asking = [threads.submit(ask) for _ in range(3)]
        try:
            server.await_queue(1)
            yield
        finally:
            stop.set()
    for each in asking:
        each.result()


def test_a_corpus_may_come_slowly_but_not_stop(demo_bundle: Path, tmp_path: Path) -> None:
    """It takes longer than a request's body may; and where nothing comes for that long, it is given up."""
    with running_server(
        demo_bundle, scripted=False, state_dir=tmp_path, workers=1, state_reserve_bytes=0, body_timeout_s=0.3
    ) as server:
        client = JobsClient(server)
        slow = begin_upload(client, server, pieces=8)
        slow.send(b"0\r\n\r\n")
        taken = slow.getresponse()
        stopped = begin_upload(client, server, pieces=1)
        given_up = stopped.getresponse()

        assert (taken.status, json.loads(taken.read())["documents"]) == (201, 8)
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


def test_a_drain_ends_streams_and_leaves_jobs_for_the_next_server(demo_bundle: Path, tmp_path: Path) -> None:
    """What is done by then is counted."""
    serving = partial(running_server, demo_bundle, scripted=False, state_dir=tmp_path, state_reserve_bytes=0)
    with serving() as server:
        client = JobsClient(server)
        place = client.submit(LARGE, "similarity=none")
        with ThreadPoolExecutor() as threads:
            stream = threads.submit(client.send, "GET", f"{place}/events")
            server.journal.await_events(event="job_state", state="running")

            assert server.stop() == 0
            assert b"event: state" in stream.result().body
    with serving() as server:
        client = JobsClient(server)
        assert len(client.await_result(place)) == len(TEXTS) * 20
        assert client.get(place)["begun"] == 1


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


def test_a_full_disk_pauses_a_job_and_refuses_another(demo_bundle: Path, tmp_path: Path) -> None:
    """It goes on by itself when there is room; here there is when the reserve is less."""
    serving = partial(running_server, demo_bundle, scripted=False, state_dir=tmp_path, workers=1)
    with serving(state_reserve_bytes=0) as server:
        place = JobsClient(server).submit(LARGE, "similarity=none")
        kill(server)
    with serving(state_reserve_bytes=2**40) as server:
        client = JobsClient(server)

        job = client.await_state(place, "paused")
        refused = client.post(CORPUS)

        assert "has room for 0 bytes" in job["error"]
        assert (refused.status, refused.code) == (507, "insufficient_storage")
    with serving(state_reserve_bytes=0) as server:
        assert len(JobsClient(server).await_result(place)) == len(TEXTS) * 20


def test_jobs_outlive_their_servers(demo_bundle: Path) -> None:
    """Servers are killed during jobs: no step is lost, and each result is that of a job that was left in peace."""
    tally = torture(demo_bundle, kills=2, documents=1_500)

    assert tally.failures == []
