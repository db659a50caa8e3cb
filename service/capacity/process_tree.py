"""A server's processes, and what the kernel counts of each: processor time and memory."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

# Anonymous and shared memory, in proportion to how many share it, so that sums are right. What is mapped of files, the
# model above all, is left out: the kernel may drop it and read it again.
_COUNTED = ("Pss_Anon", "Pss_Shmem")


class ServerProcesses(NamedTuple):
    """Process ids: of the server with its fork server, and of its workers."""

    server: tuple[int, ...]
    workers: tuple[int, ...]


def server_processes(pid: int) -> ServerProcesses:
    """Return the processes of a server: its children are the fork server and the like, their children its workers."""
    parents = dict(_parents())
    children = [child for child, parent in parents.items() if parent == pid]
    workers = [child for child, parent in parents.items() if parent in children]
    return ServerProcesses((pid, *children), tuple(workers))


def processor_s(pid: int) -> float:
    """Return the seconds that a process has run, all of its threads together. Raises: OSError where it is gone."""
    # What glibc's clock_getcpuclockid(3) makes of a process id.
    return time.clock_gettime((~pid << 3) | 2)


def used_memory(pid: int) -> int:
    """Return the bytes that a process adds to what the machine needs; 0 where it is gone."""
    used = 0
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in _COUNTED:
                used += int(rest.split()[0]) * 1024
    return used


def _parents() -> Iterator[tuple[int, int]]:
    """Yield every process with its parent."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            stat = (folder / "stat").read_bytes()
            yield int(folder.name), int(stat[stat.rindex(b")") + 2 :].split()[1])
