"""The memory of a container is that of its limit, and the settings that are not given follow it."""

from pathlib import Path

import pytest

from service.limits import MIB
from service.memory import (
    DEFAULT_ANSWER_BUDGET_BYTES,
    DEFAULT_WORKER_BYTES,
    MIN_WORKER_BYTES,
    Shares,
    memory_limit,
    share_out,
)

BODY = 8 * MIB


def limit(folder: Path, files: dict[str, str]) -> int | None:
    """Return the limit with the files of a made-up control group hierarchy."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return memory_limit(folder / "fs", folder / "self")


@pytest.mark.parametrize("text", ["max\n", "", "9223372036854771712\n"])
def test_no_limit(tmp_path: Path, text: str) -> None:
    """Also where it is more than the machine has, as version 1 says it."""
    assert limit(tmp_path, {"self": "0::/\n", "fs/memory.max": text}) is None


def test_the_tightest_group_counts(tmp_path: Path) -> None:
    """A pod may have a limit above that of its container, or below it."""
    files = {
        "self": "0::/pod/container\n",
        "fs/pod/container/memory.max": f"{400 * MIB}\n",
        "fs/pod/memory.max": f"{300 * MIB}\n",
    }

    assert limit(tmp_path, files) == 300 * MIB


def test_the_first_version_of_control_groups(tmp_path: Path) -> None:
    """In a container the membership is the host's path, and the container's own group is at the root."""
    files = {
        "self": "4:memory:/docker/0123\n3:cpu:/docker/0123\n",
        "fs/memory/memory.limit_in_bytes": f"{300 * MIB}\n",
    }

    assert limit(tmp_path, files) == 300 * MIB


def test_without_a_limit_the_shares_are_the_defaults() -> None:
    """Those of a machine with enough memory."""
    assert share_out(None, 4, BODY) == (32 * BODY, DEFAULT_ANSWER_BUDGET_BYTES, DEFAULT_WORKER_BYTES)


@pytest.mark.parametrize("workers", [1, 2, 8])
@pytest.mark.parametrize("mib", [300, 512, 1024, 4096, 65536])
def test_the_shares_fit_into_the_limit(mib: int, workers: int) -> None:
    """Unless each worker would get less than it needs for a large request."""
    shares = share_out(mib * MIB, workers, BODY)

    assert shares.needed(workers) <= mib * MIB or shares.worker_memory_bytes == MIN_WORKER_BYTES


def test_the_shares_of_a_small_container() -> None:
    """`docker run --memory 300m`: a worker still has what 1,000 documents and their matrix take."""
    assert share_out(300 * MIB, 1, BODY) == Shares(25 * MIB, 50 * MIB, 147 * MIB)


def test_no_share_is_too_small_to_work_with() -> None:
    """A limit below what the service needs gives the least that it works with; that it is too little is logged."""
    shares = share_out(64 * MIB, 4, BODY)

    assert shares == (BODY, 16 * MIB, MIN_WORKER_BYTES)
    assert shares.needed(4) > 64 * MIB
