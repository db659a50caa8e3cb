"""Ask a health endpoint at a fixed rate from a process of its own, as an orchestrator's probe does.

    python -m bench.probe URL       until its input ends; then one JSON array a line:
                                    [Unix second it was due, milliseconds, status]

Each probe is a new connection. Its latency counts from the moment at which it was due, so that a probe
that could not even start on time is not flattered; a slow answer delays no later probe.
"""

import asyncio
import itertools
import json
import signal
import subprocess
import sys
import time
from typing import NamedTuple
from urllib.parse import urlsplit

RATE = (
    20  # a second; an orchestrator asks every few seconds, here enough for a 99th percentile in a short run
)

# Long enough to see how long a silence really was; orchestrators give up after 1 s by default.
GIVE_UP_S = 10.0


class Probe(NamedTuple):
    """One probe: when it was due (Unix seconds), how long its answer took, how it ended (0: no answer)."""

    due: float
    latency_ms: float
    status: int

    @property
    def ended(self) -> float:
        return self.due + self.latency_ms / 1e3


class Prober:
    """The probing process: it asks from now on until `stop`."""

    def __init__(self, url: str) -> None:
        command = [sys.executable, "-m", "bench.probe", url]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def stop(self) -> list[Probe]:
        """Send no more probes, wait for those under way, return all in the order in which they were due."""
        try:
            output, _ = self._process.communicate(timeout=GIVE_UP_S + 10)
            return [Probe(*json.loads(line)) for line in output.splitlines()]
        finally:
            self.close()

    def close(self) -> None:
        """End the process at once."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


async def ask(host: str, port: int, path: str) -> int:
    """Return the status of one GET on a new connection, 0 where there is none."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return 0
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        status_line = await reader.readline()
        await reader.read()
        return int(status_line.split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    finally:
        writer.close()


async def probe(url: str, stopped: asyncio.Event) -> list[Probe]:
    """Ask `url` `RATE` times a second until `stopped`, then wait for the answers that are still due."""
    parts = urlsplit(url)
    host, port, path = parts.hostname or "127.0.0.1", parts.port or 80, parts.path or "/"
    began, unix = time.monotonic(), time.time()
    seen: list[Probe] = []

    async def one(due: float) -> None:
        try:
            async with asyncio.timeout_at(began + due + GIVE_UP_S):
                status = await ask(host, port, path)
        except TimeoutError:
            status = 0
        milliseconds = (time.monotonic() - began - due) * 1e3
        seen.append(Probe(round(unix + due, 4), round(milliseconds, 2), status))

    async with asyncio.TaskGroup() as tasks:
        for i in itertools.count():
            due = i / RATE
            await asyncio.sleep(began + due - time.monotonic())
            if stopped.is_set():
                break
            tasks.create_task(one(due))
    return sorted(seen)


async def probe_until_input_ends(url: str) -> list[Probe]:
    """Probe until whoever started this process closes its input, or is gone."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, stopped.set)
    return await probe(url, stopped)


def main() -> None:
    """Print what was seen."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started this, who then ends it
    for seen in asyncio.run(probe_until_input_ends(sys.argv[1])):
        print(json.dumps(seen))


if __name__ == "__main__":
    main()
