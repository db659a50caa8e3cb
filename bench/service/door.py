"""What a request costs the event loop before and after a worker has it, in microseconds.

    python -m bench door [--requests N] [--bundle DIR]

Tokens: verified for the first time, and again. Requests through the application alone, with a pool that answers
or refuses at once. Requests through a connection: from the bytes of the client to the bytes for it, with this
service's protocol class and with uvicorn's own. Requests over a socket: processor time of the whole server process,
the kernel's part of it included.
"""

import asyncio
import http.client
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from math import inf
from pathlib import Path
from random import Random
from typing import Any

import jwt
import uvicorn
import uvloop
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from starlette.applications import Starlette
from starlette.types import Message
from uvicorn.server import ServerState

from bench.harness.command_line import bundle_path, parser
from bench.harness.server import free_ports
from service.api.outcome import Facts, Outcome
from service.api.response import Reloaded
from service.api.scorer import Served
from service.app import create_app
from service.auth.keys import FixedKey, Key
from service.auth.tokens import Authenticator, TokenPolicy
from service.configuration import load
from service.connections.eviction import OpenConnections
from service.connections.http1 import HEAD_END
from service.connections.limits import MAX_CONNECTIONS
from service.errors import Refused
from service.limits import PoolLimits
from service.observability.request_record import NullRequestObserver
from service.observability.status import Snapshot
from service.release import open_release
from service.scheduling.admission import Admission, Permit
from service.scheduling.job import Job
from service.server import configure
from service.settings import Settings

SECRET = "an-example-secret-of-forty-characters-00"
CLAIMS = {"sub": "ann", "aud": "scorepool", "exp": time.time() + 3600}
TOKEN = jwt.encode(CLAIMS, SECRET)

BODY = b'{"documents": ["Storms close the harbour", "Harbour shut by gales", "Rates rise again"]}'
STAGES = (("decode", 0.1), ("embed", 1.0), ("cluster", 0.1), ("similarity", 0.1), ("encode", 0.1))
BODY, FACTS = b"x" * 1_200, Facts(3, 3, 12, 9, STAGES)

REPEATS = 5


class StubPool(NullRequestObserver):
    """Stands for the dispatcher, which answers or refuses at once, and for the telemetry."""

    started = True
    readiness: str | None = None
    damage: str | None = None
    digest = ""
    start_refused: Callable[[str], None] | None = None

    def __init__(self, refusal: Refused | None = None) -> None:
        self._refusal = refusal
        self._admission = Admission(PoolLimits(), Random(0), lambda: None)

    async def start(self) -> None: ...

    def announce_drain(self) -> None: ...

    async def drain(self, timeout_s: float) -> None: ...

    def snapshot(self) -> Snapshot:
        return Snapshot((), 0, 0.0, 0)

    def register(self, families: Callable[[], Iterator[str]]) -> None:
        pass

    def metrics(self, snapshot: Snapshot) -> bytes:
        return b""

    def status(self, snapshot: Snapshot) -> bytes:
        return b"{}"

    def admit(self, subject: str, content_length: int | None, deadline: float) -> Permit:
        if self._refusal is not None:
            raise self._refusal
        return self._admission.admit(subject, content_length)

    async def submit(self, permit: Permit, job: Job) -> Outcome:
        # A new one each time, as from the pool: its body is taken out when it is sent.
        return Outcome("ok", BODY, FACTS, 0, queue_ms=0.1, run_ms=2.0, attempts=1)

    @property
    def congested(self) -> bool:
        return self._refusal is not None

    def overload_refusal(self, subject: str, size: int, time_left: float) -> Refused | None:
        return self._refusal


class FixedModel:
    """Stands for what exchanges the model."""

    def __init__(self, info: Served) -> None:
        self.info = info

    async def reload(self) -> Reloaded:
        return Reloaded("unchanged", self.info.digest, self.info.digest, 0.0)

    def stop(self) -> None: ...


Step = Callable[[], Awaitable[object]]


def application(bundle: Path, refusal: Refused | None = None) -> tuple[Starlette, Settings]:
    """Return the application in front of a pool that answers, or that refuses with `refusal`."""
    settings = load({"bundle": bundle, "jwt_secret": SECRET}, {})
    pool = StubPool(refusal)
    return create_app(settings, FixedModel(open_release(settings).info), pool, pool), settings


def cost(step: Step, requests: int) -> float:
    """Return microseconds of this thread for one step: the least of `REPEATS` runs."""

    async def timed() -> float:
        begin = time.thread_time()
        for _ in range(requests):
            await step()
        return time.thread_time() - begin

    return min(uvloop.run(timed()) for _ in range(REPEATS)) / requests * 1e6


def token_steps() -> Iterator[tuple[str, Step]]:
    """Yield each way of verifying a token, with its name."""
    pairs: dict[str, tuple[Any, Any]] = {"HS256": (SECRET, SECRET.encode())}
    for name, private in (
        ("RS256", rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ):
        pairs[name] = (private, private.public_key())
    for name, (signing, verifying) in pairs.items():
        header = b"Bearer " + jwt.encode(CLAIMS, signing, name).encode()
        keys = FixedKey(Key(verifying, [name]))
        authenticator = Authenticator(keys, TokenPolicy("scorepool", None, 30.0))
        if name == "HS256":
            yield "a token seen before", lambda known=authenticator, header=header: known.authenticate(header)  # type: ignore[misc]

        def anew(keys: FixedKey = keys, header: bytes = header) -> Awaitable[object]:
            return Authenticator(keys, TokenPolicy("scorepool", None, 30.0)).authenticate(header)

        yield f"{name}, for the first time", anew


def request_step(app: Starlette, **changes: bytes | None) -> Step:
    """Return one `POST /score` through the application; `changes` replace headers, None leaves one out."""
    fields: dict[str, bytes | None] = {
        "host": b"127.0.0.1:8000",
        "user-agent": b"bench",
        "accept": b"*/*",
        "authorization": b"Bearer " + TOKEN.encode(),
        "content-type": b"application/json",
        "content-length": b"%d" % len(BODY),
        **changes,
    }
    headers = [(name.encode(), value) for name, value in fields.items() if value is not None]
    never: asyncio.Event = asyncio.Event()

    async def step() -> None:
        arrived = False

        async def receive() -> Message:
            nonlocal arrived
            if arrived:
                await never.wait()
            arrived = True
            return {"type": "http.request", "body": BODY, "more_body": False}

        async def send(message: Message) -> None: ...

        scope = {"type": "http", "method": "POST", "path": "/score", "headers": headers, "state": {}}
        await app(scope, receive, send)

    return step


def request_steps(bundle: Path) -> Iterator[tuple[str, Step]]:
    """Yield requests that end in different ways, with the names of these."""
    app, _ = application(bundle)
    full, _ = application(bundle, Refused("overloaded", "the wait would be 7 s; try again later", 7))
    yield "scored (at once)", request_step(app)
    yield "refused: overloaded", request_step(full)
    yield "refused: no token", request_step(app, authorization=None)
    yield (
        "refused: a forged token",
        request_step(app, authorization=b"Bearer " + TOKEN.encode()[:-4] + b"AAAA"),
    )
    yield "refused: not JSON by its header", request_step(app, **{"content-type": b"text/plain"})


class StubTransport(asyncio.Transport):
    """Stands for the network; `written` is set when it is given the last bytes of a response."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def is_closing(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def write(self, data: bytes | bytearray | memoryview) -> None:
        # Our own class writes head and body in one, and then nothing more, twice.
        if data and data[-4:] != HEAD_END:
            self.written.set_result(None)

    def writelines(self, pieces: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(list(pieces)[-1])


async def connection_cost(config: uvicorn.Config, request: bytes, requests: int) -> float:
    """Return microseconds of this thread from a request's bytes to its response's: the least of `REPEATS` runs."""
    config.load()
    make: Any = config.http_protocol_class
    protocol, transport = make(config=config, server_state=ServerState(), app_state={}), StubTransport()
    protocol.connection_made(transport)
    least = inf
    for _ in range(REPEATS):
        begin = time.thread_time()
        for _ in range(requests):
            transport.written = asyncio.get_running_loop().create_future()
            protocol.data_received(request)
            await transport.written
            await asyncio.sleep(0)  # the task of the request ends
        least = min(least, time.thread_time() - begin)
    return least / requests * 1e6


def through_connection(bundle: Path, method: str, path: str, requests: int) -> tuple[float, float]:
    """Return the cost of one request with this service's protocol class and with uvicorn's own."""
    body = BODY if method == "POST" else b""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: bench\r\nAccept: */*\r\n"
    fields = f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
    request = f"{head}{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body
    ours, theirs = (
        uvloop.run(connection_cost(_config(bundle, own), request, requests)) for own in (True, False)
    )
    return ours, theirs


def _config(bundle: Path, ours: bool) -> uvicorn.Config:
    app, settings = application(bundle)
    config = configure(app, settings, OpenConnections(MAX_CONNECTIONS))
    if not ours:
        config.http = "httptools"
    return config


def serve(bundle: Path, ours: bool, port: int) -> None:
    """Run a server in this process. ours: with this service's protocol class rather than uvicorn's."""
    config = _config(bundle, ours)
    config.port = port
    uvicorn.Server(config).run()


def over_socket(bundle: Path, ours: bool, method: str, path: str, requests: int) -> float:
    """Return microseconds of processor time, kernel included, for one request on a kept connection."""
    (port,) = free_ports(1)
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(bundle, ours, port))
    server.start()
    try:
        connection = _connected(port)
        body = BODY if method == "POST" else None
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        spent = []
        for _ in range(REPEATS):
            begin = _processor_time(server.pid)
            for _ in range(requests):
                connection.request(method, path, body, headers)
                connection.getresponse().read()
            spent.append(_processor_time(server.pid) - begin)
        connection.close()
        return min(spent) / requests * 1e6
    finally:
        server.terminate()
        server.join()


def _connected(port: int) -> http.client.HTTPConnection:
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        try:
            connection.connect()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return connection


def _processor_time(pid: int | None) -> float:
    """Return the seconds that a process has run, to the nanosecond."""
    return (
        sum(
            int(Path(task, "schedstat").read_text().split()[0])
            for task in Path(f"/proc/{pid}/task").iterdir()
        )
        / 1e9
    )


def main() -> None:
    """Print the tables."""
    options_parser = parser(__doc__, "bundle")
    options_parser.add_argument("--requests", type=int, default=5_000, help="of each measurement (5000)")
    options = options_parser.parse_args()
    bundle = bundle_path(options.bundle)
    for what, steps in (
        ("token", token_steps()),
        ("request, through the application", request_steps(bundle)),
    ):
        print(f"| {what} | µs |\n| --- | --- |")
        for name, step in steps:
            print(f"| {name} | {cost(step, options.requests):.1f} |", flush=True)
        print()
    print("| request | our protocol class, µs | uvicorn's own, µs |\n| --- | --- | --- |")
    for method, path in (("GET", "/livez"), ("POST", "/score")):
        ours, theirs = through_connection(bundle, method, path, options.requests)
        print(f"| {method} {path}, through a connection | {ours:.0f} | {theirs:.0f} |", flush=True)
        ours, theirs = (over_socket(bundle, own, method, path, options.requests) for own in (True, False))
        print(f"| {method} {path}, over a socket | {ours:.0f} | {theirs:.0f} |", flush=True)
