"""When an issuer's key set is fetched, and which keys are valid meanwhile; with a fake clock and a fake issuer."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from service.auth.jwks import COOLDOWN_S, MAX_STALE_S, MAX_UNKNOWN, UNKNOWN_S, FetchError, IssuerKeys
from tests.support.tokens import jwk, key_set

ACCEPTED = ("RS256", "ES256", "EdDSA")


class Issuer:
    """Publishes `document`, or raises it; counts the fetches, and blocks them until the event `held` is set."""

    def __init__(self, document: bytes | Exception) -> None:
        self.document = document
        self.count = 0
        self.held: asyncio.Event | None = None
        self.now = 1_000.0

    async def fetch(self, url: str) -> bytes:
        """Answer one fetch."""
        self.count += 1
        document = self.document
        if self.held is not None:
            await self.held.wait()
        if isinstance(document, Exception):
            raise document
        return document

    def keys(self) -> IssuerKeys:
        """Return the keys of this issuer, never fetched."""
        return IssuerKeys("https://issuer.example/keys", ACCEPTED, fetch=self.fetch, clock=lambda: self.now)


DOWN = FetchError("down")


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario."""

    async def bounded() -> None:
        async with asyncio.timeout(10):
            await scenario()

    asyncio.run(bounded())


def test_keys_are_fetched_when_they_are_first_needed() -> None:
    """The fetch makes the source ready."""

    async def scenario() -> None:
        issuer = Issuer(key_set(jwk("Ed25519")))
        keys = issuer.keys()
        before = keys.ready
        await keys.learn("k")
        assert (before, keys.ready) == (False, True)
        assert keys.find("k")

    run(scenario)


def test_a_start_fetches_in_the_background() -> None:
    """Also while the key server is down: the service starts, and is not ready."""

    async def scenario() -> None:
        issuer = Issuer(DOWN)
        keys = issuer.keys()
        await keys.start()
        while not issuer.count:
            await asyncio.sleep(0)
        assert not keys.ready
        await keys.stop()

    run(scenario)


def test_a_new_key_is_learnt_when_a_token_names_it() -> None:
    """Rotation needs no restart and no waiting; cached tokens have to be verified again."""

    async def scenario() -> None:
        issuer = Issuer(key_set(jwk("Ed25519", "old")))
        keys = issuer.keys()
        await keys.learn("old")
        before = keys.generation
        issuer.document = key_set(jwk("Ed25519'", "new"))
        issuer.now += COOLDOWN_S
        await keys.learn("new")
        assert keys.find("new")
        assert not keys.find("old")
        assert keys.generation != before

    run(scenario)


def test_the_same_keys_again_change_nothing() -> None:
    """Cached tokens stay valid."""

    async def scenario() -> None:
        issuer = Issuer(key_set(jwk("Ed25519")))
        keys = issuer.keys()
        await keys.learn("k")
        before = keys.generation
        issuer.now += COOLDOWN_S
        await keys.learn("other")
        assert (issuer.count, keys.generation) == (2, before)

    run(scenario)


@pytest.mark.parametrize("document", [key_set(jwk("Ed25519")), DOWN])
def test_a_thousand_unknown_kids_cause_one_fetch_per_cooldown(document: bytes | Exception) -> None:
    """After success and after failure."""

    async def scenario() -> None:
        issuer = Issuer(document)
        keys = issuer.keys()
        for round_ in range(3):
            await asyncio.gather(*[keys.learn(f"{round_}-{i}") for i in range(1_000)])
            await asyncio.gather(*[keys.learn(f"{round_}-again-{i}") for i in range(1_000)])
            assert issuer.count == round_ + 1
            issuer.now += COOLDOWN_S

    run(scenario)


def test_a_kid_known_to_be_unknown_causes_no_fetch() -> None:
    """One misconfigured client does not keep the key server busy."""

    async def scenario() -> None:
        issuer = Issuer(key_set(jwk("Ed25519")))
        keys = issuer.keys()
        for _ in range(5):
            await keys.learn("unknown")
            issuer.now += COOLDOWN_S
        assert issuer.count == 1
        issuer.now += UNKNOWN_S
        await keys.learn("unknown")
        assert issuer.count == 2

    run(scenario)


def test_the_memory_of_unknown_kids_is_bounded() -> None:
    """The oldest are forgotten, and may cause a fetch again."""

    async def scenario() -> None:
        issuer = Issuer(key_set(jwk("Ed25519")))
        keys = issuer.keys()
        await asyncio.gather(*[keys.learn(str(i)) for i in range(MAX_UNKNOWN + 1)])
        issuer.now += COOLDOWN_S
        await keys.learn("1000")
        assert issuer.count == 1
        await keys.learn("0")
        assert issuer.count == 2

    run(scenario)


@pytest.mark.parametrize("failure", [DOWN, b"<html>", key_set()])
def test_good_keys_stay_while_the_key_server_is_down(failure: bytes | Exception) -> None:
    """For a day; after that the issuer may have withdrawn them."""

    async def scenario() -> None:
        issuer = Issuer(key_set(jwk("Ed25519")))
        keys = issuer.keys()
        await keys.learn("k")
        issuer.document = failure
        issuer.now += MAX_STALE_S - 1
        await keys.learn("other")
        last = (keys.ready, len(keys.find("k")))
        issuer.now += 1
        assert last == (True, 1)
        assert (keys.ready, len(keys.find("k"))) == (False, 0)

    run(scenario)


def test_a_fetch_outlives_the_cancellation_of_a_request_that_waits() -> None:
    """Other requests wait for the same fetch."""

    async def scenario() -> None:
        issuer = Issuer(key_set(jwk("Ed25519")))
        issuer.held = asyncio.Event()
        keys = issuer.keys()
        leaving, staying = (asyncio.create_task(keys.learn("k")) for _ in range(2))
        while not issuer.count:
            await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0)
        issuer.held.set()
        await staying
        assert keys.find("k")
        assert issuer.count == 1

    run(scenario)


def test_a_token_without_a_kid_fits_a_set_of_one_key() -> None:
    """With two it is unclear which key is meant."""
    for entries, found in (
        ([jwk("Ed25519", None)], 1),
        ([jwk("Ed25519")], 1),
        ([jwk("RSA"), jwk("Ed25519", "2")], 0),
    ):

        async def scenario(document: bytes = key_set(*entries), found: int = found) -> None:
            keys = Issuer(document).keys()
            await keys.learn(None)
            assert len(keys.find(None)) == found

        run(scenario)


def test_keys_with_the_same_kid_are_all_tried() -> None:
    """RFC 7517, 4.5 allows it for keys of different types."""

    async def scenario() -> None:
        keys = Issuer(key_set(jwk("RSA"), jwk("Ed25519"))).keys()
        await keys.learn("k")
        assert len(keys.find("k")) == 2

    run(scenario)
