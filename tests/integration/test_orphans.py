"""No process outlives the server, and no worker runs the server's main module."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture.processes import session

# A script without the guard `if __name__ == "__main__"`.
SCRIPT = """
import asyncio, os, signal, sys, time
from service.limits import PoolLimits
from service.dispatcher import Dispatcher
from service.scheduling.job import Job
from tests.fakes import ScriptedHandler

async def ask(dispatcher, body):
    deadline = time.monotonic() + 60
    with dispatcher.admit("s", len(body), deadline) as permit:
        return await dispatcher.submit(permit, Job("id", "s", body, "score", deadline))

async def main():
    dispatcher = Dispatcher(ScriptedHandler, PoolLimits(workers=3))
    await dispatcher.start()
    print("started", flush=True)
    while any(slot.state != "ready" for slot in dispatcher.snapshot().slots):
        await asyncio.sleep(0.001)
    if "stopped" in sys.argv:
        for slot in dispatcher.snapshot().slots:
            os.kill(slot.pid, signal.SIGSTOP)
    if "busy" in sys.argv:
        calls = []
        for body in (b"hold_gil", b"hang", b"sleep 60"):
            calls.append(asyncio.create_task(ask(dispatcher, body)))
            while sum(slot.state == "busy" for slot in dispatcher.snapshot().slots) < len(calls):
                await asyncio.sleep(0.001)
    line = (await ask(dispatcher, b"describe")).body.decode() if "describe" in sys.argv else "ready"
    print(line, flush=True)
    if "leaving" not in sys.argv:
        await asyncio.sleep(60)

asyncio.run(main())
"""


def launch(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Run the script as the leader of a new session."""
    script = folder / "script.py"
    script.write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        start_new_session=True,
        text=True,
    )


def line_of(process: "subprocess.Popen[str]") -> str:
    """Return the next line that the script prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("state", ["starting", "idle", "busy", "stopped"])
def test_no_process_outlives_a_killed_server(tmp_path: Path, state: str) -> None:
    """Its workers end whether they start, wait, hold the interpreter's lock or are stopped."""
    process = launch(tmp_path, state)
    assert line_of(process) == "started"
    if state != "starting":
        assert line_of(process) == "ready"

    process.kill()
    process.communicate()
    # Loops while a process is left; the time limit of the test then ends it.
    while session(process.pid):
        pass


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_a_server_can_exit_without_a_drain(tmp_path: Path, state: str) -> None:
    """The interpreter's exit waits for the calls of process pools, and a worker's call never ends."""
    process = launch(tmp_path, state, "leaving")

    process.communicate()

    assert process.returncode == 0
    while session(process.pid):
        pass


def test_workers_do_not_run_the_main_module(tmp_path: Path) -> None:
    """A script without the guard starts one server, not one in each worker."""
    process = launch(tmp_path, "describe")

    lines = [line_of(process), line_of(process)]
    process.kill()
    output, _ = process.communicate()

    assert lines[0] == "started"
    assert json.loads(lines[1])["pid"] != process.pid
    assert output == ""
