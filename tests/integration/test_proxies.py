"""The configurations in `deploy` in front of the real server; `python -m tests.programs.real_clients` checks more."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.support.proxies import DEPLOY, HAPROXY, NGINX, PREFIX, SETTINGS, Front, Proxy, proxied
from tests.support.server import DOCUMENTS, TIMEOUT_S, Server, running_server


@pytest.fixture(params=[NGINX, HAPROXY], ids=lambda proxy: proxy.name)
def proxy(request: pytest.FixtureRequest) -> Proxy:
    """Return each proxy that is installed."""
    proxy: Proxy = request.param
    if shutil.which(proxy.name) is None:
        pytest.skip(f"{proxy.name} is not installed: apt-get install {proxy.name}")
    return proxy


@pytest.fixture
def server(demo_bundle: Path) -> Iterator[Server]:
    """Run a server with the settings that the configurations ask for."""
    settings = {**SETTINGS, "drain_delay_s": 0}
    with running_server(demo_bundle, **settings) as server:  # type: ignore[arg-type]
        server.await_ready()
        yield server


@pytest.fixture
def front(proxy: Proxy, server: Server) -> Iterator[Front]:
    """Run the proxy in front of the server."""
    with proxied(proxy, server) as front:
        yield front


def test_a_request_comes_through(front: Front, server: Server) -> None:
    """The log has the client: the proxy's own is on this machine and trusted, so whom it names is believed too."""
    headers = {**server.headers, "X-Forwarded-For": "203.0.113.9", "X-Request-ID": "through"}
    with urlopen(Request(f"{front.url}/score", DOCUMENTS, headers), timeout=TIMEOUT_S) as answer:
        assert answer.status == 200
        assert len(json.loads(answer.read())["documents"]) == 3

    [line] = server.journal.await_events(event="request", request_id="through")
    assert (line["route"], line["client"]) == ("/score", "203.0.113.9")


def test_the_document_names_the_prefix(front: Front) -> None:
    """So do redirects."""
    with urlopen(f"{front.url}/openapi.json", timeout=TIMEOUT_S) as answer:
        assert json.loads(answer.read())["servers"] == [{"url": PREFIX}]


# What the comments in the files say keeps the metrics from the outside.
HIDDEN_METRICS = {
    "nginx": {"    # location = /scores/metrics": "    location = /scores/metrics"},
    "haproxy": {"!{ path_beg /scores/ }": "!{ path_beg /scores/ } || { path,url_dec /scores/metrics }"},
}


@pytest.mark.parametrize("path", ["metrics", "%6detrics", "metrics?a", "./metrics", "/metrics"])
def test_the_metrics_can_be_kept_from_the_outside(proxy: Proxy, server: Server, path: str) -> None:
    """However their path is written."""
    added = [text.removeprefix("!{ path_beg /scores/ } ") for text in HIDDEN_METRICS[proxy.name].values()]
    assert all(text.strip() in (DEPLOY / proxy.example).read_text() for text in added)
    with proxied(proxy, server, replaced=HIDDEN_METRICS[proxy.name]) as front:
        with pytest.raises(HTTPError) as refused:
            urlopen(f"{front.url}/{path}", timeout=TIMEOUT_S)
        with refused.value as answer:
            assert answer.code == 404


def test_clients_may_speak_http_2(front: Front, server: Server, tmp_path: Path) -> None:
    """The proxy speaks HTTP/1.1 to the server."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed: apt-get install curl")
    (tmp_path / "body").write_bytes(DOCUMENTS)
    fields = [argument for field in server.headers.items() for argument in ("-H", ": ".join(field))]
    sent = ["--http2", "-k", *fields, "--data-binary", f"@{tmp_path / 'body'}", f"{front.secure_url}/score"]
    said = subprocess.run(
        ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{http_version}", *sent],
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout == "200 2"


def test_a_drained_server_loses_nothing(proxy: Proxy, server: Server, demo_bundle: Path) -> None:
    """Its requests get their answers from the other one; every second request would have been its own."""
    settings = {**SETTINGS, "drain_delay_s": 0}
    with (
        running_server(demo_bundle, **settings) as other,  # type: ignore[arg-type]
        proxied(proxy, server, other) as front,
    ):
        other.await_ready()
        statuses = []
        for number in range(20):
            if number == 5:
                assert other.stop() == 0
            with urlopen(
                Request(f"{front.url}/score", DOCUMENTS, server.headers), timeout=TIMEOUT_S
            ) as answer:
                statuses.append(answer.status)

    assert statuses == [200] * 20
