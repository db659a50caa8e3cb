"""The sockets that the server listens on: addresses with a port, or a Unix socket."""

import logging
import os
import socket
import stat
from collections.abc import Sequence
from pathlib import Path

from service.settings import Settings, SettingsError

logger = logging.getLogger(__name__)

# For the service's user and group: a proxy that runs as another user has to be in the group.
SOCKET_MODE = 0o660

# How many clients may wait to be accepted; uvicorn's default.
BACKLOG = 2048


class Listeners:
    """The open sockets of a server, and the file of its Unix socket.

    They accept only once the server is ready. address: where the service is reached by the first, as
    `scorepool score --url` takes it.
    """

    def __init__(self, sockets: list[socket.socket], address: str, path: Path | None = None) -> None:
        self.sockets = sockets
        self.address = address
        self._path = path
        self._inode = _inode(path)

    def close(self) -> None:
        """Close them, and remove the file before: while it is there and alive, no other server takes its place.

        A file that somebody has put there instead is left alone.
        """
        path, self._path = self._path, None
        if path is not None and _inode(path) == self._inode:
            path.unlink(missing_ok=True)
        for each in self.sockets:
            each.close()


def _inode(path: Path | None) -> tuple[int, int] | None:
    try:
        found = None if path is None else path.lstat()
    except FileNotFoundError:
        return None
    return (found.st_dev, found.st_ino) if found else None


def open_listeners(settings: Settings) -> Listeners:
    """Return the sockets that the settings describe. Raises: SettingsError when one cannot be had."""
    if settings.uds is not None:
        path = settings.uds.absolute()
        return Listeners([listen_on_path(path)], f"unix:{path}", path)
    sockets = listen(settings.host, settings.port)
    scheme = "http" if settings.tls_certificate_file is None else "https"
    place = authority(settings.host[0], sockets[0].getsockname()[1])
    return Listeners(sockets, f"{scheme}://{place}{settings.root_path}")


def authority(host: str, port: int) -> str:
    """Return host and port as an address has them: an IPv6 address in brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listen(hosts: Sequence[str], port: int) -> list[socket.socket]:
    """Return sockets bound to every address of `hosts`; they accept only once the server is ready.

    With port 0 all of them have the one that the first gets. `::` is dual-stack, which takes IPv4 on the same
    socket, unless an IPv4 address is bound as well: the kernel would refuse the second of the two.

    Raises: SettingsError when an address cannot be had.
    """
    sockets: list[socket.socket] = []
    host = hosts[0]
    try:
        found = []
        for host in hosts:
            found += socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        dual_stack = all(family != socket.AF_INET for family, *_ in found)
        # Without doubles: two of the hosts may be names of one address.
        for family, address in dict.fromkeys((family, address) for family, *_, address in found):
            host = str(address[0])
            bound = socket.socket(family, socket.SOCK_STREAM)
            sockets.append(bound)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not (dual_stack and host == "::"))
            bound.bind((host, port, *address[2:]))
            port = bound.getsockname()[1]
    except OSError as error:
        for opened in sockets:
            opened.close()
        reason = f"cannot listen on {authority(host, port)}: {error.strerror}"
        raise SettingsError([f"host, port: {reason}"]) from error
    for bound in sockets:
        logger.info("listening", extra={"address": authority(*bound.getsockname()[:2])})
    return sockets


def listen_on_path(path: Path) -> socket.socket:
    """Return a Unix socket that listens at `path`, in place of one that no server listens on any more.

    Clients that come before the server has started wait for it, so that a second server finds this one alive.

    Raises: SettingsError when it cannot be had, another server listens there, or another kind of file is there.
    """
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        # Nobody may connect before the mode is set: the file gets that of the socket.
        os.fchmod(bound.fileno(), stat.S_IRUSR | stat.S_IWUSR)
        bound.bind(str(path))
        path.chmod(SOCKET_MODE)
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise SettingsError([f"uds: cannot listen on {path}: {error.strerror}"]) from error
    except SettingsError:
        bound.close()
        raise
    logger.info("listening", extra={"address": f"unix:{path}"})
    return bound


def _remove_stale(path: Path) -> None:
    """Remove a socket that nobody listens on. Raises: SettingsError for anything else that is there; OSError."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SettingsError([f"uds: {path} is no socket; it is left as it is"])
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # Without waiting: a server that lives and is busy says so with EAGAIN.
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except BlockingIOError:
            pass
    raise SettingsError([f"uds: another server listens on {path}"])
