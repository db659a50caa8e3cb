"""The command that container engines ask with says what the probe says."""

import http.server
import threading
from collections.abc import Iterator, Mapping

import pytest

from service.cli.healthcheck import address, is_well


class Half(http.server.BaseHTTPRequestHandler):
    """Is alive, and not ready."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/livez" else 503)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def environ() -> Iterator[Mapping[str, str]]:
    """Serve on a loopback port, and return the settings that say where."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Half) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield {"SCOREPOOL_HOST": "0.0.0.0", "SCOREPOOL_PORT": str(server.server_port)}
        server.shutdown()
        thread.join()


def test_a_probe_that_answers_200_is_well(environ: Mapping[str, str]) -> None:
    """That is all there is to it."""
    assert is_well("/livez", environ)


def test_another_answer_is_not(environ: Mapping[str, str]) -> None:
    """Whatever its reason."""
    assert not is_well("/readyz", environ)


def test_no_answer_is_not() -> None:
    """Nobody listens there."""
    assert not is_well("/livez", {"SCOREPOOL_PORT": "1"})


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ("127.0.0.1", 8000)),
        ({"SCOREPOOL_HOST": "::", "SCOREPOOL_PORT": "9000"}, ("::1", 9000)),
        ({"SCOREPOOL_HOST": "10.0.0.7"}, ("10.0.0.7", 8000)),
        ({"SCOREPOOL_PORT": "tcp://10.0.0.7:8000"}, ("127.0.0.1", 8000)),
    ],
)
def test_it_asks_where_the_service_listens(environ: Mapping[str, str], expected: tuple[str, int]) -> None:
    """By the service's own settings."""
    assert address(environ) == expected
