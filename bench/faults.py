"""Faults under load: what a system loses, how long it is silent, what it leaves running.

All with requests of 300 documents. Apart from the overload there are 16 clients, each with its next request
when it has its answer, so that every worker is at work at any moment. A request is lost when its client
gets neither a scored answer nor an honest refusal (429, 503) within PATIENCE_S.
"""

import signal
import time
from collections.abc import Callable, Iterator

from bench import documents, load
from bench.family import Family, send, works
from bench.load import CONNECTIONS, Answered, Arrivals, Schedule
from bench.measures import full_again, in_flight, longest_silence, lost
from bench.record import Fault
from bench.start import Running, restart, running
from bench.system import System

MEANINGS = {
    "worker-killed": "SIGKILL to a worker while it scores",
    "worker-stopped": "SIGSTOP to a worker while it scores",
    "overload": "ten times the requests a second that it managed just before, in an open loop",
    "terminated": "SIGTERM to the process that was started, as on every deployment",
    "parent-killed": "SIGKILL to the process that was started, as the kernel does when memory runs out",
}

PATIENCE_S = 5.0

# The request timeout of every system that offers one, while faults are tried: a worker that hangs can only be
# told from a slow one by it, and with everybody's default of 30 s or more nothing would be seen in this time.
TIMEOUT_S = 3

BEFORE_S = 1.0
STOP_CHECK_INTERVAL_S = 0.3  # how long processes are watched to see which of them score
WATCH_S = 5.5  # long enough to see a request time out and a worker start anew
OVERLOAD_S = 2.5
LEAVE_S = 6.0  # how long a system may take to go after SIGTERM
ORPHANS_S = 2.0  # how long workers may outlive their parent


class Loaded:
    """A load in the background that notes when faults happened; `end` tells what it cost."""

    def __init__(self, system: Running, schedule: Schedule) -> None:
        self.system = system
        self.schedule = schedule
        self.faults: list[float] = []
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
        """Let a fault happen `after_s` seconds from now."""
        time.sleep(after_s)
        self.faults.append(time.time())
        fault()

    def end(self) -> list[Answered]:
        """Wait for the last request."""
        return self._arrivals.wait()

    def close(self) -> None:
        """End the load at once."""
        self._arrivals.close()


def clients(seconds: float) -> Schedule:
    """Return the closed loop of the faults."""
    return Schedule(seconds, users=CONNECTIONS, timeout_s=PATIENCE_S)


def scorer(system: Running) -> int:
    """Return the pid of a process that is scoring at this moment."""
    candidates = workers(system)
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        for pid in candidates:
            if works(pid):
                return pid
    return candidates[0]


def workers(system: Running) -> list[int]:
    """Return the processes that do the scoring: those that use the processor most under load."""
    family = system.parts[system.system.workers_in]
    return family.busiest(system.site.workers, STOP_CHECK_INTERVAL_S, title=system.system.worker_title)


def worker_killed(system: Running) -> Fault:
    """Kill a worker in the middle of its work."""
    return _struck(system, "worker-killed", signal.SIGKILL)


def worker_stopped(system: Running) -> Fault:
    """Stop a worker in the middle of its work; it is continued when everything was seen."""
    return _struck(system, "worker-stopped", signal.SIGSTOP)


def _struck(system: Running, name: str, number: signal.Signals) -> Fault:
    loaded = Loaded(system, clients(BEFORE_S + WATCH_S))
    victim = 0
    try:
        time.sleep(BEFORE_S - STOP_CHECK_INTERVAL_S)
        victim = scorer(system)
        loaded.inject(lambda: send(victim, number), 0)
        answers = loaded.end()
        serves = system.ask(documents.SMALL, PATIENCE_S)
    finally:
        loaded.close()
        if victim:
            send(victim, signal.SIGCONT)
    good, struck = [answer.ended for answer in answers if answer.ok], loaded.faults[0]
    return Fault(
        name,
        sent=len(answers),
        lost=len(lost(answers)),
        again_s=longest_silence(good, struck, loaded.ended) if serves else None,
        full_s=full_again(good, loaded.began, struck, loaded.ended),
        note="" if serves else "does not answer any more",
    )


def overload(system: Running) -> Fault:
    """Let ten times as many requests arrive as the system answered in a closed loop just before."""
    capacity = load.peak(system.target(documents.LARGE), 2).rate
    loaded = Loaded(system, Schedule(OVERLOAD_S, rate=max(1.0, 10 * capacity), timeout_s=PATIENCE_S))
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


def terminated(system: Running) -> Fault:
    """Ask the system to stop; a request that was under way then should still get its answer."""
    loaded = Loaded(system, clients(2.5))
    front = system.parts[-1]
    front.members()
    try:
        loaded.inject(system.parent.terminate, 1.0)
        took = _gone(front, LEAVE_S, system)
        answers = loaded.end()
    finally:
        loaded.close()
    under_way = in_flight(answers, loaded.faults[0])
    left = len(front.members())
    note = f"gone after {took:.1f} s" if took is not None else f"not gone after {LEAVE_S:.0f} s"
    return Fault("terminated", len(under_way), len(lost(under_way)), left=left, note=note)


def parent_killed(system: Running) -> Fault:
    """Kill the parent, look what it leaves behind, and start it again as a supervisor would."""
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
    under_way = in_flight(answers, loaded.faults[0])
    again, note = _restarted(system)
    if left:
        note = f"{left} processes with {memory >> 20} MB left behind; {note}"
    return Fault("parent-killed", len(under_way), len(lost(under_way)), again, left=left, note=note)


def _restarted(system: Running) -> tuple[float | None, str]:
    successor = restart(system)
    try:
        took = successor.await_own_answer(15.0)
        return took, "" if took is not None else "the next start fails"
    finally:
        successor.end()


def _until_normal(system: Running, limit_s: float = 10.0) -> float | None:
    """Return how long it takes until a single request is answered within a second again."""
    began = time.monotonic()
    while time.monotonic() - began < limit_s:
        if system.ask(documents.SMALL, 1.0):
            return time.monotonic() - began
        time.sleep(0.05)
    return None


def _gone(family: Family, limit_s: float, system: Running) -> float | None:
    began = time.monotonic()
    while time.monotonic() - began < limit_s:
        system.parent.poll()
        if not family.members():
            return time.monotonic() - began
        time.sleep(0.02)
    return None


# In this order, on one start, unless a fault leaves it in ruins; the last one brings a start of its own.
FAULTS = (worker_killed, worker_stopped, overload, terminated)


def attempt(system: System) -> Iterator[Fault]:
    """Try every fault on `system`, on a fresh start where the last fault left one that does not recover.

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
                fit = fit and (not pending or started.ask(documents.LARGE, PATIENCE_S))
    with running(system, timeout_s=TIMEOUT_S) as started:
        yield parent_killed(started)
