"""The real server under a service manager: what it says from its start to its end."""

import re
import signal
import socket
from pathlib import Path

from tests.support.server import running_server


def test_the_life_of_a_server(demo_bundle: Path, tmp_path: Path) -> None:
    """It is ready when it answers, feeds the watchdog, and says when it stops."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        environment = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "100000"}
        with running_server(demo_bundle, environment=environment) as server:
            assert manager.recv(1000) == f"READY=1\nSTATUS=serving on {server.url}".encode()
            assert server.request("GET", "/livez").status == 200
            assert [manager.recv(1000) for _ in range(3)] == [b"WATCHDOG=1"] * 3

            assert server.stop() == 0

            while (said := manager.recv(1000)) == b"WATCHDOG=1":
                pass
            assert said == b"STOPPING=1\nSTATUS=draining"


def test_a_reload(demo_bundle: Path, tmp_path: Path) -> None:
    """It is said when it begins, with the time that systemd compares, and when it ends."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        with running_server(demo_bundle, environment={"NOTIFY_SOCKET": manager.getsockname()}) as server:
            ready = manager.recv(1000)
            server.await_ready(2)

            server.process.send_signal(signal.SIGHUP)

            assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+\nSTATUS=reloading", manager.recv(1000))
            assert manager.recv(1000) == ready
