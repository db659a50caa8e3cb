"""The CPUs of a container are those of its quota."""

import os
from pathlib import Path

import pytest

from service.cpus import usable_cpus

AFFINITY = len(os.sched_getaffinity(0))


def cgroup(folder: Path, files: dict[str, str]) -> int:
    """Count the CPUs with the files of a made-up control group hierarchy."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return usable_cpus(folder / "fs", folder / "self")


@pytest.mark.parametrize("limit", ["max 100000", "", "nonsense"])
def test_without_a_quota_the_affinity_counts(tmp_path: Path, limit: str) -> None:
    """No limit, or none that can be read."""
    assert cgroup(tmp_path, {"self": "0::/\n", "fs/cpu.max": limit}) == AFFINITY


def test_a_quota_caps_the_cpus(tmp_path: Path) -> None:
    """As with docker run --cpus 1.5, and never under 1."""
    assert cgroup(tmp_path, {"self": "0::/\n", "fs/cpu.max": "150000 100000"}) == 1
    assert cgroup(tmp_path, {"fs/cpu.max": "10000 100000"}) == 1


def test_the_quota_of_a_group_above_counts(tmp_path: Path) -> None:
    """The tightest of the hierarchy holds."""
    files = {
        "self": "0::/pod/container\n",
        "fs/pod/container/cpu.max": "800000 100000",
        "fs/pod/cpu.max": "100000 100000",
    }

    assert cgroup(tmp_path, files) == 1


def test_the_first_version_of_control_groups(tmp_path: Path) -> None:
    """Quota and period are two files."""
    files = {
        "self": "4:cpu,cpuacct:/job\n3:memory:/job\n",
        "fs/cpu,cpuacct/job/cpu.cfs_quota_us": "100000\n",
        "fs/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
    }

    assert cgroup(tmp_path, files) == 1


def test_without_control_groups(tmp_path: Path) -> None:
    """Nothing to read is no limit."""
    assert cgroup(tmp_path, {}) == AFFINITY
