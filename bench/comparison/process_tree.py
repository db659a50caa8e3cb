"""All processes of a system: their memory, their processor time, their end.

The processes of a system carry a mark in their environment, which children inherit even when they become daemons.
Some programs overwrite their environment with a title; therefore a process that was found once is remembered, and
the children of members are members too.
"""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

MARK = "BENCH_RUN"


class ProcessTree:
    """The processes whose mark begins with `mark`, and their descendants; finding them takes milliseconds."""

    def __init__(self, mark: str) -> None:
        self._mark = f"{MARK}={mark}".encode()
        # (pid, start time), because a pid alone may be used again. Others are remembered to be read only once.
        self._known: set[tuple[int, str]] = set()
        self._others: set[tuple[int, str]] = set()

    def add(self, pid: int) -> None:
        """Make a process a member, because it may lose its mark before `members` first looks for it."""
        if stat := _stat(pid):
            self._known.add((pid, stat[19]))

    def members(self) -> list[int]:
        """Return the pids of all living members, zombies not among them."""
        parents = _processes()
        for pid, (_, start) in parents.items():
            if (pid, start) not in self._known | self._others:
                (self._known if self._marked(pid) else self._others).add((pid, start))
        found = {pid for pid, (_, start) in parents.items() if (pid, start) in self._known}
        while more := {pid for pid, (parent, _) in parents.items() if parent in found and pid not in found}:
            found |= more
        self._known |= {(pid, parents[pid][1]) for pid in found}
        return sorted(found)

    def _marked(self, pid: int) -> bool:
        with suppress(OSError):
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            return any(variable.startswith(self._mark) for variable in variables)
        return False

    def pss_bytes(self) -> int:
        """Return the proportional set size of all members: shared memory is counted once."""
        return sum(pss_bytes(pid) for pid in self.members())

    def busiest(self, count: int, seconds: float, *, title: str = "") -> list[int]:
        """Watch for `seconds`; return the `count` members that used the processor most, which score under load.

        title: what their command line begins with, where other members are as busy.
        """
        candidates = [pid for pid in self.members() if command_line(pid).startswith(title)]
        before = {pid: cpu_seconds(pid) for pid in candidates}
        time.sleep(seconds)
        used = {pid: cpu_seconds(pid) - since for pid, since in before.items()}
        return sorted(used, key=lambda pid: -used[pid])[:count]

    def end(self) -> None:
        """Kill every member until none is left.

        With SIGKILL: how a system ends on SIGTERM is measured by a fault of its own.
        """
        while members := self.members():
            for pid in members:
                send(pid, signal.SIGKILL)
            time.sleep(0.02)


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def pss_bytes(pid: int) -> int:
    """Return the proportional set size of one process, 0 when it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def is_running(pid: int) -> bool:
    """Return whether a process is on a processor, or waits for one, at this moment."""
    return _stat(pid)[0:1] == ["R"]


def cpu_seconds(pid: int) -> float:
    """Return the processor time that one process has used, 0 when it has ended."""
    stat = _stat(pid)
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK") if stat else 0.0


def command_line(pid: int) -> str:
    """Return the command line or title of one process, empty when it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name: state, parent and so on."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _processes() -> dict[int, tuple[int, str]]:
    """Return parent and start time of every process that is not a zombie."""
    found = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208  half the time of Path.iterdir, and called often
        if entry.isdigit() and (stat := _stat(int(entry))) and stat[0] != "Z":
            found[int(entry)] = (int(stat[1]), stat[19])
    return found
