"""Ask a health endpoint at a fixed rate from a process of its own, as an orchestrator's probe does.

    python -m bench.probe URL SECONDS        one JSON array a line: [second it was due, milliseconds, status]

Each probe is a new connection. Its latency counts from the moment at which it was due, so that a probe that could not
even start on time is not flattered; a slow answer delays no later probe. Status 0 is no answer within the limit.
"""

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

RATE = 20  # a second; an orchestrator asks every few seconds, here enough for a 99th percentile in a short run

# Long enough to see how long a silence really was; orchestrators give up after 1 s by default.
GIVE_UP_S = 20.0

Probe = tuple[float, float, int]


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


async def probe(url: str, seconds: float) -> list[Probe]:
    """Ask `url` `RATE` times a second for `seconds`, then wait for the answers that are still due."""
    parts = urlsplit(url)
    host, port, path = parts.hostname or "127.0.0.1", parts.port or 80, parts.path or "/"
    began = time.monotonic()
    results: list[Probe] = []

    async def one(due: float) -> None:
        try:
            async with asyncio.timeout_at(began + due + GIVE_UP_S):
                status = await ask(host, port, path)
        except TimeoutError:
            status = 0
        results.append((round(due, 3), round((time.monotonic() - began - due) * 1e3, 2), status))

    async with asyncio.TaskGroup() as tasks:
        for i in range(round(seconds * RATE)):
            due = i / RATE
            await asyncio.sleep(began + due - time.monotonic())
            tasks.create_task(one(due))
    return sorted(results)


def main() -> None:
    """Print what was seen."""
    url, seconds = sys.argv[1], float(sys.argv[2])
    for result in asyncio.run(probe(url, seconds)):
        print(json.dumps(result))


if __name__ == "__main__":
    main()
