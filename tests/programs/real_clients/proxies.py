"""nginx and HAProxy in front of servers: framing, prefix, HTTP/2, Unix socket, a drain and a reload of one of two."""

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urljoin
from urllib.request import Request, urlopen

from tests.programs.real_clients.checks import Check, Missing, expect
from tests.programs.real_clients.clients import Bodies, curl, curl_checks
from tests.support.another_bundle import write_another
from tests.support.proxies import HAPROXY, NGINX, SETTINGS, Front, Proxy, await_answer, proxied
from tests.support.server import DOCUMENTS, TIMEOUT_S, Server, running_server
from tests.support.steady_requests import SteadyRequests

CLIENTS = 8

# nginx can also pass bodies on as they come; then it cannot try another server.
STREAMING = {"proxy_request_buffering on": "proxy_request_buffering off"}


def proxy_checks(bundle: Path, server: Server, bodies: Bodies) -> Iterator[Check]:
    """Yield the checks of both proxies; the server is behind the prefix of their configurations."""
    for proxy in (NGINX, HAPROXY):
        with ExitStack() as stack:
            try:
                front = stack.enter_context(proxied(proxy, server))
            except FileNotFoundError:
                yield Check(proxy.name, missing, (proxy.name,))
                continue
            yield from curl_checks(f"{proxy.name} in front", front.url, server, bodies)
            yield Check(f"{proxy.name}: HTTP/2", partial(http2, front, server, bodies), ("curl",))
            yield Check(f"{proxy.name}: pages below a prefix", partial(pages, front.url, server))
        if proxy is NGINX:
            with proxied(proxy, server, replaced=STREAMING) as front:
                yield from curl_checks("nginx in front, streaming", front.url, server, bodies)
        yield Check(f"{proxy.name}: a Unix socket", partial(unix_socket, proxy, bundle))
        yield Check(f"{proxy.name}: one of two servers drains", partial(drain, proxy, bundle))
        yield Check(f"{proxy.name}: one of two servers reloads", partial(reload, proxy, bundle))


def http2(front: Front, server: Server, bodies: Bodies) -> str:
    """Score with HTTP/2, which the proxy speaks to the client and not to the server."""
    fields = [argument for field in server.headers.items() for argument in ("-H", ": ".join(field))]
    for body in (bodies.body, bodies.large):
        sent = ["--http2", "-k", *fields, "--data-binary", f"@{body}", f"{front.secure_url}/score"]
        expect(
            curl("-o", os.devnull, "-w", "%{http_code} %{http_version}", *sent), "200 2", "status and version"
        )
    return "small, 6 MB"


def unix_socket(proxy: Proxy, bundle: Path) -> str:
    """Score by a proxy that reaches its server by a Unix socket; the log has the proxy's client."""
    with TemporaryDirectory() as folder:
        settings = {**SETTINGS, "uds": Path(folder) / "socket", "drain_delay_s": 0}
        with running_server(bundle, scripted=False, **settings) as server:  # type: ignore[arg-type]
            server.await_ready()
            with proxied(proxy, server) as front:
                request = Request(f"{front.url}/score", DOCUMENTS, server.headers)
                with urlopen(request, timeout=TIMEOUT_S) as answer:
                    expect(answer.status, 200, "status")
            [line] = server.journal.await_events(event="request", route="/score")
            expect(line["client"], "127.0.0.1", "client in the log")
    return ""


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


def drain(proxy: Proxy, bundle: Path) -> str:
    """Drain one of two servers while clients ask through a proxy: every request gets its answer."""
    with two_servers(bundle, bundle) as servers, asked_through(proxy, servers) as requests:
        time.sleep(1)
        status = servers[0].stop()
        time.sleep(1)
    expect(status, 0, "exit status")
    return lost_none(requests)


def reload(proxy: Proxy, bundle: Path) -> str:
    """Give one of two servers another model while clients ask through a proxy."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(bundle, folder / "bundle")
        other = write_another(bundle, folder / "other")
        with two_servers(folder / "bundle", bundle) as servers, asked_through(proxy, servers) as requests:
            time.sleep(1)
            (folder / "bundle").rename(folder / "aside")
            other.rename(folder / "bundle")
            servers[0].process.send_signal(signal.SIGHUP)
            servers[0].journal.await_events(event="reloaded")
            time.sleep(1)
    return lost_none(requests)


@contextmanager
def two_servers(first: Path, second: Path) -> Iterator[tuple[Server, Server]]:
    """Run two servers with the settings that the configurations ask for."""
    given = {**SETTINGS, "scripted": False, "workers": 1}
    with (
        running_server(first, **given) as one,  # type: ignore[arg-type]
        running_server(second, **given) as two,  # type: ignore[arg-type]
    ):
        for server in (one, two):
            await_answer(f"{server.url}/readyz")
        yield one, two


@contextmanager
def asked_through(proxy: Proxy, servers: tuple[Server, Server]) -> Iterator[SteadyRequests]:
    """Have clients ask through a proxy without pause."""
    with (
        proxied(proxy, *servers) as front,
        SteadyRequests(front.url, servers[0].headers).running(CLIENTS) as requests,
    ):
        yield requests


def lost_none(requests: SteadyRequests) -> str:
    """Raise AssertionError unless every request was answered with 200; return how many."""
    expect(set(requests.answers), {"200"}, f"answers {dict(requests.answers)}")
    return f"{requests.answers['200']} requests, 0 lost"
