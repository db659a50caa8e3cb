"""How long a light subject waits behind 20 that begin with a heavy request, and what such a load leaves behind.

    python -m bench heavy_first

Each part has a fresh server:
1. 20 subjects send 1.7 MB of words that the model does not know, all at once, then another subject sends three
   short documents.
2. The same bodies are sent as fast as the workers answer. Then one subject sends 8 MiB of `[` over 8 connections,
   which a worker refuses in milliseconds, and another three short documents ten times a second: how many of both
   get 503?
"""

import http.client
import json
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import NamedTuple

from bench.harness.command_line import bundle_path, parser
from bench.harness.results import Figure, collect, save
from bench.harness.server import Server, serving, token

SUBJECTS = 20
HEAVY_BYTES = 1_700_000
# A document may have 256 KiB.
HEAVY_DOCUMENTS = 8
LIGHT_BODY = json.dumps(
    {"documents": ["Storms close the harbour", "Harbour shut by gales", "Rates rise again"]}
).encode()
REFUSED_BODY = b"[" * (8 << 20)
REFUSED_CONNECTIONS = 8
REFUSED_S = 6.0
LIGHT_INTERVAL_S = 0.1
TIMEOUT_S = 60.0

# For bodies that were sent at once to have arrived.
ARRIVAL_S = 0.5

LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Reply(NamedTuple):
    """A status, and the seconds from the first byte sent to the last received."""

    status: int
    seconds: float


def unknown_words(seed: int) -> bytes:
    """Return a request of about `HEAVY_BYTES` bytes of random words of 4 to 10 letters."""
    random = Random(seed)
    n_words = HEAVY_BYTES // HEAVY_DOCUMENTS // 8
    documents = [
        " ".join("".join(random.choices(LETTERS, k=random.randint(4, 10))) for _ in range(n_words))
        for _ in range(HEAVY_DOCUMENTS)
    ]
    return json.dumps({"documents": documents}).encode()


def ask(server: Server, subject: str, body: bytes) -> Reply:
    """Send one request on a connection of its own."""
    headers = {"Authorization": f"Bearer {token(subject)}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(*server.address, timeout=TIMEOUT_S)
    begin = time.monotonic()
    try:
        connection.request("POST", "/score", body, headers)
        response = connection.getresponse()
        response.read()
        return Reply(response.status, time.monotonic() - begin)
    finally:
        connection.close()


def ask_repeatedly(server: Server, subject: str, body: bytes, interval_s: float) -> list[Reply]:
    """Send the same request for `REFUSED_S`, with a pause after each answer."""
    replies = []
    end = time.monotonic() + REFUSED_S
    while time.monotonic() < end:
        replies.append(ask(server, subject, body))
        time.sleep(interval_s)
    return replies


def ask_all(threads: ThreadPoolExecutor, server: Server, bodies: Sequence[bytes]) -> list[Reply]:
    """Send each body as a subject of its own, as many at a time as there are threads."""
    subjects = [f"heavy {number}" for number in range(len(bodies))]
    return list(threads.map(ask, [server] * len(bodies), subjects, bodies))


def light_behind_heavy(bundle: Path, workers: int, bodies: Sequence[bytes]) -> tuple[Reply, list[Reply]]:
    """Return the reply to the light subject, and those to the heavy ones."""
    with serving(bundle, workers) as server, ThreadPoolExecutor(len(bodies) + 1) as threads:
        heavy = threads.submit(ask_all, threads, server, bodies)
        time.sleep(ARRIVAL_S)
        return ask(server, "light", LIGHT_BODY), heavy.result()


def refused_after_heavy(
    bundle: Path, workers: int, bodies: Sequence[bytes]
) -> tuple[list[Reply], list[Reply]]:
    """Return the replies to the bodies of `[`, and those to a light subject beside them."""
    with serving(bundle, workers) as server:
        with ThreadPoolExecutor(workers) as threads:
            ask_all(threads, server, bodies)
        with ThreadPoolExecutor(REFUSED_CONNECTIONS + 1) as threads:
            refused = [
                threads.submit(ask_repeatedly, server, "brackets", REFUSED_BODY, 0.0)
                for _ in range(REFUSED_CONNECTIONS)
            ]
            light = threads.submit(ask_repeatedly, server, "light", LIGHT_BODY, LIGHT_INTERVAL_S)
            return [reply for each in refused for reply in each.result()], light.result()


def summary(replies: Sequence[Reply]) -> str:
    """Return how many replies have each status, and the longest time."""
    statuses = Counter(reply.status for reply in replies)
    counts = ", ".join(f"{number} × {status}" for status, number in sorted(statuses.items()))
    return f"{counts}; slowest {max(reply.seconds for reply in replies):.2f} s"


def count_503(replies: Sequence[Reply]) -> float:
    """Return how many were refused for overload."""
    return float(sum(reply.status == 503 for reply in replies))


def main() -> None:
    """Measure, print, save."""
    options = parser(__doc__, "bundle", "workers").parse_args()
    bundle = bundle_path(options.bundle)
    bodies = [unknown_words(seed) for seed in range(SUBJECTS)]
    light, heavy = light_behind_heavy(bundle, options.workers, bodies)
    print(f"behind {SUBJECTS} heavy first requests, light: {summary([light])}")
    print(f"  heavy: {summary(heavy)}")
    refused, beside = refused_after_heavy(bundle, options.workers, bodies)
    print(f"after the same load, 8 MiB of [: {summary(refused)}")
    print(f"  light beside them: {summary(beside)}")
    found = [
        Figure("light, behind heavy first requests", "s", "lower", [light.seconds]),
        Figure("refused bodies, 503", "", "lower", [count_503(refused)]),
        Figure("light, 503", "", "lower", [count_503(beside)]),
    ]
    print(save(collect("heavy_first", {"workers": options.workers}, found)))
