"""HTTP clients that people use, each with small, chunked, large and too large bodies."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.programs.real_clients.checks import Check, Missing, expect
from tests.support.server import DOCUMENTS, Server

HERE = Path(__file__).parent

# Seconds for one client to do everything.
CLIENT_TIMEOUT_S = 60

# What every client has to print.
WANTED = {"many": [200] * 20, "together": [200] * 20, "chunked": 200, "large": 200, "huge": 413}

# One text after another of 6 KB: the first is just below the default limit of a body, the second above.
LARGE_DOCUMENTS, HUGE_DOCUMENTS = 1_000, 1_500

_PYTHON = """
import json, os
from concurrent.futures import ThreadPoolExecutor
url = os.environ["URL"] + "/score"
headers = {"Authorization": "Bearer " + os.environ["TOKEN"], "Content-Type": "application/json"}
body, large, huge = (open(os.environ[name], "rb").read() for name in ("BODY", "LARGE", "HUGE"))
pieces = [body[at : at + 50] for at in range(0, len(body), 50)]
"""

_REPORT = """
print(json.dumps(
    {"many": many, "together": together, "chunked": chunked, "large": post(large), "huge": post(huge)}
))
"""

REQUESTS = f"""{_PYTHON}
import requests
session = requests.Session()
post = lambda content: session.post(url, headers=headers, data=content).status_code
many = [post(body) for _ in range(20)]
with ThreadPoolExecutor(20) as pool:
    together = list(pool.map(lambda _: requests.post(url, headers=headers, data=body).status_code, range(20)))
chunked = post(iter(pieces))
{_REPORT}"""

HTTPX = f"""{_PYTHON}
import httpx
client = httpx.Client(headers=headers, timeout=30)
post = lambda content: client.post(url, content=content).status_code
many = [post(body) for _ in range(20)]
with ThreadPoolExecutor(20) as pool:
    together = list(pool.map(lambda _: post(body), range(20)))
chunked = post(iter(pieces))
{_REPORT}"""

AIOHTTP = f"""{_PYTHON}
import asyncio, aiohttp
async def stream():
    for piece in pieces:
        yield piece
async def main():
    async with aiohttp.ClientSession(headers=headers) as session:
        async def post(content, **options):
            async with session.post(url, data=content, **options) as answer:
                await answer.read()
                return answer.status
        many = [await post(body) for _ in range(20)]
        together = await asyncio.gather(*(post(body) for _ in range(20)))
        print(json.dumps(dict(many=many, together=together, chunked=await post(stream()),
                              large=await post(large, expect100=True), huge=await post(huge))))
asyncio.run(main())
"""


class Bodies(NamedTuple):
    """Files with the bodies that the clients send: three short documents, nearly too large, too large."""

    body: Path
    large: Path
    huge: Path


def write_bodies(folder: Path) -> Bodies:
    """Write the files."""
    bodies = Bodies(folder / "body", folder / "large", folder / "huge")
    text = "storm harbour gale " * 330
    bodies.body.write_bytes(DOCUMENTS)
    for path, count in ((bodies.large, LARGE_DOCUMENTS), (bodies.huge, HUGE_DOCUMENTS)):
        path.write_text(json.dumps({"documents": [text] * count, "similarity": "none"}))
    return bodies


def client_checks(server: Server, bodies: Bodies, python: str) -> Iterator[Check]:
    """Yield a check for each client against a server."""
    run = partial(run_client, server, bodies)
    yield Check("httpx", partial(run, (sys.executable, "-c", HTTPX), "httpx"))
    yield Check("requests", partial(run, (python, "-c", REQUESTS), "requests"))
    yield Check("aiohttp", partial(run, (python, "-c", AIOHTTP), "aiohttp"))
    yield Check("fetch of Node", partial(run, ("node", str(HERE / "fetch.mjs"))), ("node",))
    yield Check("java.net.http", partial(run, ("java", str(HERE / "Client.java"))), ("java",))
    yield from curl_checks("curl", server.url, server, bodies)
    yield Check("curl: an absolute target", partial(absolute_target, server), ("curl",))
    yield Check("a client that closes its side behind a request", partial(half_closed, server))


def run_client(server: Server, bodies: Bodies, command: tuple[str, ...], module: str = "") -> str:
    """Run a client program and compare what it prints."""
    if module and subprocess.run([command[0], "-c", f"import {module}"], stderr=-3, check=False).returncode:
        raise Missing(f"{module} not installed for {command[0]}")
    files = {name.upper(): str(path) for name, path in bodies._asdict().items()}
    environment = {**os.environ, **files, "URL": server.url, "TOKEN": server.token}
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=CLIENT_TIMEOUT_S, check=False
    )
    expect(ended.returncode, 0, ended.stderr.strip()[-300:])
    expect(json.loads(ended.stdout), WANTED, "answers")
    return "20 in a row, 20 at once, chunked, 6 MB, 9 MB refused with 413"


def curl(*arguments: str) -> str:
    """Run curl; return what it prints."""
    command = ["curl", "-sS", "--max-time", "30", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=CLIENT_TIMEOUT_S, check=False)
    expect(ended.returncode, 0, ended.stderr.strip()[-300:])
    return ended.stdout + ended.stderr


def connections_kept(url: str) -> str:
    """Send five requests; only the first opens a connection."""
    opened = curl(*["-o", os.devnull] * 5, "-w", "%{num_connects}", *[f"{url}/livez"] * 5)
    expect(opened, "10000", "connections opened by each request")
    return ""


def curl_checks(name: str, url: str, server: Server, bodies: Bodies) -> Iterator[Check]:
    """Yield checks with curl against a server, or against a proxy of it at `url`."""
    fields = [argument for field in server.headers.items() for argument in ("-H", ": ".join(field))]

    def status(wanted: int, path: str, *arguments: str) -> str:
        expect(
            curl("-o", os.devnull, "-w", "%{http_code}", *arguments, f"{url}{path}"), str(wanted), "status"
        )
        return ""

    def continued() -> str:
        said = curl("-v", "-o", os.devnull, *fields, *large, "-H", "Expect: 100-continue", f"{url}/score")
        expect(("HTTP/1.1 100" in said, "HTTP/1.1 200" in said), (True, True), "100 and 200")
        return ""

    def not_continued() -> str:
        begin = time.monotonic()
        status(401, "/score", *large, "-H", "Expect: 100-continue", "-H", "Content-Type: application/json")
        return f"{(time.monotonic() - begin) * 1e3:.0f} ms"

    small, large = ["--data-binary", f"@{bodies.body}"], ["--data-binary", f"@{bodies.large}"]
    huge = ["--data-binary", f"@{bodies.huge}"]
    chunked = ["-H", "Transfer-Encoding: chunked"]
    checks: dict[str, Callable[[], str]] = {
        "HTTP/1.0": partial(status, 200, "/score", "-0", *fields, *small),
        "a chunked body": partial(status, 200, "/score", *fields, *chunked, *small),
        "6 MB in chunks": partial(status, 200, "/score", *fields, *chunked, *large),
        "9 MB": partial(status, 413, "/score", *fields, *huge),
        "9 MB in chunks": partial(status, 413, "/score", *fields, *chunked, *huge),
        "Expect: 100-continue": continued,
        "Expect without a token": not_continued,
        "an offer of HTTP/2": partial(status, 200, "/livez", "--http2"),
        "HEAD": partial(status, 200, "/livez", "-I"),
        "five requests on one connection": partial(connections_kept, url),
    }
    for label, check in checks.items():
        yield Check(f"{name}: {label}", check, ("curl",))


def absolute_target(server: Server) -> str:
    """Use the service as if it were a proxy for another host."""
    found = curl("-x", server.url, "-w", "%{http_code}", "http://scorepool.example/livez")
    expect(found, '{"status":"alive"}200', "answer")
    return ""


def half_closed(server: Server) -> str:
    """Send a request and close the sending side: taken for a client that has left, and so the server goes on."""
    with socket.create_connection(server.address, timeout=CLIENT_TIMEOUT_S) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        answer = client.recv(10_000)
    expect(server.request("GET", "/livez").status, 200, "the next request")
    return "answered" if answer else "closed without an answer, as documented"
