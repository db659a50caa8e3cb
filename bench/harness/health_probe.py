"""Asks a health endpoint at a fixed rate from a process of its own, as an orchestrator does.

    python -m bench.harness.health_probe URL       until its input ends; then prints each probe as a JSON
                                                   array, one a line

Each probe opens a new connection. Its latency counts from the moment at which it was due, so a probe that
starts late counts in full, and a slow answer delays no later probe.
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

# A second. An orchestrator asks every few seconds; a 99th percentile from a short run needs more.
RATE = 20

# Longer than the 1 s that orchestrators wait by default, to see how long a silence really was.
TIMEOUT_S = 10.0


class Probe(NamedTuple):
    """One probe. due: Unix seconds. status: of HTTP, 0 without an answer."""

    due: float
    latency_ms: float
    status: int

    @property
    def ended(self) -> float:
        return self.due + self.latency_ms / 1e3


class ProbeProcess:
    """The process that asks, from now on until `stop`."""

    def __init__(self, url: str) -> None:
        command = [sys.executable, "-m", "bench.harness.health_probe", url]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def stop(self) -> list[Probe]:
        """Send no more probes, wait for those in flight, return all in the order in which they were due."""
        try:
            output, _ = self._process.communicate(timeout=TIMEOUT_S + 10)
            return [Probe(*json.loads(line)) for line in output.splitlines()]
        finally:
            self.close()

    def close(self) -> None:
        """End the process at once."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


async def ask(host: str, port: int, path: str) -> int:
    """Return the status of one GET on a new connection, 0 without an answer."""
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
    """Ask `url` `RATE` times a second until `stopped`, then wait for the answers that are outstanding."""
    parts = urlsplit(url)
    host, port, path = parts.hostname or "127.0.0.1", parts.port or 80, parts.path or "/"
    began, unix = time.monotonic(), time.time()
    seen: list[Probe] = []

    async def one(due: float) -> None:
        try:
            async with asyncio.timeout_at(began + due + TIMEOUT_S):
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
    """Probe until the parent process closes this one's input, or ends."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, stopped.set)
    return await probe(url, stopped)


def main() -> None:
    """Print the probes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which then ends this process
    for seen in asyncio.run(probe_until_input_ends(sys.argv[1])):
        print(json.dumps(seen))


if __name__ == "__main__":
    main()
