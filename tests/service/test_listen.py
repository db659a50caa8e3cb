"""Which addresses the server listens on, and how they are written."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from service.server import authority, listen
from service.settings import SettingsError


@contextlib.contextmanager
def listening(*hosts: str) -> Iterator[list[tuple[str, int]]]:
    """Listen on a free port of these hosts; return the addresses."""
    sockets = listen(hosts, 0)
    try:
        for each in sockets:
            each.listen()
        yield [each.getsockname()[:2] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def reached(host: str, port: int) -> bool:
    """Return whether a connection can be made."""
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")


def test_one_address() -> None:
    """That of the default is reached by IPv4 alone."""
    with listening("127.0.0.1") as [(host, port)]:
        assert host == "127.0.0.1"
        assert reached("127.0.0.1", port)
        assert not reached("::1", port)


@needs_ipv6
def test_several_addresses_have_one_port() -> None:
    """Also where the kernel chooses it."""
    with listening("127.0.0.1", "::1") as addresses:
        assert [host for host, _ in addresses] == ["127.0.0.1", "::1"]
        assert len({port for _, port in addresses}) == 1
        assert all(reached(*address) for address in addresses)


@needs_ipv6
def test_a_loopback_address_of_ipv6_takes_no_ipv4() -> None:
    """Only the wildcard is dual-stack."""
    with listening("::1") as [(_, port)]:
        assert reached("::1", port)
        assert not reached("127.0.0.1", port)


@needs_ipv6
@pytest.mark.parametrize("hosts", [("::",), ("0.0.0.0", "::"), ("::", "0.0.0.0"), ("::", "127.0.0.1")])
def test_every_address_takes_both_versions(hosts: tuple[str, ...]) -> None:
    """Whether in one socket or in two."""
    sockets = listen(hosts, 0)
    try:
        port = sockets[0].getsockname()[1]
        six_only = [
            each.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
            for each in sockets
            if each.family == socket.AF_INET6
        ]

        assert six_only == [int(len(hosts) > 1)]
        assert {each.getsockname()[1] for each in sockets} == {port}
    finally:
        for each in sockets:
            each.close()


def test_an_address_under_two_names_is_bound_once() -> None:
    """The second time would fail."""
    with listening("127.0.0.1", "localhost", "127.0.0.1") as addresses:
        assert [host for host, _ in addresses].count("127.0.0.1") == 1


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "no-such-host.invalid"])
def test_an_address_that_cannot_be_had_is_named(host: str) -> None:
    """One of several is enough; the others are closed."""
    with pytest.raises(SettingsError, match="cannot listen on") as caught:
        listen(("127.0.0.1", host), 0)

    assert host in str(caught.value)


@pytest.mark.parametrize(
    ("host", "written"), [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80"), ("a.example", "a.example:80")]
)
def test_an_address_is_written_as_in_a_url(host: str, written: str) -> None:
    """IPv6 has brackets."""
    assert authority(host, 80) == written
