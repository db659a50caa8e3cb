"""The time of day jumps under a running server, an hour on or two days back: only dates follow it."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest

from service.auth.jwks import COOLDOWN_S
from tests.support.jumping_clock import COMPILER, JumpingClock
from tests.support.key_server import KeyServer, answering, key_server_in_thread
from tests.support.server import DOCUMENTS, TIMEOUT_S, Reply, Server, running_server
from tests.support.tokens import jwk, key_set, private

HOUR_S, DAY_S = 3600, 24 * 3600

JUMPS = {"an hour on": HOUR_S, "two days back": -2 * DAY_S}


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> JumpingClock:
    """Return the server's clock."""
    if COMPILER is None:
        pytest.skip("a clock that jumps is compiled: it needs cc or gcc")
    return JumpingClock(tmp_path_factory.mktemp("clock"))


@pytest.fixture(scope="module")
def issuer() -> Iterator[KeyServer]:
    """Run a key server."""
    with key_server_in_thread(answering(key_set(jwk("RSA", "old")))) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def shared(demo_bundle: Path, moving: JumpingClock, issuer: KeyServer) -> Iterator[Server]:
    """Run a server with that clock."""
    with running_server(
        demo_bundle, environment=moving.environment, jwt_secret="", jwt_jwks_url=issuer.url, queue_budget_s=60
    ) as server:
        server.await_ready(2)
        # On a busy machine the first fetch of the keys may fail, and the next one comes after the pause.
        end = time.monotonic() + COOLDOWN_S + TIMEOUT_S
        while server.request("GET", "/readyz").status != 200 and time.monotonic() < end:
            time.sleep(0.1)
        yield server


@pytest.fixture
def clock(moving: JumpingClock) -> Iterator[JumpingClock]:
    """Return the clock when it is right."""
    moving.jump_to(0)
    yield moving
    moving.jump_to(0)


@pytest.fixture
def server(shared: Server, clock: JumpingClock) -> Server:
    """Return the server, whose own token is good on both sides of each jump."""
    assert clock.shift_s == 0
    shared.token = token(valid_s=DAY_S)
    assert shared.score().status == 200
    return shared


def token(valid_s: float, kind: str = "RSA", kid: str = "old") -> str:
    """Sign a token that is valid until so many seconds from now, by the true clock."""
    claims = {"sub": "ann", "aud": "scorepool", "scope": "status", "exp": time.time() + valid_s}
    return jwt.encode(claims, private(kind), "RS256", {"kid": kid})


def ask(server: Server, token: str) -> Reply:
    """Score with a token."""
    return server.score(DOCUMENTS, Authorization=f"Bearer {token}")


def workers(server: Server) -> set[int]:
    """Return the process ids of the workers."""
    return {slot["pid"] for slot in server.status()["slots"]}


@pytest.mark.parametrize("shift_s", JUMPS.values(), ids=JUMPS)
def test_no_request_fails_when_the_clock_jumps(server: Server, clock: JumpingClock, shift_s: int) -> None:
    """Those before, at and after the jump are scored by the same workers; the log follows, and metrics only grow."""
    before, mark = workers(server), len(server.journal.events)

    with ThreadPoolExecutor(2) as clients:
        replies = [clients.submit(server.score) for _ in range(60)]
        server.journal.await_events(20, mark, event="request")
        clock.jump_to(shift_s)
        statuses = [reply.result().status for reply in replies]
    later = len(server.journal.events)
    statuses.append(server.score().status)

    assert set(statuses) == {200}
    assert workers(server) == before
    assert clock.is_near(server.journal.await_events(1, later, event="request")[-1]["time"])
    events = server.journal.find(mark, event="request", route="/score")
    assert all(0 <= event["queue_ms"] <= event["duration_ms"] < TIMEOUT_S * 1e3 for event in events)
    samples = server.metrics()
    assert all(value >= 0 for value in samples.values())
    durations = [value for key, value in samples.items() if key.split("{")[0].endswith("_seconds_sum")]
    assert max(durations) < HOUR_S
    assert server.status()["last_minute"]["max_ms"] < TIMEOUT_S * 1e3


@pytest.mark.parametrize("shift_s", JUMPS.values(), ids=JUMPS)
def test_a_deadline_is_no_time_of_day(server: Server, clock: JumpingClock, shift_s: int) -> None:
    """A call that runs at the jump, and one that begins after it, have the time that they were given."""
    for moved in (False, True):
        begin = time.monotonic()
        with ThreadPoolExecutor(1) as client:
            reply = client.submit(server.score, b"sleep 60", X_Request_Timeout_Ms="1500")
            if not moved:
                server.busy_worker()
                clock.jump_to(shift_s)
            assert reply.result().code == "deadline_exceeded"
        assert 1.5 <= time.monotonic() - begin < TIMEOUT_S
        assert server.score(b"sleep 0.1", X_Request_Timeout_Ms="20000").status == 200


def test_a_token_expires_by_the_clock_that_jumps(server: Server, clock: JumpingClock) -> None:
    """Also one in the cache. Where the clock goes back it is valid again, until its date."""
    short = token(valid_s=HOUR_S / 2)

    seen = []
    for shift_s in (0, HOUR_S, -2 * DAY_S, HOUR_S // 2 - 120, HOUR_S // 2 + 120, 0):
        clock.jump_to(shift_s)
        seen.append((ask(server, short).status, ask(server, short).status, server.score().status))

    good, expired = (200, 200, 200), (401, 401, 200)
    assert seen == [good, expired, good, good, expired, good]


def test_new_keys_are_fetched_after_a_jump_back(
    server: Server, clock: JumpingClock, issuer: KeyServer
) -> None:
    """The pause between two fetches goes on as if nothing had been."""
    issuer.answer = answering(key_set(jwk("RSA", "old"), jwk("RSA'", "new")))
    fetched, end = issuer.n_requests, time.monotonic() + COOLDOWN_S + TIMEOUT_S
    clock.jump_to(-2 * DAY_S)

    new = token(DAY_S, "RSA'", "new")
    while ask(server, new).status != 200 and time.monotonic() < end:
        assert server.score(b"sleep 0.2").status == 200

    assert ask(server, new).status == 200
    assert issuer.n_requests == fetched + 1


def test_a_server_drains_on_a_clock_that_was_set_back(demo_bundle: Path, clock: JumpingClock) -> None:
    """Its drain waits for what is in hand, and for nothing else."""
    with running_server(demo_bundle, environment=clock.environment, workers=1) as server:
        server.await_ready()
        with server.begin(b"sleep 1") as connection:
            server.busy_worker()
            clock.jump_to(-2 * DAY_S)
            assert server.stop() == 0
            assert connection.recv(12) == b"HTTP/1.1 200"
