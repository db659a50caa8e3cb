"""Which addresses the server listens on, and how they are written."""

import contextlib
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.listening import Listeners, authority, listen, listen_on_path
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


def test_a_unix_socket_is_for_user_and_group(tmp_path: Path) -> None:
    """Whatever the umask; clients that come before the server accepts wait for it."""
    path = tmp_path / "socket"

    with listen_on_path(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))

        assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    """One that was left behind when its server was killed."""
    path = tmp_path / "socket"
    listen_on_path(path).close()

    with listen_on_path(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_socket_that_somebody_listens_on_is_refused(tmp_path: Path) -> None:
    """Also when its queue is full, as it is for the second and third that ask."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as alive:
        alive.bind(str(path))
        alive.listen(0)
        for _ in range(3):
            with pytest.raises(SettingsError, match="another server listens"):
                listen_on_path(path)
            assert path.is_socket()


def test_another_kind_of_file_is_left_alone(tmp_path: Path) -> None:
    """It may be worth something."""
    path = tmp_path / "letter"
    path.write_text("dear")

    with pytest.raises(SettingsError, match="is no socket"):
        listen_on_path(path)

    assert path.read_text() == "dear"


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    """It is not made."""
    with pytest.raises(SettingsError, match="none/socket: No such file"):
        listen_on_path(tmp_path / "none" / "socket")


def test_only_its_own_socket_is_removed(tmp_path: Path) -> None:
    """One that another server has put in its place stays."""
    path = tmp_path / "socket"
    first = Listeners([listen_on_path(path)], "", path)
    path.unlink()
    second = Listeners([listen_on_path(path)], "", path)

    first.close()
    assert path.is_socket()

    second.close()
    assert not path.exists()
