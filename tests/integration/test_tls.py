"""The real server with a certificate."""

import os
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from scorepool_client import Client
from service.cli.healthcheck import is_healthy
from tests.support.certificates import CertificateFiles, write_certificate
from tests.support.server import Server, running_server
from tests.support.tokens import SECRET


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    """Return a certificate with its key."""
    return write_certificate(tmp_path)


def settings(files: CertificateFiles) -> dict[str, Any]:
    """Return the settings of a server that shows the certificate."""
    return {"tls_certificate_file": files.certificate, "tls_key_file": files.key}


def test_everything_is_served_with_tls(demo_bundle: Path, files: CertificateFiles) -> None:
    """Requests, the client, and the health check, which does not care for whom the certificate is."""
    with running_server(demo_bundle, **settings(files)) as server:
        assert server.url.startswith("https://127.0.0.1:")
        server.await_ready()

        assert server.score().status == 200
        with Client(server.url, server.token, transport=httpx.HTTPTransport(verify=files.trusting)) as client:
            assert len(client.score(["Storms close the harbour"]).documents) == 1
        environ = {
            "SCOREPOOL_PORT": str(server.address[1]),
            "SCOREPOOL_TLS_CERTIFICATE_FILE": str(files.certificate),
        }
        assert is_healthy("/readyz", environ)
        assert not is_healthy("/readyz", {"SCOREPOOL_PORT": str(server.address[1])})
        assert server.journal.find(event="certificate_loaded")


def test_a_drain_ends_connections_with_tls(demo_bundle: Path, files: CertificateFiles) -> None:
    """What runs is answered; a client that does not close its side holds nothing up."""
    with running_server(demo_bundle, **settings(files)) as server, open_tls(server, files) as idle:
        server.await_ready()
        with closing(server.http_connection()) as connection:
            connection.request("POST", "/score", b"sleep 1", server.headers)
            server.busy_worker()
            server.process.send_signal(signal.SIGTERM)

            assert connection.getresponse().status == 200
            assert server.process.wait(30) == 0
            assert idle.recv(100) == b""


def test_hangup_changes_the_certificate(demo_bundle: Path, files: CertificateFiles) -> None:
    """New connections get the new one, open ones go on, and a pair that cannot be used changes nothing."""
    with running_server(demo_bundle, **settings(files)) as server, open_tls(server, files) as kept:
        server.await_ready()
        before = kept.getpeercert(binary_form=True)
        write_certificate(files.key.parent)
        server.process.send_signal(signal.SIGHUP)
        server.journal.await_events(2, event="certificate_loaded")
        with open_tls(server, files) as new:
            after = new.getpeercert(binary_form=True)
        assert after != before

        write_certificate(files.key.parent, password=b"secret")
        server.process.send_signal(signal.SIGHUP)
        [fault] = server.journal.await_events(event="certificate_rejected")
        assert (fault["level"], "cannot be used" in fault["detail"]) == ("error", True)
        shown = ssl.get_server_certificate(server.address)
        assert ssl.PEM_cert_to_DER_cert(shown) == after
        kept.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        assert kept.recv(1000).startswith(b"HTTP/1.1 200")


def open_tls(server: Server, files: CertificateFiles) -> ssl.SSLSocket:
    """Return a connection that has its handshake behind it."""
    plain = socket.create_connection(server.address, timeout=30)
    return files.trusting.wrap_socket(plain, server_hostname="localhost")


def test_a_pair_that_cannot_be_used_stops_the_start(demo_bundle: Path, files: CertificateFiles) -> None:
    """In one sentence that names the files."""
    write_certificate(files.key.parent, password=b"secret")
    variables = {f"SCOREPOOL_{name.upper()}": str(value) for name, value in settings(files).items()}
    started = subprocess.run(
        [sys.executable, "-m", "service", "serve", "--bundle", demo_bundle, "--port", "0"],
        env={**os.environ, **variables, "SCOREPOOL_JWT_SECRET": SECRET},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )

    assert started.returncode == 2
    assert started.stderr.splitlines()[-1].endswith("no certificate, or no key without a password, in PEM")
