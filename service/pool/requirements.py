"""What the workers need of Python, of the kernel and of the file system, tried before anything is started.

A sandbox or a container may lack any of it, and the workers would then fail to start again and again. What is not
needed is not tried: without `pidfd_open` a worker's end is noticed through the fork server.
"""

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from multiprocessing import util
from pathlib import Path

from service.errors import StartError
from service.ipc.shared_memory import create_memory
from service.ipc.standard_library import check_names

# `sockaddr_un.sun_path` (unix(7)) has 108 bytes, the last of which is zero.
MAX_SOCKET_PATH_BYTES = 107

# What multiprocessing puts behind a folder for the socket of its fork server: /pymp-XXXXXXXX/listener-XXXXXXXX.
_SOCKET_NAME_BYTES = 32

# Semaphores of the C library are files in here (sem_overview(7)), and no setting changes that.
SHARED_MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - as the C library

# Where a socket can be when TMPDIR is too long or cannot be written to. A socket is in a folder of its own there,
# which only this user can open.
_OTHER_FOLDERS = ("/tmp", str(SHARED_MEMORY_FOLDER), "/var/tmp", "/run")  # noqa: S108

_ALLOW = "allow it in the sandbox (seccomp) or take a newer kernel"


def check_requirements() -> None:
    """Try everything that a worker needs. Raises: StartError that names what is missing."""
    check_names()
    _check("memfd_create", lambda: os.close(create_memory("scorepool-check")), _ALLOW)
    _check("eventfd2", lambda: os.close(os.eventfd(0, os.EFD_CLOEXEC)), _ALLOW)
    _check(
        f"{SHARED_MEMORY_FOLDER}, a writable folder in memory", _make_semaphore_file, "mount a tmpfs there"
    )
    use_socket_folder()


def _check(name: str, attempt: Callable[[], None], remedy: str) -> None:
    try:
        attempt()
    except OSError as error:
        raise StartError(f"{name}: the workers need it: {error.strerror or error}; {remedy}") from error


def _make_semaphore_file() -> None:
    with tempfile.NamedTemporaryFile(prefix="scorepool-", dir=SHARED_MEMORY_FOLDER):
        pass


@cache
def use_socket_folder() -> None:
    """Have multiprocessing put the fork server's socket where one can be: in TMPDIR, or else in another folder.

    Raises: StartError when there is no such folder.
    """
    folder = next(filter(_can_hold_socket, _candidates()), None)
    if folder is None:
        limit = MAX_SOCKET_PATH_BYTES - _SOCKET_NAME_BYTES
        raise StartError(
            f"TMPDIR: no folder can hold a socket, neither it nor {', '.join(_OTHER_FOLDERS)}; "
            f"set it to a writable folder whose path has at most {limit} bytes"
        )
    before, tempfile.tempdir = tempfile.tempdir, folder
    try:
        util.get_temp_dir()  # which is kept, and removed at exit
    finally:
        tempfile.tempdir = before


def _candidates() -> Iterator[str]:
    with suppress(FileNotFoundError):
        yield tempfile.gettempdir()
    yield from _OTHER_FOLDERS


def _can_hold_socket(folder: str) -> bool:
    """Return whether a socket can be bound in `folder`; some file systems hold none."""
    if len(os.fsencode(folder)) + _SOCKET_NAME_BYTES > MAX_SOCKET_PATH_BYTES:
        return False
    try:
        with (
            tempfile.TemporaryDirectory(prefix="pymp-", dir=folder) as own,
            socket.socket(socket.AF_UNIX) as bound,
        ):
            bound.bind(f"{own}/listener-check")
    except OSError:
        return False
    return True
