"""The health check of container engines: it reports what the probe answers."""

import http.server
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from service.cli.healthcheck import is_healthy, service_address, service_settings
from tests.support.http_server import serving_in_thread


class AliveNotReady(http.server.BaseHTTPRequestHandler):
    """Answers 200 to `/livez` and 503 to every other path."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/livez" else 503)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def environ() -> Iterator[Mapping[str, str]]:
    """Serve on a loopback port; return the settings that name it."""
    with serving_in_thread(http.server.ThreadingHTTPServer(("127.0.0.1", 0), AliveNotReady)) as server:
        yield {"SCOREPOOL_HOST": "0.0.0.0", "SCOREPOOL_PORT": str(server.server_port)}


def test_a_probe_that_answers_200_is_healthy(environ: Mapping[str, str]) -> None:
    """The status 200 is the only condition."""
    assert is_healthy("/livez", environ)


def test_another_status_is_unhealthy(environ: Mapping[str, str]) -> None:
    """A probe that answers 503 is not healthy."""
    assert not is_healthy("/readyz", environ)


def test_no_answer_is_unhealthy() -> None:
    """A port on which nothing listens is not healthy."""
    assert not is_healthy("/livez", {"SCOREPOOL_PORT": "1"})


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ("127.0.0.1", 8000)),
        ({"SCOREPOOL_HOST": "::", "SCOREPOOL_PORT": "9000"}, ("::1", 9000)),
        ({"SCOREPOOL_HOST": "[::1]"}, ("::1", 8000)),
        ({"SCOREPOOL_HOST": "10.0.0.7,::1"}, ("10.0.0.7", 8000)),
        ({"SCOREPOOL_HOST": "0.0.0.0, ::"}, ("127.0.0.1", 8000)),
        ({"SCOREPOOL_HOST": "10.0.0.7"}, ("10.0.0.7", 8000)),
        ({"SCOREPOOL_PORT": "tcp://10.0.0.7:8000"}, ("127.0.0.1", 8000)),
    ],
)
def test_the_address_is_that_of_the_settings(environ: Mapping[str, str], expected: tuple[str, int]) -> None:
    """Host and port come from the service's settings; an address of every interface becomes a loopback one."""
    assert service_address(service_settings(environ)) == expected


def test_the_address_may_be_in_a_file(tmp_path: Path) -> None:
    """The environment takes precedence; a socket's path starts from the file's folder."""
    file = tmp_path / "scorepool.toml"
    file.write_text('host = ["0.0.0.0"]\nport = 9000\nuds = "socket"\nworkers = 2\n')
    environ = {"SCOREPOOL_CONFIG": str(file)}

    assert service_address(service_settings(environ)) == ("127.0.0.1", 9000)
    assert service_settings(environ)["uds"] == str(tmp_path / "socket")
    assert service_address(service_settings({**environ, "SCOREPOOL_PORT": "9001"})) == ("127.0.0.1", 9001)


def test_a_file_that_cannot_be_read_is_unhealthy(tmp_path: Path) -> None:
    """Whatever listens on the default port."""
    (tmp_path / "broken.toml").write_text("port =")

    for name in ("broken.toml", "none.toml"):
        assert not is_healthy("/livez", {"SCOREPOOL_CONFIG": str(tmp_path / name)})
