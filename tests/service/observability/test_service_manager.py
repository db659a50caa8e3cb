"""What the service manager hears, over a real datagram socket."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.observability.service_manager import ServiceManager, watchdog_s

WATCHDOG_USEC = 20_000


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """Return the manager's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "notify"))
        bound.settimeout(30)
        yield bound


def environment(manager: socket.socket, **more: str) -> dict[str, str]:
    """Return the variables that systemd would set."""
    return {"NOTIFY_SOCKET": manager.getsockname(), **more}


@contextmanager
def fed(environ: Mapping[str, str]) -> Iterator[asyncio.AbstractEventLoop]:
    """Run an event loop in a thread that has said it is ready."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    told = ServiceManager(environ)
    try:
        loop.call_soon_threadsafe(told.ready, "http://127.0.0.1:8000", loop)
        yield loop
    finally:
        loop.call_soon_threadsafe(told.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def drain(manager: socket.socket) -> None:
    """Take every message that has come."""
    manager.setblocking(False)
    try:
        while manager.recv(1000):
            pass
    except BlockingIOError:
        manager.setblocking(True)


def test_ready_and_stopping(manager: socket.socket) -> None:
    """Without a watchdog these are all."""
    with fed(environment(manager)):
        assert manager.recv(1000) == b"READY=1\nSTATUS=serving on http://127.0.0.1:8000"

    ServiceManager(environment(manager)).stopping()

    assert manager.recv(1000) == b"STOPPING=1\nSTATUS=draining"


def test_the_loop_feeds_the_watchdog(manager: socket.socket) -> None:
    """Again and again."""
    with fed(environment(manager, WATCHDOG_USEC=str(WATCHDOG_USEC))):
        assert manager.recv(1000).startswith(b"READY=1")

        assert [manager.recv(1000) for _ in range(3)] == [b"WATCHDOG=1"] * 3


def test_a_blocked_loop_stops_feeding(manager: socket.socket) -> None:
    """And a loop that turns again goes on."""
    with fed(environment(manager, WATCHDOG_USEC=str(WATCHDOG_USEC))) as loop:
        blocked: Future[None] = Future()
        freed = threading.Event()
        loop.call_soon_threadsafe(blocked.set_result, None)
        loop.call_soon_threadsafe(freed.wait)
        blocked.result(30)
        drain(manager)

        manager.settimeout(10 * WATCHDOG_USEC / 1e6)
        with pytest.raises(TimeoutError):
            manager.recv(1000)

        manager.settimeout(30)
        freed.set()
        assert manager.recv(1000) == b"WATCHDOG=1"


def test_an_abstract_socket() -> None:
    """Its name begins with @ in the variable and with a zero byte in the kernel."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind("")  # has the kernel choose an abstract name
        name = "@" + bound.getsockname()[1:].decode()

        ServiceManager({"NOTIFY_SOCKET": name}).stopping()

        bound.settimeout(30)
        assert bound.recv(1000).startswith(b"STOPPING=1")


def test_a_drain_during_a_reload(manager: socket.socket) -> None:
    """The end of the reload does not say that the service is ready."""
    told = ServiceManager(environment(manager))
    loop = asyncio.new_event_loop()
    told.ready("http://127.0.0.1:8000", loop)
    told.reloading()
    told.stopping()
    told.reloaded()
    told.reloading()
    loop.close()

    said = [manager.recv(1000).split(b"\n")[0] for _ in range(3)]

    assert said == [b"READY=1", b"RELOADING=1", b"STOPPING=1"]
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(1000)


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere"}])
def test_without_a_manager_nothing_happens(environ: dict[str, str]) -> None:
    """Not even where it has gone."""
    with fed({**environ, "WATCHDOG_USEC": "1000"}):
        ServiceManager(environ).stopping()


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "10000000"}, 10.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())}, 10.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
        ({}, 0.0),
    ],
)
def test_the_watchdog_is_for_one_process(environ: dict[str, str], seconds: float) -> None:
    """A child of the process that it is meant for inherits the variables."""
    assert watchdog_s(environ) == seconds
