"""Reloads good and damaged bundles under load, again and again, while workers are killed at random.

    python -m tests.torture.reloads               200 reloads, about two minutes
    python -m tests.torture.reloads --times 20    fewer

Two good models take turns, and before each of them a damaged bundle is tried. Every answer must be, to the byte, what
one of the two models answers to that request: so none is lost, and none has parts of both. A good bundle must be
served by all that comes after its reload, and a damaged one change nothing.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException
from itertools import cycle
from pathlib import Path

from scoring.bundle.bundle import open_bundle
from scoring.training.demo import demo_documents
from service.limits import RequestLimits
from service.scorers.handler import open_documents
from tests.support.another_bundle import write_another
from tests.support.demo_bundle import given_or_demo_bundle
from tests.support.server import TIMEOUT_S, Server, running_server
from tests.torture.load import SEED
from tests.torture.processes import resources, workers
from tests.torture.report import Row, table

CLIENTS = 4

# Each reload in this number is by SIGHUP, the others by `POST /reload`.
SIGNAL_EVERY = 5

# Reloads before what the server holds is measured for the first time.
WARM_UP = 10

# Seconds between two kills, at least and at most.
KILL_PAUSE_S = (0.1, 0.4)

VECTORS = "word_vectors.npy"

RANDOM = random.Random(SEED)


def truncate(bundle: Path) -> None:
    """Cut a file off."""
    os.truncate(bundle / VECTORS, 1000)


def corrupt(bundle: Path) -> None:
    """Change one byte of a file."""
    content = bytearray((bundle / VECTORS).read_bytes())
    content[RANDOM.randrange(len(content))] ^= 1
    (bundle / VECTORS).write_bytes(content)


def remove_file(bundle: Path) -> None:
    """Take a file away."""
    (bundle / VECTORS).unlink()


def replace_by_text(bundle: Path) -> None:
    """Make it no bundle."""
    shutil.rmtree(bundle)
    bundle.mkdir()
    (bundle / "README").write_text("no bundle")


DAMAGES: Sequence[Callable[[Path], None]] = (truncate, corrupt, remove_file, replace_by_text)


def bodies() -> list[bytes]:
    """Return requests of several sizes and kinds."""
    texts = demo_documents()
    options: list[dict[str, object]] = [{}, {"vectors": True}, {"similarity": "pairs", "threshold": 0.2}]
    return [
        json.dumps({"documents": (texts * 4)[:size], **option}).encode()
        for size in (1, 3, 40)
        for option in options
    ]


def answers(bundle: Path, requests: Sequence[bytes]) -> Mapping[bytes, bytes]:
    """Return what the model of a bundle answers to each request."""
    handler = open_documents(bundle, RequestLimits())
    return {body: bytes(handler(body, "score").body) for body in requests}


@dataclass
class Answered:
    """How requests ended: by the model that answered; `wrong` is what no single model answers, or no answer at all."""

    by: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class CheckedLoad:
    """Clients that compare every answer with those of the models by `name`, until the end of the block."""

    def __init__(self, server: Server, expected: Mapping[str, Mapping[bytes, bytes]]) -> None:
        self.answered = Answered()
        self._server = server
        self._expected = expected
        self._stopping = threading.Event()

    def run(self, number: int) -> None:
        """Send requests on one kept connection, one after the other."""
        rng = random.Random(SEED + number)
        requests = bodies()
        connection = HTTPConnection(*self._server.address, timeout=TIMEOUT_S)
        while not self._stopping.is_set():
            body = rng.choice(requests)
            try:
                connection.request("POST", "/score", body, self._server.headers)
                reply = connection.getresponse()
                self._note(body, reply.status, reply.read())
            except (OSError, HTTPException) as error:
                self.answered.wrong.append(f"no answer: {error!r}")
                connection.close()
        connection.close()

    def _note(self, body: bytes, status: int, answer: bytes) -> None:
        by = [name for name, expected in self._expected.items() if expected[body] == answer]
        if status == 200 and len(by) == 1:
            self.answered.by[by[0]] += 1
        else:
            self.answered.wrong.append(f"{status}: {answer[:200]!r}")

    def stop(self) -> None:
        """Let the clients end with the answers that they wait for."""
        self._stopping.set()


@contextmanager
def in_threads(stop: Callable[[], None], runs: Sequence[Callable[[], None]]) -> Iterator[None]:
    """Run all beside the block, and stop them at its end."""
    threads = [threading.Thread(target=run) for run in runs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop()
        for thread in threads:
            thread.join()


class Killer:
    """Kills one random worker after the other, spare ones and those that are starting included."""

    def __init__(self, server: Server) -> None:
        self.kills = 0
        self._server = server
        self._stopping = threading.Event()

    def run(self) -> None:
        """Kill until stopped."""
        rng = random.Random(SEED)
        while not self._stopping.wait(rng.uniform(*KILL_PAUSE_S)):
            if living := workers(self._server.process.pid):
                with suppress(ProcessLookupError):
                    os.kill(rng.choice(living), signal.SIGKILL)
                    self.kills += 1

    def stop(self) -> None:
        """Kill no more."""
        self._stopping.set()


class Shelf:
    """The path that is served, and the bundles that take turns at it."""

    def __init__(self, folder: Path, bundle: Path) -> None:
        self.path = folder / "served"
        self._next = folder / "next"
        self.good = {"first": bundle, "second": write_another(bundle, folder / "second")}
        self.digests = {name: open_bundle(path).digest for name, path in self.good.items()}
        shutil.copytree(bundle, self.path)

    def put(self, name: str, damage: Callable[[Path], None] | None = None) -> None:
        """Put a bundle at the path, as people do: written beside it, and renamed."""
        shutil.copytree(self.good[name], self._next)
        if damage is not None:
            damage(self._next)
        shutil.rmtree(self.path)
        self._next.rename(self.path)


@dataclass
class Reloads:
    """Reloads, one after the other: good bundles in turn, and a damaged one before each of them."""

    server: Server
    shelf: Shelf
    row: Row
    seconds: list[float] = field(default_factory=list)

    def run(self, times: int) -> None:
        """Reload so many times, the last time a good bundle."""
        turns, damages = cycle(["second", "first"]), cycle(DAMAGES)
        for number in range(times, 0, -1):
            by_signal = number % SIGNAL_EVERY == 0
            if number % 2 == 0:
                self._reload_damaged(next(damages), by_signal=by_signal)
            else:
                self._reload_good(next(turns), by_signal=by_signal)

    def _reload_good(self, name: str, *, by_signal: bool) -> None:
        self.shelf.put(name)
        began = time.monotonic()
        outcome = self._ask(by_signal=by_signal)
        self.seconds.append(time.monotonic() - began)
        served = json.loads(self.server.request("GET", "/info").body)["model"]["digest"]
        after = json.loads(self.server.score().body).get("model", {}).get("digest")
        if not served == after == self.shelf.digests[name] or outcome not in {"reloaded", "reload_unchanged"}:
            self.row.failures.append(f"a good bundle is not served: {outcome}, {served}, {after}")

    def _reload_damaged(self, damage: Callable[[Path], None], *, by_signal: bool) -> None:
        before = self.server.request("GET", "/info").body
        self.shelf.put("first", damage)
        outcome = self._ask(by_signal=by_signal)
        if not outcome.startswith("reload_failed") or self.server.request("GET", "/info").body != before:
            self.row.failures.append(f"{damage.__name__}: {outcome}")

    def _ask(self, *, by_signal: bool) -> str:
        """Have the server reload; return the event of its end, with its detail if it failed."""
        journal = self.server.journal
        mark = len(journal.events)
        if by_signal:
            self.server.process.send_signal(signal.SIGHUP)
        else:
            self.server.request("POST", "/reload", headers=self.server.headers)
        journal.await_events(1, mark, event="reload_started")
        while True:
            for event in journal.events[mark:]:
                if event["event"] in {"reloaded", "reload_unchanged", "reload_failed"}:
                    return " ".join([event["event"], event.get("detail", "")]).strip()
            time.sleep(0.002)


def torture(bundle: Path, times: int) -> Row:
    """Reload so many times; return what came of it."""
    row = Row("reloads, every other one of a damaged bundle", times)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        shelf = Shelf(Path(folder), bundle)
        server = running.enter_context(running_server(shelf.path, scripted=False))
        server.await_ready(2)
        expected = {name: answers(path, bodies()) for name, path in shelf.good.items()}
        load, killer = CheckedLoad(server, expected), Killer(server)
        reloads = Reloads(server, shelf, row)
        with in_threads(load.stop, [partial(load.run, number) for number in range(CLIENTS)]):
            with in_threads(killer.stop, [killer.run]):
                reloads.run(WARM_UP)
                before = resources(server.process.pid)
                reloads.run(times)
            after = resources(server.process.pid)
        note_load(row, load.answered, reloads, killer.kills)
        row.note += f"; {before.growth(after)}"
        row.failures += before.leaks(after)
    return row.judge()


def note_load(row: Row, answered: Answered, reloads: Reloads, kills: int) -> None:
    """Note how requests and reloads ended."""
    row.tally.answers[200] = answered.by.total()
    row.tally.unresolved = len(answered.wrong)
    row.recovery_s = reloads.seconds
    row.failures += answered.wrong[:5]
    by = ", ".join(f"{count:,} by the {name} model" for name, count in sorted(answered.by.items()))
    row.note = f"{kills} workers killed; answers: {by}"
    if len(answered.by) < 2:
        row.failures.append("only one model has answered")


def main() -> int:
    """Run on the given bundle, or on one that is trained for this run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--bundle", type=Path)
    options = parser.parse_args()
    with given_or_demo_bundle(options.bundle) as bundle:
        row = torture(bundle, options.times)
    print(table([row]))
    print("recovery: of a good bundle, from the request for its reload to its end")
    return 1 if row.failures else 0


if __name__ == "__main__":
    sys.exit(main())
