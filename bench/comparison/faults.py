"""Faults under load: what a system loses, how long it does not answer, what it leaves running.

All requests have 300 documents. Apart from the overload, 16 clients each send their next request when they have
their answer, which keeps every worker busy. A request is lost when its client gets neither a scored answer nor a
refusal (429, 503) within CLIENT_TIMEOUT_S.
"""

import signal
import time
from collections.abc import Callable, Iterator

from bench.comparison import external_load
from bench.comparison.catalogue import System
from bench.comparison.external_load import CONNECTIONS, Answered, Arrivals, Schedule
from bench.comparison.measurements import full_again, in_flight, longest_silence, lost
from bench.comparison.process_tree import ProcessTree, is_running, send
from bench.comparison.record import Fault
from bench.comparison.running_system import RunningSystem, restart, running
from bench.harness import documents

MEANINGS = {
    "worker-killed": "SIGKILL to a worker while it scores",
    "worker-stopped": "SIGSTOP to a worker while it scores",
    "overload": "ten times the requests a second that it answered just before, in an open loop",
    "terminated": "SIGTERM to the process that was started, as on every deployment",
    "parent-killed": "SIGKILL to the process that was started, as the kernel does when memory runs out",
}

CLIENT_TIMEOUT_S = 5.0

# The request timeout of every system that has one, while faults are tried. Only by it can a system tell a worker
# that hangs from a slow one, and the usual default of 30 s or more is longer than the system is watched.
TIMEOUT_S = 3

BEFORE_S = 1.0
FIND_WORKERS_S = 0.3  # how long processes are watched to see which of them score
WATCH_S = 5.5  # long enough to see a request time out and a worker start anew
OVERLOAD_S = 2.5
END_LIMIT_S = 6.0  # how long a system may take to end after SIGTERM
ORPHANS_S = 2.0  # how long workers may outlive their parent


class Loaded:
    """A load on a system in the background, which notes when a fault was injected."""

    def __init__(self, system: RunningSystem, schedule: Schedule) -> None:
        self.system = system
        self.schedule = schedule
        self.struck = 0.0  # when the fault was injected, in Unix seconds
        self._arrivals = Arrivals(system.target(documents.LARGE), schedule)
        try:
            self._arrivals.await_first()
        except BaseException:
            self._arrivals.close()
            raise
        self.began = time.time()

    @property
    def ended(self) -> float:
        """When the load ends, or ended."""
        return self.began + self.schedule.seconds

    def inject(self, fault: Callable[[], None], after_s: float) -> None:
        """Inject a fault `after_s` seconds from now."""
        time.sleep(after_s)
        self.struck = time.time()
        fault()

    def end(self) -> list[Answered]:
        """Wait until every request has ended."""
        return self._arrivals.wait()

    def close(self) -> None:
        """End the load at once."""
        self._arrivals.close()


def clients(seconds: float) -> Schedule:
    """Return the closed loop of the faults."""
    return Schedule(seconds, users=CONNECTIONS, timeout_s=CLIENT_TIMEOUT_S)


def scorer(system: RunningSystem) -> int:
    """Return the pid of a process that is scoring at this moment."""
    candidates = workers(system)
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        for pid in candidates:
            if is_running(pid):
                return pid
    return candidates[0]


def workers(system: RunningSystem) -> list[int]:
    """Return the processes that do the scoring: those that use the processor most under load."""
    part = system.parts[system.system.workers_in]
    return part.busiest(system.site.workers, FIND_WORKERS_S, title=system.system.worker_title)


def worker_killed(system: RunningSystem) -> Fault:
    """Kill a worker in the middle of its work."""
    return _struck(system, "worker-killed", signal.SIGKILL)


def worker_stopped(system: RunningSystem) -> Fault:
    """Stop a worker in the middle of its work; it is continued when the measurement is over."""
    return _struck(system, "worker-stopped", signal.SIGSTOP)


def _struck(system: RunningSystem, name: str, number: signal.Signals) -> Fault:
    loaded = Loaded(system, clients(BEFORE_S + WATCH_S))
    victim = 0
    try:
        time.sleep(BEFORE_S - FIND_WORKERS_S)
        victim = scorer(system)
        loaded.inject(lambda: send(victim, number), 0)
        answers = loaded.end()
        serves = system.ask(documents.SMALL, CLIENT_TIMEOUT_S)
    finally:
        loaded.close()
        if victim:
            send(victim, signal.SIGCONT)
    good, struck = [answer.ended for answer in answers if answer.ok], loaded.struck
    return Fault(
        name,
        sent=len(answers),
        lost=len(lost(answers)),
        again_s=longest_silence(good, struck, loaded.ended) if serves else None,
        full_s=full_again(good, loaded.began, struck, loaded.ended),
        note="" if serves else "no longer answers",
    )


def overload(system: RunningSystem) -> Fault:
    """Let ten times as many requests arrive as the system answered in a closed loop just before."""
    capacity = external_load.peak(system.target(documents.LARGE), 2).rate
    loaded = Loaded(system, Schedule(OVERLOAD_S, rate=max(1.0, 10 * capacity), timeout_s=CLIENT_TIMEOUT_S))
    try:
        answers = loaded.end()
        again = _until_normal(system)
    finally:
        loaded.close()
    good = sum(answer.ok and answer.ended <= loaded.ended for answer in answers) / OVERLOAD_S
    refused = sorted(answer.latency_ms for answer in answers if answer.status in {429, 503})
    note = f"goodput {good / capacity:.0%} of its peak" if capacity else "nothing answered before"
    if refused:
        note += f"; {len(refused)} refused, in {refused[len(refused) // 2]:.0f} ms"
    return Fault("overload", len(answers), len(lost(answers)), again_s=again, note=note)


def terminated(system: RunningSystem) -> Fault:
    """Ask the system to stop; a request that is in flight should still get its answer."""
    loaded = Loaded(system, clients(2.5))
    front = system.parts[-1]
    front.members()
    try:
        loaded.inject(system.parent.terminate, 1.0)
        took = _await_end(front, END_LIMIT_S, system)
        answers = loaded.end()
    finally:
        loaded.close()
    affected = in_flight(answers, loaded.struck)
    left = len(front.members())
    note = f"ended after {took:.1f} s" if took is not None else f"still running after {END_LIMIT_S:.0f} s"
    return Fault("terminated", len(affected), len(lost(affected)), left=left, note=note)


def parent_killed(system: RunningSystem) -> Fault:
    """Kill the parent, count what it leaves running, and start it again as a supervisor does."""
    loaded = Loaded(system, clients(2.0))
    front = system.parts[-1]
    front.members()
    try:
        loaded.inject(system.parent.kill, 0.5)
        time.sleep(ORPHANS_S)
        system.parent.wait()
        left, memory = len(front.members()), front.pss_bytes()
        answers = loaded.end()
    finally:
        loaded.close()
    affected = in_flight(answers, loaded.struck)
    again, note = _restarted(system)
    if left:
        note = f"{left} processes with {memory >> 20} MB left running; {note}"
    return Fault("parent-killed", len(affected), len(lost(affected)), again, left=left, note=note)


def _restarted(system: RunningSystem) -> tuple[float | None, str]:
    successor = restart(system)
    try:
        took = successor.await_own_answer(15.0)
        return took, "" if took is not None else "the next start fails"
    finally:
        successor.end()


def _until_normal(system: RunningSystem, limit_s: float = 10.0) -> float | None:
    """Return how long it takes until a single request is answered within a second again."""
    began = time.monotonic()
    while time.monotonic() - began < limit_s:
        if system.ask(documents.SMALL, 1.0):
            return time.monotonic() - began
        time.sleep(0.05)
    return None


def _await_end(part: ProcessTree, limit_s: float, system: RunningSystem) -> float | None:
    began = time.monotonic()
    while time.monotonic() - began < limit_s:
        system.parent.poll()
        if not part.members():
            return time.monotonic() - began
        time.sleep(0.02)
    return None


# In this order on one start, as long as the system recovers; `parent_killed` follows on a start of its own.
FAULTS = (worker_killed, worker_stopped, overload, terminated)


def attempt(system: System) -> Iterator[Fault]:
    """Try every fault on `system`, on a fresh start where it did not recover from the last.

    Raises: StartError, LoadError.
    """
    pending = list(FAULTS)
    while pending:
        with running(system, timeout_s=TIMEOUT_S) as started:
            fit = True
            while fit and pending:
                result = pending.pop(0)(started)
                yield result
                fit = result.full_s is not None or not result.name.startswith("worker")
                fit = fit and (not pending or started.ask(documents.LARGE, CLIENT_TIMEOUT_S))
    with running(system, timeout_s=TIMEOUT_S) as started:
        yield parent_killed(started)
