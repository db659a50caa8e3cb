"""Makes every attack on a server at full scale: `python -m tests.programs.attack`.

Another process requests /livez meanwhile. Prints the result of each attack, the response times of /livez, and the
memory of the server.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.support.attacks import ATTACKS, GET, Target
from tests.support.demo_bundle import given_or_demo_bundle
from tests.support.server import Server, running_server

# Seconds between two requests of the probe, and between two readings of the memory.
INTERVAL_S = 0.05

MIB = 1024 * 1024


class ProbeTimes(NamedTuple):
    """The number of requests for /livez and their response times in milliseconds."""

    n_requests: int
    p50_ms: float
    p99_ms: float
    max_ms: float


async def probe(port: int) -> None:
    """Request /livez on new connections until standard input ends; print `ProbeTimes` as JSON."""
    waits: list[float] = []
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    while not ended.done():
        begin = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        answer = await reader.readuntil(b"}")
        assert answer.startswith(b"HTTP/1.1 200 ")
        waits.append((time.perf_counter() - begin) * 1e3)
        writer.transport.abort()
        await asyncio.wait({ended}, timeout=INTERVAL_S)
    waits.sort()
    n = len(waits)
    print(json.dumps(ProbeTimes(n, waits[n // 2], waits[min(n - 1, n * 99 // 100)], waits[-1])))


def attack_row(server: Server, name: str) -> str:
    """Make one attack and return its row of the table."""
    attack, scale = ATTACKS[name]
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    command = [sys.executable, "-m", "tests.programs.attack", "--probe", str(server.address[1])]
    target = Target(server.address[1], server.header_lines.encode(), 30.0)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as prober:
        result, peak = asyncio.run(_watched(process, attack(target, scale)))
        assert prober.stdin is not None
        assert prober.stdout is not None
        prober.stdin.close()
        times = ProbeTimes(*json.loads(prober.stdout.read()))
    memory = f"{before / MIB:.0f} → {peak / MIB:.0f} → {process.memory_info().rss / MIB:.0f}"
    waits = f"{times.p50_ms:.1f} / {times.p99_ms:.1f} / {times.max_ms:.1f}"
    return f"| {name} | {result} | {waits} ({times.n_requests}) | {memory} |"


async def _watched(process: psutil.Process, attack: Awaitable[str]) -> tuple[str, int]:
    """Make an attack; return its result and the highest resident memory of the server meanwhile, in bytes."""
    attacking = asyncio.ensure_future(attack)
    peak = 0
    while not attacking.done():
        peak = max(peak, process.memory_info().rss)
        await asyncio.wait({attacking}, timeout=INTERVAL_S)
    return attacking.result(), peak


def main() -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(description="attack a server at full scale")
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--only", help="a part of an attack's name", default="")
    parser.add_argument("--probe", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.probe:
        asyncio.run(probe(given.probe))
        return
    # One connection for each client of the largest attack.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with (
        given_or_demo_bundle(given.bundle) as bundle,
        running_server(bundle, scripted=False, workers=1, header_timeout_s=5, body_timeout_s=5) as server,
    ):
        server.await_ready()
        print("| attack | result | /livez p50 / p99 / max ms (requests) | MiB before → peak → after |")
        print("| --- | --- | --- | --- |")
        for name in ATTACKS:
            if given.only in name:
                print(attack_row(server, name), flush=True)
        print(f"\nrestarts: {server.status()['slots'][0]['restarts']}, exit status: {server.stop()}")


if __name__ == "__main__":
    main()
