"""What the health endpoints answer from the start of a server to its end, beside the true state.

    python -m bench lifecycle BUNDLE

The phases: start; idle; saturation, with every core busy and bodies of a megabyte; the death of every worker,
repeated until all slots pause before the next start; recovery; drain with a request in progress. Each endpoint
is asked 20 times a second. The true state is computed from the log of the server, which says when each slot
changed its state.
"""

import contextlib
import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from bench.harness.command_line import parser
from bench.harness.latency import latency
from tests.support.server import Server, running_server

PATHS = ("/livez", "/readyz", "/startupz")

RATE = 20

# At most so long after an event it is logged; the two times are read one after the other.
TOLERANCE_S = 0.005

# The states of a slot whose worker takes requests.
SERVING = {"ready", "busy"}

UNREACHABLE = "unreachable"


class Answer(NamedTuple):
    """One answer of a health endpoint; times in Unix seconds.

    state: `alive`, `started`, `ready` or the reason for a 503; `unreachable` without an answer.
    """

    path: str
    sent: float
    received: float
    state: str


class Span(NamedTuple):
    """A time, in Unix seconds, in which a state was true, or was answered."""

    begin: float
    end: float
    state: str


class Asker:
    """Asks every health endpoint at a fixed rate, each time on a new connection, until `stop`."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.answers: list[Answer] = []
        self._address = address
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._ask_until_stopped, args=(path,)) for path in PATHS]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask no more, and wait for the last answers."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _ask_until_stopped(self, path: str) -> None:
        due = time.time()
        while not self._stopped.wait(max(0.0, due - time.time())):
            sent = time.time()
            state = self._ask(path)
            self.answers.append(Answer(path, sent, time.time(), state))
            due += 1 / RATE

    def _ask(self, path: str) -> str:
        connection = http.client.HTTPConnection(*self._address, timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", path)
            answer = json.loads(connection.getresponse().read())
            state: str = answer.get("reason") or answer["status"]
            return state
        return UNREACHABLE


def true_readiness(events: Sequence[Mapping[str, Any]]) -> list[Span]:
    """Return what `/readyz` should have answered and when, computed from the events that the server logged."""
    slots: dict[int, str] = {}
    draining = False
    spans = [Span(unix_time(events[0]), 0.0, "starting")]
    for event in events:
        if event["event"] == "slot_state":
            slots[event["slot"]] = event["state"]
        draining = draining or event["event"] == "drain_started"
        ready = any(state in SERVING for state in slots.values())
        started = spans[-1].state != "starting" or ready
        state = "draining" if draining else "ready" if ready else "no_workers" if started else "starting"
        if state != spans[-1].state:
            spans[-1] = spans[-1]._replace(end=unix_time(event))
            spans.append(Span(unix_time(event), 0.0, state))
    spans[-1] = spans[-1]._replace(end=unix_time(events[-1]))
    return spans


def unix_time(event: Mapping[str, Any]) -> float:
    """Return when an event was logged, in Unix seconds."""
    return datetime.fromisoformat(event["time"]).timestamp()


class Observation(NamedTuple):
    """All answers, when each phase began in Unix seconds, and the true readiness."""

    answers: list[Answer]
    phases: list[tuple[str, float]]
    truth: list[Span]

    def answered(self, path: str) -> list[Span]:
        """Return a span for each run of equal answers of one endpoint."""
        spans: list[Span] = []
        for answer in self.answers:
            if answer.path != path:
                continue
            if spans and spans[-1].state == answer.state:
                spans[-1] = spans[-1]._replace(end=answer.received)
            else:
                spans.append(Span(answer.sent, answer.received, answer.state))
        return spans

    def false_answers(self) -> list[Answer]:
        """Return the answers of `/readyz` that were true at no moment between question and answer."""
        return [
            answer
            for answer in self.answers
            if answer.path == "/readyz" and answer.state != UNREACHABLE and not self._was_true(answer)
        ]

    def _was_true(self, answer: Answer) -> bool:
        return any(
            span.state == answer.state
            and span.begin <= answer.received + TOLERANCE_S
            and answer.sent - TOLERANCE_S <= span.end
            for span in self.truth
        )


@contextlib.contextmanager
def saturation(server: Server, clients: int = 8) -> Iterator[None]:
    """Keep every worker busy with 0.1 s of computing a request, and the event loop with bodies of a megabyte."""
    stopped = threading.Event()
    body = b"spin 0.1\n" + bytes(1 << 20)

    def send() -> None:
        while not stopped.is_set():
            server.score(body)

    threads = [threading.Thread(target=send) for _ in range(clients)]
    for thread in threads:
        thread.start()
    yield
    stopped.set()
    for thread in threads:
        thread.join()


def kill_workers(server: Server, seconds: float) -> None:
    """Kill each worker as soon as it serves, for so many seconds and then until all slots pause."""
    end = time.monotonic() + seconds
    states: set[str] = set()
    while time.monotonic() < end or states != {"backoff"}:
        slots = server.status()["slots"]
        states = {slot["state"] for slot in slots}
        for slot in slots:
            if slot["pid"] is not None and slot["state"] in SERVING:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(slot["pid"], signal.SIGKILL)


def phases(server: Server, seconds: float) -> Iterator[tuple[str, float]]:
    """Lead a server through its phases, of so many seconds each; yield the name and the begin of each."""
    yield "start", time.time()
    server.journal.await_events(2, event="slot_state", state="ready")
    yield "idle", time.time()
    time.sleep(seconds)
    yield "saturation", time.time()
    with saturation(server):
        time.sleep(seconds)
    yield "deaths", time.time()
    kill_workers(server, seconds)
    n_events = len(server.journal.events)
    yield "recovery", time.time()
    server.journal.await_events(1, n_events, event="slot_state", state="ready")
    time.sleep(seconds)
    yield "drain", time.time()
    with server.begin(b"sleep %f" % (seconds * 1.5)):
        server.busy_worker()
        server.stop()


def observe(bundle: Path, seconds: float) -> Observation:
    """Run a server through all phases, of so many seconds each, and ask it all the time."""
    with running_server(bundle, workers=2, drain_delay_s=seconds) as server:
        asker = Asker(server.address)
        try:
            seen = list(phases(server, seconds))
        finally:
            asker.stop()
        return Observation(asker.answers, seen, true_readiness(server.journal.events))


def table(observation: Observation) -> Iterator[str]:
    """Yield the lines of the report: the phases, the spans of truth and of answers, the latencies."""
    zero = observation.phases[0][1]
    yield "  phase        from s"
    for name, begin in observation.phases:
        yield f"  {name:<11} {begin - zero:7.2f}"
    answered = ((f"{path} answered", observation.answered(path)) for path in PATHS)
    for title, spans in (("true readiness", observation.truth), *answered):
        yield f"\n  {title:<19} from s     to s"
        for span in spans:
            yield f"  {span.state:<16} {span.begin - zero:8.2f} {span.end - zero:8.2f}"
    for path in PATHS:
        waits = [(each.received - each.sent) * 1e3 for each in observation.answers if each.path == path]
        yield f"\n  {path:<10} {len(waits):5} answers, {latency(waits)}"
    yield f"\n  false answers of /readyz: {len(observation.false_answers())}"


def main() -> None:
    """Print the table."""
    options_parser = parser(__doc__)
    options_parser.add_argument("bundle", type=Path)
    options_parser.add_argument("--seconds", type=float, default=5.0, help="of each phase (5)")
    options = options_parser.parse_args()
    print("\n".join(table(observe(options.bundle, options.seconds))))
