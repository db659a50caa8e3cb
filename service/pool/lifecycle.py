"""How a worker begins and ends: launch, hello, and a trial where it takes over from another one; kill, reap, close.

Everything here belongs to the event loop's thread; what may block runs beside it.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from service.ipc.messages import Entry, Hello
from service.ipc.shared_memory import ArenaError
from service.pool import fork_server
from service.pool.daemon_threads import run_blocking
from service.pool.exit_status import ExitReport, classify_exit
from service.pool.process import LaunchError, WorkerProcess, WorkerSpec, launch

# The first start waits for the fork server's imports, on a busy machine for many seconds. Past this, or where it is
# longer `load_timeout_s`, the fork server itself is taken for dead.
START_TIMEOUT_S = 30.0

# How often a worker, and while one is started the fork server, is checked for a stop by a signal.
STOP_CHECK_INTERVAL_S = 0.25

# How long the executor's thread may take to end after its process, before the exit status is given up.
REAP_TIMEOUT_S = 2.0


class NoAnswerError(LaunchError):
    """A worker process that has ended, was stopped, or took too long before it answered."""


class PassingLaunchError(LaunchError):
    """A worker process that did not come up for no reason of its spec, as when it was killed: the next one may."""


async def start(spec: WorkerSpec, slot: int | None = None) -> WorkerProcess:
    """Launch a worker, for a slot or as a spare, and attach it to the event loop; `greet` is next.

    Raises: LaunchError.
    """
    launching = fork_server.starter_thread().run(partial(launch, spec, slot))
    try:
        timeout_s = max(START_TIMEOUT_S, spec.limits.load_timeout_s)
        await _wait_for_start([launching], fork_server.stopped, timeout_s)
    except asyncio.CancelledError:
        launching.add_done_callback(_discard)
        if fork_server.stopped():
            fork_server.kill()
        raise
    if not launching.done():
        # It most likely hangs in a fork server that was stopped.
        launching.add_done_callback(_discard)
        fork_server.kill()
        raise LaunchError("the fork server does not answer")
    process = launching.result()
    process.attach()
    return process


async def greet(process: WorkerProcess, closing: "asyncio.Future[None]") -> Hello:
    """Wait for a worker's hello, or until `closing` is settled. Raises: LaunchError that says why it cannot serve."""
    hello = asyncio.wrap_future(process.hello)
    hello.add_done_callback(_consume)
    timeout_s = process.spec.limits.load_timeout_s
    await _wait_for_start([hello, process.exited, closing], process.stopped, timeout_s)
    if not hello.done() or hello.exception():
        late = f"it was not loaded within {timeout_s:g} s, as long as load_timeout_s allows"
        raise NoAnswerError(await _why(process, closing, "the worker ended while it was loaded", late))
    if fault := hello.result().fault:
        raise LaunchError(fault)
    process.digest = hello.result().digest
    return hello.result()


async def start_tried(spec: WorkerSpec, closing: "asyncio.Future[None]") -> WorkerProcess:
    """Start a worker that has answered the trial of its spec.

    Raises: LaunchError that says why there is none; PassingLaunchError where another one may come up.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + spec.limits.load_timeout_s
    try:
        process = await start(spec)
    except LaunchError as error:
        raise PassingLaunchError(str(error)) from error
    try:
        await greet(process, closing)
        await _try_out(process, closing)
    except NoAnswerError as error:
        ended = await end(process)
        passing = not ended.blamed and not closing.done() and loop.time() < until
        raise (PassingLaunchError if passing else LaunchError)(str(error)) from error
    except BaseException:
        await end(process)
        raise
    return process


async def _try_out(process: WorkerProcess, closing: "asyncio.Future[None]") -> None:
    """Have a worker answer the trial of its spec. Raises: LaunchError that says what it did instead."""
    if not process.spec.trial:
        return
    bodies, operations = zip(*process.spec.trial, strict=True)
    timeout_s = process.spec.limits.load_timeout_s
    call = process.call(bodies, operations, timeout_s)
    await _wait_for_start([call, process.exited, closing], process.stopped, timeout_s)
    if not call.done():
        late = f"a trial request was not answered within {timeout_s:g} s"
        raise NoAnswerError(await _why(process, closing, "the worker ended in a trial request", late))
    try:
        report = process.report(call.result())
        faults = [_fault(process, entry) for entry in report.entries]
    except (ArenaError, msgspec.MsgspecError, ValueError) as error:
        raise LaunchError(f"the worker's report on a trial request cannot be read: {error}") from error
    if any(faults):
        raise LaunchError(next(filter(None, faults)))


def _fault(process: WorkerProcess, entry: Entry) -> str:
    """Return what is wrong with one answer of a trial, or nothing."""
    if entry.code == "ok":
        return ""
    detail = entry.fault or process.body(entry).decode(errors="replace")
    return f"a trial request was answered with {entry.code}: {detail}"


async def end(process: WorkerProcess) -> ExitReport:
    """Kill a worker that serves no more, and free what the server holds of it; return how it ended."""
    process.detach()
    process.kill()
    reaping = run_blocking(process.reap)
    await asyncio.wait([reaping], timeout=REAP_TIMEOUT_S)
    process.close()
    return classify_exit(None, reaping.result() if reaping.done() else None, out_of_memory=False)


async def _why(process: WorkerProcess, closing: "asyncio.Future[None]", ended: str, late: str) -> str:
    """Say why a worker has not answered: it has ended, and how, or is late. The place of what it loads comes first."""
    place = f"{process.spec.place}: " if process.spec.place else ""
    if not process.exited.done():
        return "the workers are being ended" if closing.done() else place + late
    reaping = run_blocking(process.reap)
    await asyncio.wait([reaping], timeout=REAP_TIMEOUT_S)
    report = classify_exit(None, reaping.result() if reaping.done() else None, out_of_memory=False)
    return f"{place}{ended}: {report.evidence}"


async def _wait_for_start(
    waiting: Sequence["asyncio.Future[Any]"], stopped: Callable[[], bool], timeout_s: float
) -> None:
    """Wait for the first of several, within the time, while no signal has stopped what they come from."""
    loop = asyncio.get_running_loop()
    until = loop.time() + timeout_s
    while (left := until - loop.time()) > 0:
        interval = min(left, STOP_CHECK_INTERVAL_S)
        done, _ = await asyncio.wait(waiting, timeout=interval, return_when=asyncio.FIRST_COMPLETED)
        if done:
            return
        # Beside the event loop: `stopped` may open a file.
        if await run_blocking(stopped):
            return


def _consume(future: "asyncio.Future[Any]") -> None:
    """Read the error of a future whose result may never be read, or asyncio logs it."""
    if not future.cancelled():
        future.exception()


def _discard(launching: "asyncio.Future[WorkerProcess]") -> None:
    """Put away a worker that came up after it was given up."""
    if not launching.cancelled() and not launching.exception():
        launching.result().kill()
        launching.result().close()
