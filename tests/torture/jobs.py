"""Kills the server at random moments of jobs, again and again, and checks that each job ends with the right result.

    python -m tests.torture.jobs               100 kills, some minutes
    python -m tests.torture.jobs --kills 10    fewer

Every job is of the same corpus, so each result must be, to the byte, that of a job that was left in peace. After each
restart a job must have at least the steps that were seen counted before the kill: none is lost. At its end it must have
all of its steps, each counted once.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

from service.cli.issue_token import TokenClaims, sign_token
from tests.support.demo_bundle import given_or_demo_bundle
from tests.support.jobs import corpus, texts
from tests.support.server import TIMEOUT_S, Server, running_server
from tests.support.tokens import SECRET
from tests.torture.load import SEED
from tests.torture.processes import workers

# A server that has just begun to listen is killed, too.
KILL_AFTER_S = (0.0, 1.5)

# Of a job, far more than any takes.
JOB_LIMIT_S = 300.0

QUERY = "neighbours=5&duplicates=0.9"

TOKEN = sign_token(SECRET, TokenClaims("ann", scope="jobs"))
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-ndjson"}


@dataclass
class Tally:
    """What was seen. failures: the promises that were not kept, in words."""

    kills: int = 0
    worker_kills: int = 0
    jobs: int = 0
    steps: int = 0
    failures: list[str] = field(default_factory=list)


@contextmanager
def serving(bundle: Path, state: Path) -> Iterator[Server]:
    """Run a server that goes on with the jobs of `state`."""
    with running_server(bundle, scripted=False, state_dir=state, state_reserve_bytes=0) as server:
        yield server


def submit(server: Server, body: bytes) -> str:
    """Submit a corpus; return where its job is."""
    reply = server.request("POST", f"/jobs?{QUERY}", body, HEADERS)
    assert reply.status == 201, reply.body
    return reply.headers["location"]


def state_of(server: Server, place: str) -> dict[str, Any]:
    """Return a job."""
    reply = server.request("GET", place, headers=HEADERS)
    assert reply.status == 200, reply.body
    job: dict[str, Any] = json.loads(reply.body)
    return job


def await_end(server: Server, place: str) -> dict[str, Any]:
    """Wait for the end of a job; return it."""
    end = time.monotonic() + JOB_LIMIT_S
    while time.monotonic() < end:
        job = state_of(server, place)
        if job["ended"]:
            return job
        time.sleep(0.05)
    raise TimeoutError(f"{place} has not ended: {job}")


def result_of(server: Server, place: str) -> bytes:
    """Return the result of a job."""
    return server.request("GET", f"{place}/result", headers=HEADERS).body


def watch(server: Server, place: str, seconds: float) -> int:
    """Ask for a job for so long; return the most steps that were seen done."""
    seen = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        job = state_of(server, place)
        seen = max(seen, job["steps"]["done"])
        if job["ended"]:
            break
        time.sleep(0.01)
    return seen


def kill(server: Server) -> None:
    """End a server as a power cut would, as far as processes see it."""
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(TIMEOUT_S)
    server.journal.reader.join(TIMEOUT_S)


def kill_worker(server: Server, source: random.Random) -> bool:
    """Kill one of the workers, where there is one."""
    found = workers(server.process.pid)
    if not found:
        return False
    os.kill(source.choice(found), signal.SIGKILL)
    return True


class Torture:
    """One state folder, one server after another."""

    def __init__(self, bundle: Path, state: Path, body: bytes, tally: Tally) -> None:
        self._bundle = bundle
        self._state = state
        self._body = body
        self._tally = tally
        self._random = random.Random(SEED)
        self._places: list[str] = []
        self._seen: dict[str, int] = {}

    def interrupt(self) -> None:
        """Run a server, with a job, until it is killed."""
        with serving(self._bundle, self._state) as server:
            place = self._unfinished(server)
            before = self._seen.get(place, 0)
            done = state_of(server, place)["steps"]["done"]
            if done < before:
                self._tally.failures.append(
                    f"{place}: {before} steps were done before the kill, {done} after it"
                )
            if self._random.random() < 0.8:
                server.await_ready(1)
            if self._random.random() < 0.3:
                watch(server, place, self._random.uniform(0, 0.5))
                self._tally.worker_kills += kill_worker(server, self._random)
            self._seen[place] = max(done, watch(server, place, self._random.uniform(*KILL_AFTER_S)))
            kill(server)
            self._tally.kills += 1

    def _unfinished(self, server: Server) -> str:
        """Return a job that has not ended, if need be a new one."""
        for place in self._places:
            if not state_of(server, place)["ended"]:
                return place
        place = submit(server, self._body)
        self._places.append(place)
        return place

    def finish(self) -> None:
        """Let all jobs end, and check them; and one more, which is left in peace, whose result is that of all."""
        with serving(self._bundle, self._state) as server:
            peace = submit(server, self._body)
            await_end(server, peace)
            expected = result_of(server, peace)
            for place in self._places:
                job = await_end(server, place)
                self._tally.jobs += 1
                self._tally.steps += job["steps"]["done"]
                if job["state"] != "done":
                    self._tally.failures.append(f"{place} is {job['state']}: {job['error']}")
                elif job["steps"]["done"] != job["steps"]["total"] or job["begun"] != 1:
                    self._tally.failures.append(
                        f"{place} has counted {job['steps']}, begun {job['begun']} times"
                    )
                elif result_of(server, place) != expected:
                    self._tally.failures.append(
                        f"{place} has another result than a job that was left in peace"
                    )


def torture(bundle: Path, kills: int, documents: int) -> Tally:
    """Kill servers so often during jobs of so many documents."""
    tally = Tally()
    body = corpus(texts(documents, 30))
    with tempfile.TemporaryDirectory() as folder:
        torture = Torture(bundle, Path(folder) / "state", body, tally)
        while tally.kills < kills:
            try:
                torture.interrupt()
            except (OSError, HTTPException) as error:
                tally.failures.append(f"a server did not answer: {error}")
                break
        torture.finish()
    return tally


def main() -> int:
    """Torture, print what was seen, and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, help="instead of the demonstration bundle")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--documents", type=int, default=12_000)
    given = parser.parse_args()
    with given_or_demo_bundle(given.bundle) as bundle:
        tally = torture(bundle, given.kills, given.documents)
    print(
        f"{tally.kills} servers and {tally.worker_kills} workers killed, {tally.jobs} jobs, {tally.steps} steps; "
        f"{len(tally.failures)} promises not kept"
    )
    for failure in tally.failures:
        print(failure)
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
