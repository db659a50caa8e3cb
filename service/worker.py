"""What runs in a worker process: `initialize` and `hello` once, `score` for every call after that.

    executor pipe   Call(number, lengths, …)  ──→ score ──→  length of the report
    arena           inbox: bodies             ──→       ──→  begun, answers, report: [Entry, …]

Only small tuples cross the pipe, under its atomic 4 KiB: a worker that is killed in the middle of a larger
one leaves the executor waiting for ever. Nothing is raised across it either: an exception that cannot be
unpickled breaks the executor, and SystemExit would end the server. Every end of a call is data, or the end of
the process.
"""

import os
import platform
from collections.abc import Callable
from time import perf_counter
from traceback import extract_tb
from typing import NamedTuple, Protocol

import msgspec

from service import guards
from service.answer import NO_FACTS, Facts
from service.arena import REPORT_BYTES, ArenaHandle, WorkerArena
from service.problems import partial

Buffer = bytes | bytearray | memoryview

# An entry's code where the answers before it have left no room: the job has to run again, alone.
POSTPONED = "postponed"

# Enough for one sentence, and far below what a pipe writes at once.
MAX_FAULT = 512


class AnswerLike(Protocol):
    """The end of one request: see `service.answer.Answer`."""

    @property
    def code(self) -> str:
        """Return "ok" or a problem's code."""

    @property
    def body(self) -> bytes:
        """Return the answer's bytes."""

    @property
    def facts(self) -> Facts:
        """Return what the server counts."""


class Handler(Protocol):
    """Scores one body after the other; must keep no reference to the buffer that it is given."""

    digest: str

    def __call__(self, body: Buffer, accept: str) -> AnswerLike:
        """Answer one request."""


# Picklable, and not from the main module, which workers do not run: it is called in the worker, once.
HandlerFactory = Callable[[], Handler]


class Setup(NamedTuple):
    """What a worker process is started with. `arena` arrives as a `WorkerArena`."""

    handlers: HandlerFactory
    arena: ArenaHandle | WorkerArena
    memory_bytes: int
    parent: int


class Hello(NamedTuple):
    """What the first call returns; `fault` says why the worker is of no use, if it is not."""

    pid: int
    python: str
    digest: str
    preloaded: bool
    fault: str


class Call(NamedTuple):
    """One batch: its number, the lengths of its bodies in the inbox, media types, the kernel's timer."""

    number: int
    lengths: tuple[int, ...]
    accepts: tuple[str, ...]
    limit_s: float


class Entry(NamedTuple):
    """How one job of a call ended: where its answer is, how long it took, and what the handler raised."""

    code: str
    at: int
    length: int
    facts: Facts
    seconds: float
    fault: str


class Report(NamedTuple):
    """What the worker writes at the end of a call: an entry for each job, and its private memory."""

    entries: list[Entry]
    memory_bytes: int


class _Worker(NamedTuple):
    handler: Handler
    arena: WorkerArena


# The process that imports this module first: in a preloaded fork server not the worker itself.
_IMPORTED_BY = os.getpid()

# An executor's initializer can only leave things in its module; set once, before the first call.
_state: _Worker | str = "the worker was not initialised"


def initialize(setup: Setup) -> None:
    """Make this process a worker. Never raises: the executor would lose the reason, `hello` tells it."""
    global _state  # noqa: PLW0603 - see _state
    try:
        guards.apply(setup.parent, setup.memory_bytes)
        assert isinstance(setup.arena, WorkerArena)
        _state = _Worker(setup.handlers(), setup.arena)
        guards.give_way()
    except BaseException as error:
        _state = f"{type(error).__name__}: {error}"[:MAX_FAULT]


def hello() -> Hello:
    """Introduce this worker."""
    fault, digest = (_state, "") if isinstance(_state, str) else ("", _state.handler.digest)
    return Hello(os.getpid(), platform.python_version(), digest, os.getpid() != _IMPORTED_BY, fault)


def score(call: Call) -> int:
    """Run one call and return the length of its report."""
    assert isinstance(_state, _Worker)
    guards.set_timer(call.limit_s)
    _state.arena.begin(call.number)
    used = 0
    entries = []
    for body, accept in zip(_state.arena.bodies(call.lengths), call.accepts, strict=True):
        entry = _run(_state, body, accept, used)
        entries.append(entry)
        used += entry.length
    report = _encode(Report(entries, guards.private_memory()))
    _state.arena.write_report(report)
    guards.clear_timer()
    return len(report)


def _run(worker: _Worker, body: Buffer, accept: str, used: int) -> Entry:
    """Have one job handled and put its answer after the `used` bytes of those before it."""
    begin = perf_counter()
    fault = ""
    try:
        code, content, facts = _unpack(worker.handler(body, accept))
    except MemoryError:
        # What it was building may live on in caches: a fresh process is the only one that surely has room.
        os._exit(guards.MEMORY_EXIT)
    except BaseException as error:
        fault = _describe(error)
        code, content, facts = "internal_error", partial("a fault of the service; it was logged"), NO_FACTS
    if used + len(content) > worker.arena.room:
        code, content = _too_large(len(content), worker.arena.room, alone=used == 0)
    at = worker.arena.write_answer(used, content)
    return Entry(code, at, len(content), facts, perf_counter() - begin, fault)


def _unpack(answer: AnswerLike) -> tuple[str, bytes, Facts]:
    return answer.code, answer.body, answer.facts


def _too_large(size: int, room: int, *, alone: bool) -> tuple[str, bytes]:
    if not alone:
        return POSTPONED, b""
    detail = f"the answer has {size} bytes, at most {room}; send fewer documents or ask for neighbours"
    return "too_many_documents", partial(detail)


def _describe(error: BaseException) -> str:
    """Say what was raised and where, without its message: that may hold a client's text."""
    frames = extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown place"
    return f"{type(error).__name__} at {place}"[:MAX_FAULT]


def _encode(report: Report) -> bytes:
    encoded = msgspec.msgpack.encode(report)
    if len(encoded) <= REPORT_BYTES:
        return encoded
    bare = [entry._replace(facts=entry.facts._replace(clusters=())) for entry in report.entries]
    return msgspec.msgpack.encode(report._replace(entries=bare))
