"""The processes of a server, found in /proc, and the resources that they hold."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

PROC = Path("/proc")

MIB = 1024 * 1024

# By how much a count may grow without being called a leak: connections and answers in flight come and go.
SLACK: Mapping[str, int] = MappingProxyType(
    {"open_files": 8, "threads": 4, "semaphores": 0, "zombies": 0, "memory_mib": 64}
)


def children(pid: int) -> list[int]:
    """Return the child processes of `pid` that are no zombies."""
    found = []
    for task in (PROC / str(pid) / "task").glob("*/children"):
        try:
            found += [int(word) for word in task.read_text().split()]
        except OSError:
            continue
    return [child for child in found if is_alive(child)]


def is_alive(pid: int) -> bool:
    """Return whether a process exists and is no zombie."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def command(pid: int) -> str:
    """Return the command line of a process, empty when it has ended."""
    try:
        return (PROC / str(pid) / "cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def fork_server(server: int) -> int:
    """Return the fork server of a server."""
    return next(pid for pid in children(server) if "multiprocessing.forkserver" in command(pid))


def resource_tracker(server: int) -> int:
    """Return the resource tracker of a server."""
    return next(pid for pid in children(server) if "multiprocessing.resource_tracker" in command(pid))


def workers(server: int) -> list[int]:
    """Return the workers of a server, including those that are starting."""
    try:
        return children(fork_server(server))
    except StopIteration:
        return []


def session(leader: int) -> list[int]:
    """Return the living processes of a session. All processes of a server that leads a session are in it."""
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdigit() and is_alive(int(entry.name)):
            try:
                if os.getsid(int(entry.name)) == leader:
                    found.append(int(entry.name))
            except ProcessLookupError:
                continue
    return found


@dataclass(frozen=True, slots=True)
class Resources:
    """What a server and its fork server hold together."""

    open_files: int
    threads: int
    semaphores: int
    zombies: int
    memory_mib: int

    def growth(self, later: "Resources") -> str:
        """Return in one line how each count has changed."""
        names = ("open_files", "threads", "semaphores", "zombies", "memory_mib")
        return ", ".join(f"{name} {getattr(self, name)}→{getattr(later, name)}" for name in names)

    def leaks(self, later: "Resources") -> list[str]:
        """Return a sentence for each count that has grown by more than its slack."""
        return [
            f"{name} grew from {getattr(self, name)} to {getattr(later, name)}"
            for name, slack in SLACK.items()
            if getattr(later, name) > getattr(self, name) + slack
        ]


def resources(server: int) -> Resources:
    """Count what a server holds now."""
    pair = (server, fork_server(server))
    statuses = [(PROC / str(pid) / "status").read_text() for pid in pair]
    maps = (PROC / str(server) / "maps").read_text()
    every = [int(word) for pid in pair for task in (PROC / str(pid) / "task").glob("*/children")
             for word in task.read_text().split()]  # fmt: skip
    return Resources(
        open_files=sum(len(list((PROC / str(pid) / "fd").iterdir())) for pid in pair),
        threads=sum(int(_field(status, "Threads")) for status in statuses),
        semaphores=len({line.split()[5] for line in maps.splitlines() if "/sem." in line}),
        zombies=sum(not is_alive(pid) for pid in every),
        memory_mib=sum(int(_field(status, "VmRSS").split()[0]) for status in statuses) * 1024 // MIB,
    )


def _field(status: str, name: str) -> str:
    return next(line.partition(":")[2] for line in status.splitlines() if line.startswith(name + ":"))
