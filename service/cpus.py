"""How many CPUs this process may use, which can be fewer than the machine has."""

import os
from collections.abc import Iterator
from pathlib import Path

from service.control_groups import MEMBERSHIP, ROOT, groups, read


def usable_cpus(root: Path = ROOT, membership: Path = MEMBERSHIP) -> int:
    """Return the number of CPUs in the affinity mask, capped by the container's CPU quota; at least 1.

    A quota of 1.5 CPUs gives 1: with a second busy worker the kernel would throttle both, and the server too.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for group in groups("cpu", root, membership) for quota in _quota(group)]
    return max(1, int(min([affinity, *quotas])))


def _quota(group: Path) -> Iterator[float]:
    """Yield the quota of one control group, if any: version 2 has it in one file, version 1 in two."""
    quota, _, period = read(group / "cpu.max").partition(" ")
    if not quota:
        quota, period = read(group / "cpu.cfs_quota_us"), read(group / "cpu.cfs_period_us")
    if quota.strip().isdigit() and period.strip().isdigit() and int(period) > 0:
        yield int(quota) / int(period)
