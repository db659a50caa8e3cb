"""How much memory this process may use, and how it is shared out where the settings do not say it.

    limit │ BASE_BYTES │  1/8 bodies  │  1/4 answers  │  3/8 workers  │  1/4 spare                            │
                                                                       shared memory, one more worker during a
                                                                       reload, what several subjects hold beyond
                                                                       a budget

A container that exceeds its limit is killed, often as a whole (`memory.oom.group`, which Kubernetes sets). So one with
little memory refuses requests early and has its workers end by their own limit, one at a time.
"""

import os
from pathlib import Path
from typing import NamedTuple

from service.control_groups import MEMBERSHIP, ROOT, groups, read
from service.limits import MAX_ANSWER_BYTES, MIB

# The server process, the fork server and the resource tracker, with the first worker idle: 95 to 105 MiB, the same for
# one and for four workers.
BASE_BYTES = 100 * MIB

# What the limit of a worker counts and its fork server has already: a worker without a request has 78 MiB of data
# by the kernel's count, and 6 of them are its own.
INHERITED_BYTES = 72 * MIB

# Bodies held in memory at once, as a multiple of the largest: 256 MiB by default. It keeps memory flat; the
# cost budget is the one that is meant to be reached first.
BODIES_HELD = 32

# The answers of a service with enough memory: room for eight matrices of 1,000 documents.
DEFAULT_ANSWER_BUDGET_BYTES = 96 * MIB

# A matrix of 1,000 documents is 12 MiB.
MIN_ANSWER_BUDGET_BYTES = 16 * MIB

DEFAULT_WORKER_BYTES = 2048 * MIB

# With 96 MiB a worker ends at a matrix of 1,000 documents, with 64 MiB none starts.
MIN_WORKER_BYTES = 128 * MIB


class Shares(NamedTuple):
    """What may hold how many bytes. worker_memory_bytes: of each, with `INHERITED_BYTES`."""

    body_budget_bytes: int
    answer_budget_bytes: int
    worker_memory_bytes: int

    def needed(self, workers: int) -> int:
        """Return the bytes that all of it takes together when it is used up."""
        each = self.worker_memory_bytes - INHERITED_BYTES
        return BASE_BYTES + self.body_budget_bytes + self.answer_budget_bytes + workers * each


def share_out(limit: int | None, workers: int, max_body_bytes: int) -> Shares:
    """Return the shares of a limit in bytes, None for no limit, in whole MiB.

    No share is below what a service is useful with.
    """
    bodies = BODIES_HELD * max_body_bytes
    if limit is None:
        return Shares(bodies, DEFAULT_ANSWER_BUDGET_BYTES, DEFAULT_WORKER_BYTES)
    eighth = max(0, limit - BASE_BYTES) // 8
    return Shares(
        min(bodies, max(max_body_bytes, _whole(eighth))),
        min(DEFAULT_ANSWER_BUDGET_BYTES, max(MIN_ANSWER_BUDGET_BYTES, _whole(2 * eighth))),
        min(DEFAULT_WORKER_BYTES, max(MIN_WORKER_BYTES, INHERITED_BYTES + _whole(3 * eighth // workers))),
    )


def _whole(size: int) -> int:
    return size // MIB * MIB


def largest_answer(answer_budget_bytes: int) -> int:
    """Return the most bytes that one answer may have."""
    return min(MAX_ANSWER_BYTES, answer_budget_bytes)


def memory_limit(root: Path = ROOT, membership: Path = MEMBERSHIP) -> int | None:
    """Return the bytes that the control groups of this process allow; None where that is all of the machine's."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = [
        int(text)
        for group in groups("memory", root, membership)
        for name in ("memory.max", "memory.limit_in_bytes")
        if (text := read(group / name).strip()).isdigit()
    ]
    least = min(limits, default=machine)
    return least if least < machine else None
