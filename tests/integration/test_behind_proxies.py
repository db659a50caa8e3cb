"""What a proxy in front meets: a Unix socket, a prefix, and fields that say who its client is."""

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from scorepool_client import Client
from service.cli.healthcheck import is_healthy
from service.cli.top import StatusClient
from tests.support.server import DOCUMENTS, running_server
from tests.support.tokens import SECRET

FORWARDED = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9", "X-Request-ID": "forwarded"}


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    """Return a path for a Unix socket."""
    return tmp_path / "scorepool.sock"


def test_a_unix_socket_serves_everything(demo_bundle: Path, socket_path: Path) -> None:
    """Requests, the client, the health check and `scorepool top`; it is removed at the end."""
    with running_server(demo_bundle, uds=socket_path) as server:
        assert server.url == f"unix:{socket_path}"
        server.await_ready()

        assert server.score().status == 200
        with Client(server.url, server.token) as client:
            assert len(client.score(["Storms close the harbour"]).documents) == 1
        assert is_healthy("/readyz", {"SCOREPOOL_UDS": str(socket_path)})
        assert StatusClient(server.url, lambda: server.token).fetch().slots

        [line, *_] = server.journal.await_events(event="request", route="/score")
        assert line["client"] is None
        assert server.stop() == 0
    assert not socket_path.exists()


def test_a_socket_left_by_a_killed_server_is_replaced(demo_bundle: Path, socket_path: Path) -> None:
    """And one of a server that lives is not."""
    with running_server(demo_bundle, uds=socket_path) as server:
        server.await_ready()
        server.process.kill()
        server.process.wait()
        server.journal.reader.join()
        assert socket_path.is_socket()

    with running_server(demo_bundle, uds=socket_path) as server:
        server.await_ready()
        variables = {"SCOREPOOL_UDS": str(socket_path), "SCOREPOOL_JWT_SECRET": SECRET}
        second = subprocess.run(
            [sys.executable, "-m", "service", "serve", "--bundle", demo_bundle],
            env={**os.environ, **variables},
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

        assert second.returncode == 2
        assert f"uds: another server listens on {socket_path}" in second.stderr
        assert server.score().status == 200


def test_a_drain_finishes_what_came_by_a_unix_socket(demo_bundle: Path, socket_path: Path) -> None:
    """As by any other."""
    with running_server(demo_bundle, uds=socket_path) as server:
        server.await_ready()
        with closing(server.http_connection()) as connection:
            connection.request("POST", "/score", b"sleep 1", server.headers)
            server.busy_worker()
            server.process.send_signal(signal.SIGTERM)

            assert connection.getresponse().status == 200
            assert server.process.wait(30) == 0


def test_a_prefix_may_be_stripped_or_not(demo_bundle: Path) -> None:
    """Every path is answered with it and without it; the document names it, the log only the route."""
    with running_server(demo_bundle, root_path="/team/scores/") as server:
        server.await_ready()
        prefix = "/team/scores"
        assert server.url.endswith(prefix)
        for path in ("/livez", "/", "/docs", "/static/page/store.js", "/openapi.json"):
            assert server.request("GET", path).status == server.request("GET", prefix + path).status == 200
        for path in ("/score", f"{prefix}/score"):
            assert server.request("POST", path, DOCUMENTS, server.headers).status == 200
        for path in ("/team/scoresx/livez", f"{prefix}{prefix}/livez", "/team/livez", f"{prefix}//livez"):
            assert server.request("GET", path).status == 404

        redirect = server.request("GET", prefix)
        assert (redirect.status, redirect.headers["location"]) == (308, f"{prefix}/")
        document = json.loads(server.request("GET", f"{prefix}/openapi.json").body)
        assert document["servers"] == [{"url": prefix}]
        assert len(server.journal.await_events(2, event="request", route="/score", status=200)) == 2


@pytest.mark.parametrize(
    ("allowed", "client"), [("127.0.0.0/8", "203.0.113.9"), ("*", "198.51.100.1"), ("10.0.0.1", "127.0.0.1")]
)
def test_the_log_has_the_client_that_a_trusted_proxy_names(
    demo_bundle: Path, allowed: str, client: str
) -> None:
    """The peer where the proxy is not trusted, and for what is no request."""
    with running_server(demo_bundle, forwarded_allow_ips=allowed) as server:
        server.await_ready()
        assert server.request("POST", "/score", DOCUMENTS, server.headers | FORWARDED).status == 200
        assert server.request("GET", "/score#x", headers=FORWARDED).status == 400

        [line] = server.journal.await_events(event="request", request_id="forwarded")
        [refused] = server.journal.await_events(event="request", code="invalid_request")
        assert line["client"] == client
        assert refused["client"] == "127.0.0.1"


def test_a_unix_socket_may_be_that_of_a_proxy(demo_bundle: Path, socket_path: Path) -> None:
    """It is trusted by `unix:`."""
    with running_server(demo_bundle, uds=socket_path, forwarded_allow_ips="unix:") as server:
        server.await_ready()
        server.request("GET", "/info", headers=FORWARDED)

        [line] = server.journal.await_events(event="request", request_id="forwarded")
        assert line["client"] == "203.0.113.9"


def test_a_secret_that_others_may_read_is_a_warning(demo_bundle: Path, tmp_path: Path) -> None:
    """The server starts all the same."""
    file = tmp_path / "scorepool.toml"
    file.write_text(f'jwt_secret = "{SECRET}"\nroot_path = "/sp"\n')
    file.chmod(0o644)

    with running_server(demo_bundle, config=file, jwt_secret="") as server:
        server.await_ready()

        assert server.score().status == 200
        assert server.url.endswith("/sp")
        [warning] = server.journal.find(event="secret_readable")
        assert (warning["level"], warning["file"]) == ("warning", str(file))
