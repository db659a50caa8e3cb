"""Sends randomly changed requests to a running server and compares its answers with an oracle.

    python -m tests.programs.fuzz [--inputs 100000] [--seed 1] [--bundle DIR | --decoder]

With `--decoder` it calls only the decoder, in this process. It prints each answer's code with its count, and exits
with 1 where the answers differ from the oracle, a worker died, or an answer breaks the contract.
"""

import argparse
import http.client
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

from service.api.problems import PROBLEMS
from service.api.request import RequestError, decode
from service.limits import RequestLimits
from tests.support.demo_bundle import given_or_demo_bundle
from tests.support.malformed_bodies import corpus
from tests.support.request_oracle import RequestOracle
from tests.support.server import running_server

LIMITS = RequestLimits()

SEEDS = (
    b'{"documents": ["a", "b"]}',
    b'{"documents": [{"id": "x", "text": "Storms close the harbour"}, "Rates rise"], "similarity": "pairs"}',
    '{"documents": ["Größe 😀", {"text": "\\u00e9\\ud83d\\ude00"}], "threshold": 0.5}'.encode(),
    b'{"documents": ["a"], "similarity": "matrix", "neighbours": 7, "threshold": -1e0, "vectors": true}',
)

# Pieces that may break a parser: syntax, numbers, UTF-8, escapes, and the names of the contract.
PIECES = (
    *(b'{ } [ ] , : " \\ null true false NaN Infinity -0 1e9 1e400'.split()),
    *(b"5.0 0.1 -1 \\ud800 \\udc00 \\u0000".split()),
    *(b'"documents" "text" "id" "similarity" "pairs" "none" "neighbours" "threshold" "vectors"'.split()),
    *(b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xf0\x9f\x98\x80", b"\x00", b"\n", b" "),
    *(b"9" * 20, b"9" * 310, b"[" * 1_200, b'"a",' * 1_001, b"{}," * 50),
)

# Values that replace a member or a document.
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 5, 101, -1, 5.0, 0.5, -1.5, 1e300, 10**30, "", "a", "0", "pairs", "x" * 257),
    *([], ["a"], [[]], {}, {"text": "a"}, {"text": 5}, {"text": "a", "id": "0"}, {"text": "a", "id": "x"}),
    *({"id": "x"}, {"text": "a", "x": 1}, ["a"] * 1_001, "é" * 140_000),
)

NAMES = ("documents", "similarity", "neighbours", "threshold", "vectors", "x")


def inputs(random: Random) -> Iterator[bytes]:
    """Yield requests without end, some changed as bytes and some as values."""
    seeds = [*SEEDS, *(body for body, _ in corpus() if len(body) < 2_000)]
    while True:
        if random.random() < 0.4:
            yield _restructured(random)
            continue
        body = bytearray(random.choice(seeds if random.random() < 0.5 else SEEDS))
        for _ in range(random.choice((0, 1, 1, 2, 3, 8))):
            _change(random, body)
        yield bytes(body)


def _restructured(random: Random) -> bytes:
    request = json.loads(random.choice(SEEDS))
    for _ in range(random.randrange(1, 4)):
        documents = request.get("documents")
        if isinstance(documents, list) and documents and random.random() < 0.6:
            documents[random.randrange(len(documents))] = deepcopy(random.choice(VALUES))
        else:
            request[random.choice(NAMES)] = deepcopy(random.choice(VALUES))
    return json.dumps(request, ensure_ascii=random.random() < 0.5).encode()


def _change(random: Random, body: bytearray) -> None:
    at = random.randrange(len(body) + 1)
    to = min(len(body), at + random.randrange(6))
    match random.randrange(5):
        case 0:
            body[at:at] = random.choice(PIECES)
        case 1:
            body[at:to] = random.choice(PIECES)
        case 2:
            del body[at:to]
        case 3:
            body[at:at] = body[at : at + random.randrange(40)]
        case 4 if at < len(body):
            body[at] = random.randrange(256)
        case _:
            pass


def decode_here(body: bytes) -> str:
    """Return the code of the decoder, "ok" for a valid request."""
    try:
        decode(body, LIMITS)
    except RequestError as error:
        return error.code
    return "ok"


class Client:
    """A client of a running server, on one connection."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def score(self, body: bytes) -> str:
        """Return the code of the answer, "ok" for a scored request; a description of an answer that is not valid."""
        answer = self._ask("POST", "/score", body)
        value = json.loads(answer[1])
        if answer[0] == http.client.OK:
            return "ok"
        code = value.get("code")
        if code in PROBLEMS and PROBLEMS[code].status == answer[0] == value["status"] and value["request_id"]:
            return str(code)
        return f"a wrong answer: {answer}"

    def await_ready(self) -> None:
        """Wait until the server is ready."""
        while self._ask("GET", "/readyz", b"")[0] != http.client.OK:
            time.sleep(0.05)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def restarts(self) -> int:
        """Return how many workers have died."""
        slots = json.loads(self._ask("GET", "/status", b"")[1])["slots"]
        return sum(slot["restarts"] for slot in slots)

    def _ask(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()


def fuzz(count: int, seed: int, answer_of: Callable[[bytes], str]) -> tuple[Counter[str], list[str]]:
    """Return how often each code was answered, and a description of every disagreement with the oracle."""
    oracle, seen, wrong = RequestOracle(LIMITS), Counter[str](), []
    bodies = inputs(Random(seed))
    for _ in range(count):
        body = next(bodies)
        found, right = answer_of(body), oracle.judge(body)
        seen[found] += 1
        if found not in right:
            wrong.append(f"{found}, not {' or '.join(sorted(right))}: {body[:200]!r}")
    return seen, wrong


def main() -> int:
    """Fuzz with the options of the command line; return the exit status."""
    parser = argparse.ArgumentParser(description="compare the service's answers with an oracle")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--decoder", action="store_true", help="without a server")
    given = parser.parse_args()
    deaths = 0
    if given.decoder:
        seen, wrong = fuzz(given.inputs, given.seed, decode_here)
    else:
        with (
            given_or_demo_bundle(given.bundle) as bundle,
            running_server(bundle, scripted=False, log_level="error") as server,
            closing(Client(server.url, server.token)) as client,
        ):
            client.await_ready()
            seen, wrong = fuzz(given.inputs, given.seed, client.score)
            deaths = client.restarts()
    for code, number in seen.most_common():
        print(f"{number:8,}  {code}")
    print(f"{given.inputs:,} inputs, {len(wrong)} disagreements with the oracle, {deaths} dead workers")
    print("\n".join(wrong[:20]))
    return 1 if wrong or deaths else 0


if __name__ == "__main__":
    sys.exit(main())
