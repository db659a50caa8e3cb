"""Whom the fields of proxies are believed from, and what they say."""

import pytest

from service.connections.forwarded import TrustedProxies

PROXY = "10.0.0.0/8"


def client_of(names: list[str], *values: str) -> str | None:
    """Return the client that fields `X-Forwarded-For` name, None for none."""
    fields = [(b"x-forwarded-for", value.encode("latin-1")) for value in values]
    client = TrustedProxies(names).forwarded(fields).get("client")
    return client[0] if client else None


@pytest.mark.parametrize(
    ("names", "peer", "trusted"),
    [
        ([], "127.0.0.1", False),
        ([], "", False),
        (["127.0.0.1"], "127.0.0.1", True),
        (["127.0.0.1"], "127.0.0.2", False),
        (["127.0.0.1"], "::ffff:127.0.0.1", True),
        ([PROXY], "10.200.3.4", True),
        ([PROXY], "::1", False),
        ([PROXY], "", False),
        (["2001:db8::/32"], "2001:db8::7", True),
        (["unix:"], "", True),
        (["unix:"], "127.0.0.1", False),
        (["*"], "192.0.2.1", True),
        (["*"], "", True),
    ],
)
def test_a_peer_is_trusted_by_its_address(names: list[str], peer: str, trusted: bool) -> None:
    """A Unix socket has none; an IPv4 peer of a dual-stack socket is one of IPv4."""
    assert TrustedProxies(names).trusts_peer(peer) is trusted


@pytest.mark.parametrize(
    ("values", "client"),
    [
        (["203.0.113.9"], "203.0.113.9"),
        (["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        (["198.51.100.1, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        (["198.51.100.1", "203.0.113.9", "10.0.0.2,10.0.0.3"], "203.0.113.9"),
        (["10.0.0.9, 10.0.0.2"], "10.0.0.9"),
        (["203.0.113.9:4711"], "203.0.113.9"),
        (["[2001:db8::1]:4711"], "2001:db8::1"),
        (["2001:db8::1"], "2001:db8::1"),
        (["2001:DB8:0::1"], "2001:db8::1"),
        (["::ffff:203.0.113.9"], "203.0.113.9"),
    ],
)
def test_the_client_is_the_rightmost_address_that_is_not_trusted(values: list[str], client: str) -> None:
    """What stands left of it may be the client's own words; where all are trusted it is the leftmost."""
    assert client_of([PROXY], *values) == client


@pytest.mark.parametrize(
    "value", ["", " ", ",", "unknown", "_hidden", "x, ", "203.0.113.9 x", "1.2.3.4.5", "\xe9"]
)
def test_a_malformed_value_is_ignored(value: str) -> None:
    """The peer stays the client."""
    assert client_of([PROXY], value) is None


def test_what_stands_left_of_a_malformed_value_is_ignored() -> None:
    """The proxy that wrote it is the last that is known."""
    assert client_of([PROXY], "203.0.113.9, unknown, 10.0.0.2") == "10.0.0.2"


def test_with_every_peer_trusted_the_client_is_the_leftmost() -> None:
    """Which a client can choose."""
    assert client_of(["*"], "198.51.100.1, 203.0.113.9") == "198.51.100.1"


@pytest.mark.parametrize(
    ("values", "scheme"),
    [
        (["https"], "https"),
        (["HTTP"], "http"),
        (["https", "http"], None),
        (["wss"], None),
        (["https,http"], None),
        ([], None),
    ],
)
def test_the_scheme_is_that_of_the_proxy(values: list[str], scheme: str | None) -> None:
    """Where there is one, and it is one of the two."""
    fields = [(b"x-forwarded-proto", value.encode()) for value in values]

    assert TrustedProxies(["*"]).forwarded(fields).get("scheme") == scheme
