"""The messages between the server and a worker: small tuples of plain values.

server ── Call ──→ worker ── Report(Entry, …) ──→ server        through the arena, as msgpack
←── Hello ── worker                                      through the executor's pipe, once
"""

from typing import NamedTuple

from service.api.outcome import Facts
from service.api.request import Operation

# An entry's code where the answers before it have left no room: the job has to run again, alone.
POSTPONED = "postponed"


class Hello(NamedTuple):
    """What a worker says of itself once it has started; `fault` says why it cannot serve, or is empty."""

    pid: int
    python: str
    digest: str
    preloaded: bool
    fault: str


class Call(NamedTuple):
    """One batch: its number, the lengths of its bodies in the inbox, operations, seconds for the kernel's timer."""

    number: int
    lengths: tuple[int, ...]
    operations: tuple[Operation, ...]
    limit_s: float


class Entry(NamedTuple):
    """How one job of a call ended.

    code: as in `Outcome`, or `POSTPONED`. at, length: where its body is in the arena. seconds: how long the
    handler took. fault: what the handler raised and where, or empty. raw: as in `Outcome`. alone: whether the handler
    was called for it by itself.
    """

    code: str
    at: int
    length: int
    facts: Facts
    seconds: float
    fault: str
    raw: bool = False
    alone: bool = True


class Report(NamedTuple):
    """What a worker writes at the end of a call: an entry for each job, and its private memory in bytes."""

    entries: list[Entry]
    memory_bytes: int
