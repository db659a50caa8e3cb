"""Calls the service by its client while workers are killed, load is too high, and the server is drained and killed.

    python -m tests.torture.client_calls                  10,000 calls, some minutes
    python -m tests.torture.client_calls --calls 500      fewer

Half of the callers are threads of one `Client`, half are tasks of one `AsyncClient`. Each call has documents of its
own, and its result is compared with them. A call must end in its result or in an exception of the client, by its
deadline, and the requests must stay within the retry budget. The servers' logs tell which calls were scored twice.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from bench.harness.server import free_ports
from scorepool_client import (
    AsyncClient,
    Client,
    Document,
    RetryPolicy,
    ScorepoolError,
    ScoreResult,
    TokenMinter,
    minted_with_secret,
)
from scoring.training.demo import build_demo
from tests.support.server import Server, running_server
from tests.support.tokens import SECRET
from tests.torture.__main__ import BODIES
from tests.torture.load import SEED, SteadyLoad
from tests.torture.processes import workers

CALLERS = 8

TIMEOUT_S = 5.0

# Whose the calls are in the servers' logs, beside the requests of the overload.
SUBJECT = "caller"

# By how much a call may end after its deadline: that of a `Client` may last up to twice its time.
GRACE_S = TIMEOUT_S

# A caller's pause after a failure that does not say when to come back.
PAUSE_S = 0.2

# So short that the load of `overload` fills it.
QUEUE_BUDGET_S = 0.2

RANDOM = random.Random(SEED)


@dataclass
class Calls:
    """How calls ended: by exception, by attempts; the ids of those with a result. wrong: promises that were broken."""

    enough: Callable[[int], bool]
    results: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    worst_overrun_s: float = -TIMEOUT_S
    wrong: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def ended(self) -> int:
        """Return how many calls have ended."""
        return self.results.total() + self.failures.total()

    def documents(self) -> list[Document]:
        """Return the documents of the next call: their ids and their numbers of words are its own."""
        number = next(self.numbers)
        return [Document("storm " * (1 + (number + i) % 97), f"{number}-{i}") for i in range(3)]

    def note_result(self, documents: list[Document], result: ScoreResult, began: float) -> None:
        """Count a result, and compare it with what was asked."""
        expected = [(document.id, document.text.count("storm")) for document in documents]
        if [(document.id, document.tokens) for document in result.documents] != expected:
            self.wrong.append(f"{result.request_id} has the result of another call")
        self.results[result.request_id] += 1
        self._note(result.attempts, began)

    def note_failure(self, error: Exception, began: float) -> None:
        """Count a call without a result."""
        if isinstance(error, ScorepoolError):
            self.failures[f"{type(error).__name__} {error.code}"] += 1
            self._note(error.attempts, began)
        else:
            self.wrong.append(f"undocumented: {error!r}")

    def _note(self, attempts: int, began: float) -> None:
        self.requests += attempts
        self.worst_overrun_s = max(self.worst_overrun_s, time.monotonic() - began - TIMEOUT_S)


def call_in_thread(client: Client, calls: Calls, lock: threading.Lock) -> None:
    """Call again and again until there are enough."""
    while not calls.enough(calls.ended):
        with lock:
            documents = calls.documents()
        began = time.monotonic()
        outcome: Any
        try:
            outcome = client.score(documents, timeout=TIMEOUT_S)
        except Exception as error:  # whatever it raises is counted
            outcome = error
        with lock:
            _note(calls, documents, outcome, began)
        if isinstance(outcome, Exception):
            time.sleep(_pause(outcome))


async def call_in_task(client: AsyncClient, calls: Calls) -> None:
    """Call again and again until there are enough."""
    while not calls.enough(calls.ended):
        documents, began = calls.documents(), time.monotonic()
        outcome: Any
        try:
            outcome = await client.score(documents, timeout=TIMEOUT_S)
        except Exception as error:  # whatever it raises is counted
            outcome = error
        _note(calls, documents, outcome, began)
        if isinstance(outcome, Exception):
            await asyncio.sleep(_pause(outcome))


def _pause(error: Exception) -> float:
    return (error.retry_after_s if isinstance(error, ScorepoolError) else None) or PAUSE_S


def _note(calls: Calls, documents: list[Document], outcome: Any, began: float) -> None:
    if isinstance(outcome, Exception):
        calls.note_failure(outcome, began)
    else:
        calls.note_result(documents, outcome, began)


class Faults:
    """One server after the other at one address, and what is done to them."""

    def __init__(self, bundle: Path, running: ExitStack) -> None:
        self._bundle = bundle
        self._running = running
        self._port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self._port}"
        self.done: Counter[str] = Counter()
        self.servers: list[Server] = []
        self.start()

    @property
    def server(self) -> Server:
        """Return the one that runs."""
        return self.servers[-1]

    def start(self) -> None:
        """Start a server and wait until it is ready."""
        starting = running_server(
            self._bundle, scripted=False, port=self._port, queue_budget_s=QUEUE_BUDGET_S
        )
        server = self._running.enter_context(starting)
        self.servers.append(server)
        server.await_ready(2)

    def cycle(self, kills: int) -> None:
        """Kill so many workers, and then so many again; do all else once."""
        self.kill_workers(kills)
        self.overload(2.0)
        self.restart(signal.SIGTERM, "drain and restart")
        self.kill_workers(kills)
        self.restart(signal.SIGKILL, "SIGKILL of the server and restart")

    def kill_workers(self, times: int) -> None:
        """Kill one random worker after the other."""
        for _ in range(times):
            time.sleep(RANDOM.uniform(0.1, 0.2))
            living = workers(self.server.process.pid)
            if living:
                _kill(RANDOM.choice(living))
                self.done["SIGKILL of a worker"] += 1

    def overload(self, seconds: float) -> None:
        """Send more work than the server takes, beside the calls."""
        with SteadyLoad(self.server, BODIES[2:], clients=40) as load:
            time.sleep(seconds)
        self.done["requests of the overload"] += load.tally.sent
        self.done["of these refused"] += load.tally.answers[503]

    def restart(self, by: signal.Signals, name: str) -> None:
        """End the server and start another."""
        ending = self.server
        ending.process.send_signal(by)
        ending.process.wait()
        ending.journal.reader.join()
        self.done[name] += 1
        self.start()

    def scored(self) -> Counter[str]:
        """Return how often each request was answered with its result, as the servers logged it."""
        events = [
            event for server in self.servers for event in server.journal.find(subject=SUBJECT, status=200)
        ]
        return Counter(event["request_id"] for event in events)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@dataclass
class Run:
    """What came of a run: the calls of each kind of client, the faults, and how often each call was scored."""

    calls: dict[str, Calls]
    faults: Counter[str]
    scored: Counter[str]
    seconds: float

    def failures(self) -> list[str]:
        """Return the promises that were broken, in words."""
        found = []
        for name, calls in self.calls.items():
            found += [f"{name}: {wrong}" for wrong in calls.wrong]
            found += [
                f"{name}: {twice} results for {key}" for key, twice in calls.results.items() if twice > 1
            ]
            if calls.worst_overrun_s > GRACE_S:
                found.append(f"{name}: a call ended {calls.worst_overrun_s:.1f} s after its deadline")
            if calls.requests > self.allowed(calls):
                found.append(f"{name}: {calls.requests} requests, {self.allowed(calls):.0f} allowed")
        found += [f"scored {times} times: {key}" for key, times in self.scored.items() if times > 1]
        return found

    def allowed(self, calls: Calls) -> float:
        """Return how many requests the retry budget allows for these calls."""
        policy = RetryPolicy()
        retries = (
            policy.budget_tokens + policy.budget_per_s * self.seconds + policy.budget_ratio * calls.ended
        )
        return calls.ended + retries

    def table(self) -> str:
        """Lay the run out for a terminal."""
        lines = [f"{count:>7,} {name}" for name, count in self.faults.items()]
        for name, calls in self.calls.items():
            share = calls.requests / max(1, calls.ended)
            allowed = self.allowed(calls) / max(1, calls.ended)
            lines += [
                f"{name}: {calls.ended:,} calls, {len(calls.results):,} results, {calls.requests:,} requests",
                f"    {share:.3f} requests a call, the budget allows {allowed:.3f}",
                f"    last end {calls.worst_overrun_s * 1e3:+.0f} ms after the deadline; {dict(calls.failures)}",
            ]
        twice = sum(times > 1 for times in self.scored.values())
        received = {key for calls in self.calls.values() for key in calls.results}
        unseen = len(self.scored.keys() - received)
        lines += [
            f"{twice} calls were scored twice; {unseen} were scored and ended in an exception",
            f"{len(self.failures())} promises broken, {self.seconds:.0f} s",
        ]
        return "\n".join(lines)


def torture(bundle: Path, wanted: int, kills: int = 100) -> Run:
    """Make at least so many calls, and go once through every fault at least; kills: of workers between two faults."""
    cycles = threading.Event()
    kinds = {
        name: Calls(lambda ended: ended >= wanted / 2 and cycles.is_set()) for name in ("threads", "tasks")
    }
    token = minted_with_secret(SECRET, SUBJECT)
    begin = time.monotonic()
    with ExitStack() as running:
        faults = Faults(bundle, running)
        pool = running.enter_context(ThreadPoolExecutor(CALLERS + 1))
        client = running.enter_context(Client(faults.url, token))
        lock = threading.Lock()
        callers = [pool.submit(call_in_thread, client, kinds["threads"], lock) for _ in range(CALLERS)]
        callers.append(pool.submit(asyncio.run, _call_in_tasks(faults.url, token, kinds["tasks"])))
        try:
            faults.cycle(kills)
            while any(calls.ended < wanted / 2 for calls in kinds.values()):
                faults.cycle(kills)
        finally:
            cycles.set()
        for caller in callers:
            caller.result()
        faults.server.stop()
        return Run(kinds, faults.done, faults.scored(), time.monotonic() - begin)


async def _call_in_tasks(url: str, token: TokenMinter, calls: Calls) -> None:
    async with AsyncClient(url, token) as client:
        await asyncio.gather(*[call_in_task(client, calls) for _ in range(CALLERS)])


def main() -> int:
    """Run on the given bundle, or on one that is trained for this run; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--bundle", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bundle = options.bundle or Path(folder) / "bundle"
        if options.bundle is None:
            build_demo(bundle, epochs=2)
        run = torture(bundle, options.calls)
    print(run.table())
    failures = run.failures()
    print("\n".join(failures[:20]), file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
