"""What runs in a worker process: `initialize` and `hello` once, then `serve`, and in that `score` for every call.

    executor pipe   hello, serve                      ──→       ──→  Hello
    arena           Call(number, lengths, …), bodies  ──→ score ──→  begun, answers, report: [Entry, …]

Only small tuples cross the pipe, under its atomic 4 KiB: a worker that is killed in the middle of a larger
one leaves the executor waiting for ever. Nothing is raised across it either: an exception that cannot be
unpickled breaks the executor, and SystemExit would end the server. Every end of a call is data, or the end of
the process.
"""

import gc
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from time import perf_counter
from traceback import extract_tb
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

import msgspec

from service.api import problems
from service.api.outcome import Outcome, ResultError
from service.api.request import Operation
from service.errors import StartError
from service.ipc.messages import POSTPONED, Call, Entry, Hello, Report
from service.ipc.output_handle import OutputHandle
from service.ipc.shared_memory import REPORT_BYTES, ArenaHandle, WorkerArena
from service.limits import MIB, RECYCLE_SHARE
from service.worker import process_limits

Buffer = bytes | bytearray | memoryview

# Enough for one sentence, and far below what a pipe writes at once.
MAX_FAULT = 512

_FAILED = Outcome("internal_error", problems.partial("a fault of the service; it was logged"))

T = TypeVar("T")


class Handler(Protocol):
    """Answers one body after the other; must keep no reference to the buffer that it is given."""

    digest: str

    def __call__(self, body: Buffer, operation: Operation) -> Outcome:
        """Answer one request. What it raises is the end of this request alone."""


@runtime_checkable
class BatchHandler(Handler, Protocol):
    """A handler that can score several bodies for less than one by one."""

    def answer_all(
        self, bodies: Sequence[Buffer], operations: Sequence[Operation]
    ) -> Sequence[Outcome | Exception]:
        """Answer several requests, each exactly as alone; an exception is the end of one.

        When it raises, each of them is run again, alone.
        """


# Picklable, and not from the main module, which workers do not run: it is called in the worker, once.
HandlerFactory = Callable[[], Handler]


class WorkerSetup(NamedTuple):
    """What a worker process is started with. `arena` arrives as a `WorkerArena`, `output` as a descriptor."""

    handlers: HandlerFactory
    arena: ArenaHandle | WorkerArena
    memory_bytes: int
    parent: int
    output: OutputHandle | int


class _Worker(NamedTuple):
    """`batch`: the handler again, where it can score several bodies; to ask it with each call takes 10 µs."""

    handler: Handler
    batch: BatchHandler | None
    arena: WorkerArena
    pid: int


# The process that imports this module first: in a preloaded fork server not the worker itself.
_IMPORTED_BY = os.getpid()

# An executor's initializer can only leave things in its module; set once, before the first call.
_state: _Worker | str = "the worker was not initialised"


def initialize(setup: WorkerSetup) -> None:
    """Make this process a worker. Never raises: the executor would lose the reason; `hello` returns it."""
    global _state  # noqa: PLW0603 - see _state
    try:
        process_limits.apply(setup.parent, setup.memory_bytes)
        assert isinstance(setup.arena, WorkerArena)
        assert isinstance(setup.output, int)
        process_limits.redirect_output(setup.output)
        handler = setup.handlers()
        _check_memory(setup.memory_bytes)
        batch = handler if isinstance(handler, BatchHandler) else None
        _state = _Worker(handler, batch, setup.arena, os.getpid())
        process_limits.lower_priority()
        # What has been made by now stays for good; a collection that scans it takes 20 to 30 ms of some call.
        gc.freeze()
    except StartError as error:
        _state = str(error)[:MAX_FAULT]
    except BaseException as error:
        _state = f"{type(error).__name__}: {error}"[:MAX_FAULT]


def _check_memory(limit: int) -> None:
    """Refuse to serve where every call would end with the worker's replacement. Raises: StartError."""
    held, most = process_limits.private_memory(), RECYCLE_SHARE * limit
    if held > most:
        raise StartError(
            f"a worker holds {held / MIB:.0f} MiB of its own once it is loaded, and is replaced after a call above "
            f"{most / MIB:.0f} MiB, {RECYCLE_SHARE:.0%} of worker_memory_bytes; raise that, or map the model's files"
        )


def hello() -> Hello:
    """Introduce this worker."""
    fault, digest = (_state, "") if isinstance(_state, str) else ("", _state.handler.digest)
    return Hello(os.getpid(), platform.python_version(), digest, os.getpid() != _IMPORTED_BY, fault)


def serve() -> None:
    """Answer call after call; returns only where the worker could not be initialised, which `hello` has reported."""
    if not isinstance(_state, _Worker):
        return
    try:
        while True:
            _state.arena.report(score(msgspec.msgpack.decode(_state.arena.receive(), type=Call)))
    except BaseException:
        os._exit(process_limits.FAULT_EXIT)


def score(call: Call) -> bytes:
    """Run one call and return its report, with the answers in the arena."""
    assert isinstance(_state, _Worker)
    process_limits.set_timer(call.limit_s)
    _state.arena.begin(call.number)
    bodies = _state.arena.bodies(call.lengths)
    used = 0
    entries = []
    for outcome, seconds, fault, alone in _run(_state, bodies, call.operations):
        code, at, length = _write(_state, outcome, used)
        entries.append(Entry(code, at, length, outcome.facts, seconds, fault, outcome.raw, alone))
        used += length
    report = _encode(Report(entries, process_limits.private_memory()))
    process_limits.clear_timer()
    return report


class _Ended(NamedTuple):
    """How one body ended, the seconds it took, its fault, and whether it ran alone."""

    outcome: Outcome
    seconds: float
    fault: str
    alone: bool


def _run(worker: _Worker, bodies: Sequence[Buffer], operations: Sequence[Operation]) -> Iterable[_Ended]:
    """Yield how each body ended: all together where the handler can, one by one where it cannot or that fails."""
    begin = perf_counter()
    if len(bodies) > 1 and worker.batch is not None:
        outcomes = _caught(worker, partial(worker.batch.answer_all, bodies, operations))
        if not isinstance(outcomes, BaseException):
            # How long each took is not known; its share of the bytes is the best guess.
            sizes = [len(body) + 1 for body in bodies]
            each = (perf_counter() - begin) / sum(sizes)
            return [
                _Ended(_outcome(outcome), each * size, _fault(outcome), alone=False)
                for outcome, size in zip(outcomes, sizes, strict=True)
            ]
    return map(partial(_run_one, worker), bodies, operations)


def _run_one(worker: _Worker, body: Buffer, operation: Operation) -> _Ended:
    begin = perf_counter()
    outcome = _caught(worker, partial(worker.handler, body, operation))
    return _Ended(_outcome(outcome), perf_counter() - begin, _fault(outcome), alone=True)


def _caught(worker: _Worker, call: Callable[[], T]) -> T | BaseException:
    """Return what the handler returns, or what it raised: no exception leaves the process."""
    try:
        return call()
    except MemoryError:
        # What it was building may live on in caches: only a fresh process surely has room.
        os._exit(process_limits.MEMORY_EXIT)
    except BaseException as error:
        return error
    finally:
        if os.getpid() != worker.pid:
            os._exit(process_limits.FAULT_EXIT)  # a child that the handler has forked and let go on


def _outcome(ended: Outcome | BaseException) -> Outcome:
    if isinstance(ended, ResultError):
        return Outcome("internal_error", problems.partial(ended.detail))
    return _FAILED if isinstance(ended, BaseException) else ended


def _fault(ended: Outcome | BaseException) -> str:
    if isinstance(ended, ResultError):
        return str(ended)[:MAX_FAULT]
    return _describe(ended) if isinstance(ended, BaseException) else ""


def _write(worker: _Worker, outcome: Outcome, used: int) -> tuple[str, int, int]:
    """Put a body after the `used` bytes of those before it; return the outcome's code, its place and length."""
    code, body = outcome.code, outcome.body
    if used + len(body) > worker.arena.room:
        code, body = _too_large(len(body), worker) if used == 0 else (POSTPONED, b"")
    return code, worker.arena.write_answer(used, body), len(body)


def _too_large(size: int, worker: _Worker) -> tuple[str, bytes]:
    # No limit of the request is exceeded, so it is what was asked for that is too much. Larger
    # answers are not taken: the event loop copies an answer in one piece, which for 64 MiB takes tens of milliseconds.
    remedy = getattr(worker.handler, "remedy", "ask for less in one request")
    detail = f"the answer has {size} bytes, at most {worker.arena.room}; {remedy}"
    return "invalid_option", problems.partial(detail)


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
