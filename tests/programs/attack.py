"""`python -m tests.programs.attack`: every attack at full scale, beside somebody who asks for /livez.

Prints what became of each attack, how long /livez took meanwhile, and the memory of the server.
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

# How often the bystander asks.
EVERY_S = 0.05

MIB = 1024 * 1024


class Figures(NamedTuple):
    """What the bystander saw: how often it asked, and its waits in milliseconds."""

    asked: int
    p50_ms: float
    p99_ms: float
    max_ms: float


async def stand_by(port: int) -> None:
    """Ask for /livez on a new connection each time until standard input ends; print the figures as JSON."""
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
        await asyncio.wait({ended}, timeout=EVERY_S)
    waits.sort()
    n = len(waits)
    print(json.dumps(Figures(n, waits[n // 2], waits[min(n - 1, n * 99 // 100)], waits[-1])))


def besiege(server: Server, name: str) -> str:
    """Make one attack and return what is to be said of it, as a row of a table."""
    attack, scale = ATTACKS[name]
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    command = [sys.executable, "-m", "tests.programs.attack", "--bystander", str(server.address[1])]
    target = Target(server.address[1], server.header_lines.encode(), 30.0)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as bystander:
        end, peak = asyncio.run(_watched(process, attack(target, scale)))
        assert bystander.stdin is not None
        assert bystander.stdout is not None
        bystander.stdin.close()
        seen = Figures(*json.loads(bystander.stdout.read()))
    memory = f"{before / MIB:.0f} → {peak / MIB:.0f} → {process.memory_info().rss / MIB:.0f}"
    waits = f"{seen.p50_ms:.1f} / {seen.p99_ms:.1f} / {seen.max_ms:.1f}"
    return f"| {name} | {end} | {waits} ({seen.asked}) | {memory} |"


async def _watched(process: psutil.Process, attack: Awaitable[str]) -> tuple[str, int]:
    """Make an attack and return what became of it, and the most memory that the server had meanwhile."""
    attacking = asyncio.ensure_future(attack)
    peak = 0
    while not attacking.done():
        peak = max(peak, process.memory_info().rss)
        await asyncio.wait({attacking}, timeout=EVERY_S)
    return attacking.result(), peak


def main() -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(description="attack a server at full scale")
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--only", help="a part of an attack's name", default="")
    parser.add_argument("--bystander", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bystander:
        asyncio.run(stand_by(given.bystander))
        return
    # One connection for each client of the largest attack.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with (
        given_or_demo_bundle(given.bundle) as bundle,
        running_server(bundle, scripted=False, workers=1, header_timeout_s=5, body_timeout_s=5) as server,
    ):
        server.await_ready()
        print(
            "| attack | what became of it | /livez p50 / p99 / max ms (asked) | MiB before → peak → after |"
        )
        print("| --- | --- | --- | --- |")
        for name in ATTACKS:
            if given.only in name:
                print(besiege(server, name), flush=True)
        print(f"\nrestarts: {server.status()['slots'][0]['restarts']}, exit status: {server.stop()}")


if __name__ == "__main__":
    main()
