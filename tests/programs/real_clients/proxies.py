"""nginx and HAProxy in front of a server: framing, a prefix, and a drain of one of two servers under load."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from urllib.request import Request, urlopen

from tests.programs.real_clients.checks import Check, Missing, expect
from tests.programs.real_clients.clients import Bodies, curl_checks
from tests.support.server import DOCUMENTS, TIMEOUT_S, Server, running_server

CLIENTS = 8

NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; client_max_body_size 20m; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream scorepool {{ {servers} keepalive 16; }}
  server {{
    listen 127.0.0.1:{port};
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_request_buffering {buffering};
    proxy_next_upstream error timeout http_503 non_idempotent;
    location /sp/ {{ proxy_pass http://scorepool/; }}
  }}
}}
"""

HAPROXY = """
global
  maxconn 512
defaults
  mode http
  option http-keep-alive
  option redispatch
  retries 3
  retry-on conn-failure empty-response response-timeout 503
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout check 1s
frontend front
  bind 127.0.0.1:{port}
  http-request deny deny_status 404 if !{{ path_beg /sp/ }}
  http-request replace-path /sp/(.*) /\\1
  default_backend scorepool
backend scorepool
  option httpchk GET /readyz
  default-server check inter 100ms fall 1 rise 1
{servers}
"""


class Nginx:
    """How nginx is configured and run."""

    name = "nginx"

    def servers(self, addresses: list[tuple[str, int]]) -> str:
        """Return the lines of the servers."""
        return " ".join(f"server {host}:{port} max_fails=0;" for host, port in addresses)

    template = NGINX

    def command(self, file: Path) -> list[str]:
        """Return what runs it in the foreground."""
        return ["nginx", "-c", str(file), "-p", str(file.parent), "-e", str(file.parent / "error.log")]


class Haproxy:
    """How HAProxy is configured and run."""

    name = "haproxy"

    def servers(self, addresses: list[tuple[str, int]]) -> str:
        """Return the lines of the servers."""
        return "\n".join(f"  server s{port} {host}:{port}" for host, port in addresses)

    template = HAPROXY

    def command(self, file: Path) -> list[str]:
        """Return what runs it in the foreground."""
        return ["haproxy", "-db", "-q", "-f", str(file)]


Proxy = Nginx | Haproxy


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def proxied(proxy: Proxy, *servers: Server) -> Iterator[str]:
    """Run a proxy in front of servers; return the address below which it serves them.

    nginx passes bodies on as they come to one server; of several it can try the next only if it has the whole body.
    """
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)  # noqa: PTH101 - nginx' worker is another user
        file = Path(folder) / "configuration"
        lines = proxy.servers([server.address for server in servers])
        buffering = "on" if len(servers) > 1 else "off"
        file.write_text(proxy.template.format(folder=folder, port=port, servers=lines, buffering=buffering))
        with subprocess.Popen(proxy.command(file), stderr=subprocess.DEVNULL) as process:
            try:
                await_answer(f"http://127.0.0.1:{port}/sp/livez")
                yield f"http://127.0.0.1:{port}/sp"
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(TIMEOUT_S)


def await_answer(url: str) -> None:
    """Wait until a proxy answers 200."""
    end = time.monotonic() + TIMEOUT_S
    while time.monotonic() < end:
        try:
            with urlopen(url, timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"no answer at {url}")


def proxy_checks(bundle: Path, server: Server, bodies: Bodies) -> Iterator[Check]:
    """Yield the checks of both proxies."""
    for proxy in (Nginx(), Haproxy()):
        with ExitStack() as stack:
            try:
                url = stack.enter_context(proxied(proxy, server))
            except FileNotFoundError:
                yield Check(proxy.name, missing, (proxy.name,))
                continue
            yield from curl_checks(f"{proxy.name} in front", url, server, bodies)
            yield Check(f"{proxy.name}: pages below a prefix", partial(pages, url, server))
        yield Check(f"{proxy.name}: one of two servers drains", partial(drain, proxy, bundle))


def missing() -> str:
    """Say so, if the table of programs did not."""
    raise Missing("not installed")


def pages(url: str, server: Server) -> str:
    """Fetch every address that a page or a script of it names, below the prefix; nothing is at the root."""
    seen = set()
    waiting = [f"{url}/", f"{url}/docs"]
    while waiting:
        at = waiting.pop()
        seen.add(at)
        with urlopen(at, timeout=TIMEOUT_S) as answer:
            text = answer.read().decode()
        # Of the scripts only ours: Swagger UI's holds the addresses of its examples.
        ours = "" if re.search("/(swagger-ui|uplot)/", at) else text
        named = re.findall(r'(?:src|href)="([^"#]+)"|(?<![.\w])get\("([^"]+)"|url: "([^"]+)"', ours)
        base = re.sub(r"static/.*\.js$", "", at)  # a script's addresses are those of its page
        waiting += {urljoin(base, a or b or c) for a, b, c in named} - seen - {f"{url}/status"}
        waiting += {urljoin(at, name) for name in re.findall(r'from "([^"]+)"', ours)} - seen
    outside = [at for at in seen if not at.startswith(f"{url}/")]
    expect(outside, [], "addresses outside of the prefix")
    with urlopen(f"{url}/openapi.json", timeout=TIMEOUT_S) as answer:
        [described] = json.loads(answer.read())["servers"]
    target = urljoin(f"{url}/openapi.json", described["url"]).rstrip("/") + "/score"
    with urlopen(Request(target, DOCUMENTS, server.headers), timeout=TIMEOUT_S) as answer:
        expect(answer.status, 200, "/score by the document")
    return f"{len(seen)} addresses"


class Load:
    """Clients that ask without pause, each on a connection of its own, until they are told to stop."""

    def __init__(self, url: str, headers: dict[str, str], pause_s: float = 0.0) -> None:
        self.answers: Counter[str] = Counter()
        self.slowest_s = 0.0
        self._url = urlsplit(url)
        self._headers = headers
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._lock = threading.Lock()

    @contextmanager
    def running(self, clients: int) -> Iterator["Load"]:
        """Ask while the block runs."""
        threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _ask(self) -> None:
        assert self._url.hostname is not None
        connection = http.client.HTTPConnection(self._url.hostname, self._url.port, timeout=TIMEOUT_S)
        while not self._stop.wait(self._pause_s):
            begin = time.monotonic()
            try:
                connection.request("POST", f"{self._url.path}/score", DOCUMENTS, self._headers)
                answer = connection.getresponse()
                answer.read()
                what = str(answer.status)
            except (OSError, http.client.HTTPException) as error:
                what = type(error).__name__
                connection.close()
            with self._lock:
                self.answers[what] += 1
                self.slowest_s = max(self.slowest_s, time.monotonic() - begin)
        connection.close()


def drain(proxy: Proxy, bundle: Path) -> str:
    """Drain one of two servers while clients ask through a proxy: every request gets its answer."""
    quiet = {"scripted": False, "workers": 1, "log_level": "warning"}
    with (
        running_server(bundle, drain_delay_s=1, **quiet) as first,  # type: ignore[arg-type]
        running_server(bundle, **quiet) as second,  # type: ignore[arg-type]
    ):
        for server in (first, second):
            await_answer(f"{server.url}/readyz")
        with proxied(proxy, first, second) as url, Load(url, first.headers).running(CLIENTS) as load:
            time.sleep(1)
            status = first.stop()
            time.sleep(1)
    expect(status, 0, "exit status")
    expect(set(load.answers), {"200"}, f"answers {dict(load.answers)}")
    return f"{load.answers['200']} requests, 0 lost"
