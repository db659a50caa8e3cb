"""What the probes say from start to end of a server's life, next to what was true.

    python -m bench probing BUNDLE      prints a table: each probe, asked 20 times a second, and the truth

The phases: start, rest, saturation (every core busy, bodies of a megabyte), the death of every worker again
and again until all slots pause, recovery, drain with a request in hand. What was true is read from the log of
the server: when which slot changed its state.
"""

import argparse
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

from tests.support.server import Server, running_server

PATHS = ("/livez", "/readyz", "/startupz")

RATE = 20

# Between an event and its line in the log, and between two clocks' readings.
TOLERANCE_S = 0.005

# Workers that are ready or busy take requests; `draining` is told by the server as a whole.
SERVING = {"ready", "busy"}

UNREACHABLE = "unreachable"


class Said(NamedTuple):
    """One answer of a probe; the moments are seconds since 1970."""

    path: str
    sent: float
    received: float
    answer: str


class Span(NamedTuple):
    """A time in which one thing was true, or said: seconds since 1970."""

    begin: float
    end: float
    what: str


class Asking:
    """Asks every probe at a fixed rate on new connections, until `stop`."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.said: list[Said] = []
        self._address = address
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(path,)) for path in PATHS]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, path: str) -> None:
        due = time.time()
        while not self._stopped.wait(max(0.0, due - time.time())):
            sent = time.time()
            answer = self._answer(path)
            self.said.append(Said(path, sent, time.time(), answer))
            due += 1 / RATE

    def _answer(self, path: str) -> str:
        connection = http.client.HTTPConnection(*self._address, timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", path)
            answer = json.loads(connection.getresponse().read())
            said: str = answer.get("reason") or answer["status"]
            return said
        return UNREACHABLE


def readiness(events: Sequence[Mapping[str, Any]]) -> list[Span]:
    """Return what `/readyz` should have said and when, by the log of the server."""
    states: dict[int, str] = {}
    draining = False
    spans = [Span(moment(events[0]), 0.0, "starting")]
    for event in events:
        if event["event"] == "slot_state":
            states[event["slot"]] = event["state"]
        draining = draining or event["event"] == "drain_started"
        ready = any(state in SERVING for state in states.values())
        started = spans[-1].what != "starting" or ready
        true = "draining" if draining else "ready" if ready else "no_workers" if started else "starting"
        if true != spans[-1].what:
            spans[-1] = spans[-1]._replace(end=moment(event))
            spans.append(Span(moment(event), 0.0, true))
    spans[-1] = spans[-1]._replace(end=moment(events[-1]))
    return spans


def moment(event: Mapping[str, Any]) -> float:
    """Return when an event was logged, in seconds since 1970."""
    return datetime.fromisoformat(event["time"]).timestamp()


def untrue(said: Sequence[Said], truth: Sequence[Span]) -> list[Said]:
    """Return the answers of `/readyz` that were not true at any moment between question and answer."""
    return [
        one
        for one in said
        if one.path == "/readyz"
        and one.answer != UNREACHABLE
        and not any(
            span.what == one.answer
            and span.begin <= one.received + TOLERANCE_S
            and one.sent - TOLERANCE_S <= span.end
            for span in truth
        )
    ]


def runs(said: Sequence[Said], path: str) -> list[Span]:
    """Join the answers of one probe that follow each other and are the same."""
    spans: list[Span] = []
    for one in said:
        if one.path != path:
            continue
        if spans and spans[-1].what == one.answer:
            spans[-1] = spans[-1]._replace(end=one.received)
        else:
            spans.append(Span(one.sent, one.received, one.answer))
    return spans


@contextlib.contextmanager
def saturation(server: Server, clients: int = 8) -> Iterator[None]:
    """Keep every core busy, and the event loop with bodies of a megabyte."""
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
    """Kill every worker that there is, again and again, and then until all slots pause."""
    end = time.monotonic() + seconds
    states: set[str] = set()
    while time.monotonic() < end or states != {"backoff"}:
        slots = server.status()["slots"]
        states = {slot["state"] for slot in slots}
        for slot in slots:
            if slot["pid"] is not None and slot["state"] in SERVING:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(slot["pid"], signal.SIGKILL)


def live(server: Server, seconds: float) -> Iterator[tuple[str, float]]:
    """Lead a server through its phases, of so many seconds each; yield the name and the begin of each."""
    yield "start", time.time()
    server.journal.await_events(2, event="slot_state", state="ready")
    yield "rest", time.time()
    time.sleep(seconds)
    yield "saturation", time.time()
    with saturation(server):
        time.sleep(seconds)
    yield "deaths", time.time()
    kill_workers(server, seconds)
    mark = len(server.journal.events)
    yield "recovery", time.time()
    server.journal.await_events(1, mark, event="slot_state", state="ready")
    time.sleep(seconds)
    yield "drain", time.time()
    with server.begin(b"sleep %f" % (seconds * 1.5)):
        server.busy_worker()
        server.stop()


class Story(NamedTuple):
    """What was said in which phase, and what was true."""

    said: list[Said]
    phases: list[tuple[str, float]]
    truth: list[Span]


def tell(bundle: Path, seconds: float) -> Story:
    """Let a server live and ask it all the time."""
    with running_server(bundle, workers=2, drain_delay_s=seconds) as server:
        asking = Asking(server.address)
        try:
            phases = list(live(server, seconds))
        finally:
            asking.stop()
        return Story(asking.said, phases, readiness(server.journal.events))


def table(story: Story) -> Iterator[str]:
    """Write down when each probe said what, when what was true, and how long the answers took."""
    zero = story.phases[0][1]
    yield "  phase        from s"
    for name, begin in story.phases:
        yield f"  {name:<11} {begin - zero:7.2f}"
    rows = [("/readyz was", story.truth), *((f"{path} said", runs(story.said, path)) for path in PATHS)]
    for title, spans in rows:
        yield f"\n  {title:<16} from s     to s"
        for span in spans:
            yield f"  {span.what:<13} {span.begin - zero:8.2f} {span.end - zero:8.2f}"
    for path in PATHS:
        times = sorted((one.received - one.sent) * 1e3 for one in story.said if one.path == path)
        p99 = times[int(0.99 * (len(times) - 1))]
        yield f"\n  {path:<10} {len(times):5} answers, p99 {p99:.1f} ms, slowest {times[-1]:.1f} ms"
    yield f"\n  answers of /readyz that were not true: {len(untrue(story.said, story.truth))}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each phase")
    arguments = parser.parse_args()
    print("\n".join(table(tell(arguments.bundle, arguments.seconds))))
