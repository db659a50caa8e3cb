"""The faults that are injected into one server under load. Every scenario returns its row of the table."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from tests.support.server import Server
from tests.torture.load import SEED, SteadyLoad, send_one
from tests.torture.processes import fork_server, is_alive, resource_tracker, workers
from tests.torture.report import Row

# A deadline is kept when the answer arrives within this time after it.
OVERRUN_S = 0.1

RANDOM = random.Random(SEED)


def measure(row: Row, server: Server, since: int, began: float, slots: int = 1) -> None:
    """Wait until the loss of `slots` workers is noticed and they are replaced; note how long both took."""
    journal = server.journal
    for dead in journal.await_events(slots, since, event="slot_state", state="dead")[:slots]:
        row.detection_s.append(moment(dead) - began)
        later = journal.events.index(dead, since)
        ready = journal.await_events(1, later, event="slot_state", state="ready", slot=dead["slot"])[0]
        row.recovery_s.append(moment(ready) - began)


def moment(event: dict[str, str]) -> float:
    """Return the Unix time of a logged event."""
    return datetime.fromisoformat(event["time"]).timestamp()


def pause(least: float, most: float) -> None:
    """Let the load go on for a random time between `least` and `most` seconds."""
    time.sleep(RANDOM.uniform(least, most))


def kill(server: Server, row: Row, pids: Sequence[int]) -> None:
    """Kill workers at the same time and wait until they are replaced."""
    since, began = len(server.journal.events), time.time()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    measure(row, server, since, began, len(pids))


def random_kills(server: Server, bodies: Sequence[bytes], times: int) -> Row:
    """Kill one random worker after another at random moments."""
    row = Row("SIGKILL at a random moment", times)
    with SteadyLoad(server, bodies) as load:
        for _ in range(times):
            pause(0.1, 0.2)
            kill(server, row, [RANDOM.choice(workers(server.process.pid))])
    row.tally = load.tally
    return row.judge()


def kills_at_once(server: Server, bodies: Sequence[bytes], times: int) -> Row:
    """Kill all workers together."""
    row = Row("SIGKILL of all workers at once", times)
    with SteadyLoad(server, bodies) as load:
        for _ in range(times):
            pause(0.2, 0.4)
            kill(server, row, workers(server.process.pid))
    row.tally = load.tally
    return row.judge()


def kills_while_idle(server: Server, bodies: Sequence[bytes], times: int) -> Row:
    """Kill idle workers; all get work in between, or the server would take their deaths for a broken bundle."""
    row = Row("SIGKILL while idle", times)
    for _ in range(times):
        with SteadyLoad(server, bodies) as load:
            pause(0.1, 0.15)
        row.tally.add(load.tally)
        kill(server, row, [RANDOM.choice(workers(server.process.pid))])
    return row.judge()


def kills_while_starting(server: Server, bodies: Sequence[bytes], times: int) -> Row:
    """Kill a worker, and its successor before that is ready."""
    row = Row("SIGKILL while starting", times)
    with SteadyLoad(server, bodies) as load:
        for _ in range(times):
            pause(0.1, 0.2)
            before = workers(server.process.pid)
            os.kill(before[0], signal.SIGKILL)
            while not (fresh := set(workers(server.process.pid)) - set(before)):
                pass
            pause(0.0, 0.01)
            kill(server, row, list(fresh)[:1])
    row.tally = load.tally
    return row.judge()


def kills_while_writing(server: Server, bodies: Sequence[bytes], times: int, flags: Path) -> Row:
    """Have workers kill themselves while they write a large answer; the request must be retried and answered."""
    row = Row("death while writing the answer", times)
    with SteadyLoad(server, bodies) as load:
        for number in range(times):
            flag = flags / f"written-{time.monotonic_ns()}-{number}"
            body = f"kill_self_writing {flag} {RANDOM.uniform(0.1, 8):.2f} 30000000".encode()
            send_one(server, body, 10.0, row.tally)
    row.note = f"beside {load.tally.sent} requests, {load.tally.failed()} failed"
    row.tally.add(load.tally)
    return row.judge()


def bad_bodies(server: Server, bodies: Sequence[bytes], kinds: Sequence[bytes], expected: int) -> Row:
    """Send bodies that make their worker fail; each must get the expected status and disturb no other request."""
    names = ", ".join(dict.fromkeys(kind.split()[0].decode() for kind in kinds))
    row = Row(names, len(kinds))
    asked = Row(names, len(kinds))
    with SteadyLoad(server, bodies) as load:
        for number, kind in enumerate(kinds):
            send_one(server, kind + b"\n%d %d" % (number, time.monotonic_ns()), 20.0, asked.tally)
            pause(0.1, 0.2)
    row.tally = load.tally
    if asked.tally.answers[expected] != len(kinds):
        row.failures.append(f"expected {expected} each time, got {dict(asked.tally.answers)}")
    row.note = f"answered {expected} each"
    return row.judge()


def endless_calls(server: Server, bodies: Sequence[bytes], times: int) -> Row:
    """Send bodies that never end: in Python, in C with the interpreter's lock held, and asleep."""
    kinds = (b"hang", b"hold_gil", b"sleep 600")
    row = Row("endless loop, GIL held, asleep", times * len(kinds))
    asked = Row("", 0)
    with SteadyLoad(server, bodies) as load:
        for number in range(times * len(kinds)):
            since = len(server.journal.events)
            body = kinds[number % len(kinds)] + b"\n%d" % number
            began = time.time() + 0.5
            send_one(server, body, 0.5, asked.tally)
            measure(row, server, since, began)
    row.tally = load.tally
    return judged_by_deadline(row, asked)


def stops(server: Server, bodies: Sequence[bytes], times: int) -> Row:
    """SIGSTOP a worker and send requests, one of which is given to it."""
    row = Row("SIGSTOP", times)
    asked = Row("", 0)
    for _ in range(times):
        since, began = len(server.journal.events), time.time()
        stopped = RANDOM.choice(workers(server.process.pid))
        os.kill(stopped, signal.SIGSTOP)
        senders = [
            threading.Thread(target=send_one, args=(server, bodies[0], 5.0, asked.tally)) for _ in range(4)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        measure(row, server, since, began)
        if is_alive(stopped):
            row.failures.append("the stopped worker is still alive")
    row.tally = asked.tally
    return judged_by_deadline(row, asked)


def judged_by_deadline(row: Row, asked: Row) -> Row:
    """Judge the row, and the deadlines of the requests in `asked`, which were sent beside its load."""
    row.note = f"deadline overrun at most {asked.tally.worst_overrun_s * 1e3:.0f} ms"
    if asked.tally.worst_overrun_s > OVERRUN_S or asked.tally.unresolved:
        row.failures.append(row.note)
    return row.judge()


def kills_of_helpers(
    server: Server, bodies: Sequence[bytes], times: int, find: Callable[[int], int], name: str
) -> Row:
    """Kill the fork server or the resource tracker, and a worker after it."""
    row = Row(f"SIGKILL of the {name}", times)
    n_workers = len(workers(server.process.pid))
    with SteadyLoad(server, bodies) as load:
        for _ in range(times):
            pause(0.2, 0.4)
            since, began = len(server.journal.events), time.time()
            os.kill(find(server.process.pid), signal.SIGKILL)
            if find is fork_server:
                measure(row, server, since, began, n_workers)
            pause(0.2, 0.3)
            kill(server, row, [RANDOM.choice(workers(server.process.pid))])
    row.tally = load.tally
    return row.judge()


def cancelled_requests(server: Server, bodies: Sequence[bytes], times: int) -> Row:
    """Clients disconnect while their request runs or waits; the slot is free again soon after."""
    row = Row("clients that disconnect", times)
    with SteadyLoad(server, bodies) as load:
        for number in range(times):
            since = len(server.journal.events)
            with server.begin(b"sleep 30\n%d" % number):
                pause(0.0, 0.1)
            began = time.time()
            pause(0.1, 0.2)
            if server.journal.find(since, event="slot_ended", reason="cancelled"):
                measure(row, server, since, began)
    row.tally = load.tally
    return row.judge()


HELPERS = ((fork_server, "fork server"), (resource_tracker, "resource tracker"))

CRASHES = (b"segfault", b"exit_hard 3", b"kill_self SIGABRT", b"kill_self SIGBUS")
EXCEPTIONS = (b"exit_python 3", b"fail_unpicklably x", b"fail x")
MEMORY_EXCESS = (b"hog",)
