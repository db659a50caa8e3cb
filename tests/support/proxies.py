"""nginx and HAProxy with the configurations in `deploy`, in which only ports and paths are replaced."""

import os
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

from tests.support.certificates import write_certificate
from tests.support.server import TIMEOUT_S, Server

DEPLOY = Path(__file__).parent.parent.parent / "deploy"

# The settings that the configurations ask for.
PREFIX = "/scores"
SETTINGS = {
    "root_path": PREFIX,
    "forwarded_allow_ips": "127.0.0.1,unix:",
    "overload_status": 429,
    "drain_delay_s": 2,
}

# What a package of Debian has around the file in its folder, with nothing outside of a folder of the test's own.
_NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; {user}
events {{ worker_connections 512; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  include {folder}/scorepool.conf;
}}
"""


class Proxy(NamedTuple):
    """A proxy: its program, and its file in `deploy`."""

    name: str
    example: str

    def write(self, folder: Path, replaced: Mapping[str, str]) -> list[str]:
        """Write its configuration to a folder; return the command that runs it in the foreground."""
        text = (DEPLOY / self.example).read_text(encoding="utf-8")
        for old, new in replaced.items():
            assert old in text, f"{self.example} has no {old}"
            text = text.replace(old, new)
        if self.name == "haproxy":
            (folder / "haproxy.cfg").write_text(text)
            return ["haproxy", "-db", "-q", "-f", str(folder / "haproxy.cfg")]
        (folder / "scorepool.conf").write_text(text)
        user = "user root;" if os.geteuid() == 0 else ""  # the folder is for its owner alone
        (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, user=user))
        return ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")]


NGINX = Proxy("nginx", "nginx.conf")
HAPROXY = Proxy("haproxy", "haproxy.cfg")


class Front(NamedTuple):
    """A running proxy: its addresses below the prefix, with HTTP and with HTTPS, and its log, empty for HAProxy."""

    url: str
    secure_url: str
    log: Path

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port of HTTP."""
        return "127.0.0.1", int(self.url.removeprefix("http://127.0.0.1:").partition("/")[0])


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def place_of(server: Server, proxy: Proxy) -> str:
    """Return where a server is, as a proxy's configuration says it."""
    if server.url.startswith("unix:"):
        return server.url if proxy.name == "nginx" else server.url.replace("unix:", "unix@")
    return "{}:{}".format(*server.address)


@contextmanager
def proxied(proxy: Proxy, *servers: Server, replaced: Mapping[str, str] | None = None) -> Iterator[Front]:
    """Run a proxy in front of one server or two, which are behind `PREFIX`; `replaced` changes more of its file.

    Raises: FileNotFoundError where it is not installed.
    """
    port, secure_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_certificate(folder)
        (folder / "both.pem").write_bytes(files.certificate.read_bytes() + files.key.read_bytes())
        places = {
            "127.0.0.1:8001": place_of(servers[0], proxy),
            "127.0.0.1:8002": place_of(servers[-1], proxy),
            "127.0.0.1:8080": f"127.0.0.1:{port}",
            "127.0.0.1:8443": f"127.0.0.1:{secure_port}",
            "/etc/ssl/scorepool.pem": str(folder / "both.pem"),
        }
        with subprocess.Popen(
            proxy.write(folder, places | dict(replaced or {})), stderr=subprocess.DEVNULL
        ) as process:
            front = Front(
                f"http://127.0.0.1:{port}{PREFIX}",
                f"https://127.0.0.1:{secure_port}{PREFIX}",
                folder / "error.log",
            )
            try:
                await_answer(f"{front.url}/livez")
                yield front
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(TIMEOUT_S)


def await_answer(url: str) -> None:
    """Wait until a server or proxy answers 200."""
    end = time.monotonic() + TIMEOUT_S
    context = ssl._create_unverified_context() if url.startswith("https:") else None
    while time.monotonic() < end:
        try:
            with urlopen(url, timeout=1, context=context) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"no answer at {url}")
