"""How many CPUs this process may use, which can be fewer than the machine has."""

import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")

MEMBERSHIP = Path("/proc/self/cgroup")


def usable_cpus(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> int:
    """Return the number of CPUs in the affinity mask, capped by the container's CPU quota; at least 1.

    A quota of 1.5 CPUs gives 1: with a second busy worker the kernel would throttle both, and the server too.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min([affinity, *_quotas(cgroups, membership)])))


def _quotas(cgroups: Path, membership: Path) -> Iterator[float]:
    """Yield every quota on this process, in CPUs: those of its control group and of the groups above it."""
    for line in _read(membership).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in {"", "cpu,cpuacct", "cpu"}:
            group = cgroups / controllers / path.lstrip("/")
            while group.is_relative_to(cgroups):
                yield from _quota(group)
                group = group.parent


def _quota(group: Path) -> Iterator[float]:
    """Yield the quota of one control group, if any: version 2 has it in one file, version 1 in two."""
    quota, _, period = _read(group / "cpu.max").partition(" ")
    if not quota:
        quota, period = _read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us")
    if quota.strip().isdigit() and period.strip().isdigit() and int(period) > 0:
        yield int(quota) / int(period)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
