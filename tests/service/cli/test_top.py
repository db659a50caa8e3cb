"""The picture says what the status says, and what is wrong when there is none."""

import http.server
import io
import threading
from collections.abc import Iterator

import msgspec
import pytest
from rich.console import Console

from service.api.response import LagStatus, MinuteStatus, QueueStatus, SlotState, SlotStatus, Status
from service.cli.top import Service, View, picture, refreshed, watch
from service.settings import SettingsError

STATUS = Status(
    [
        SlotStatus(0, 4711, SlotState.BUSY, 1234, 0, 20 << 20),
        SlotStatus(1, None, SlotState.BACKOFF, 8, 6, 0),
    ],
    QueueStatus(7, 1.25, 2),
    MinuteStatus(600, 1800, 3, 12.5, 80.0, 91.5),
    LagStatus(1.5, 4.0),
)

QUIET = Status([], QueueStatus(0, 0.0, 0), MinuteStatus(0, 0, 0, None, None, None), LagStatus(None, None))


class Endpoint(http.server.ThreadingHTTPServer):
    """Answers every request with one status and body, and keeps what was asked."""

    status = 200
    body = msgspec.json.encode(STATUS)

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """Return where it answers."""
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Endpoint)
        self.server.asked.append((self.path, self.headers["Authorization"]))
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """Serve on a loopback port."""
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def drawn(view: View, now: float = 100.0) -> str:
    """Return a picture as text."""
    console = Console(file=io.StringIO(), width=110, record=True)
    console.print(picture(view, now))
    return console.export_text()


def service_at(url: str) -> Service:
    """Return the service there, for a token of ours."""
    return Service(url, lambda: "token-of-ours")


def test_every_slot_has_a_line() -> None:
    """With its state, process, calls, restarts and memory."""
    lines = drawn(View("http://example", STATUS, 100.0)).splitlines()

    assert lines[3].split() == ["0", "busy", "4711", "1,234", "0", "20", "MiB"]
    assert lines[4].split() == ["1", "backoff", "–", "8", "6", "0", "MiB"]


def test_rates_are_per_second() -> None:
    """Of the last minute."""
    text = drawn(View("http://example", STATUS, 100.0))

    assert "10.0" in text
    assert "30.0" in text
    assert "91.5 ms" in text


def test_a_service_at_rest_has_no_times() -> None:
    """Nothing is made up."""
    assert "– " in drawn(View("http://example", QUIET, 100.0)) + " "


def test_trouble_is_shown_with_the_age_of_the_picture() -> None:
    """What is on the screen was true then."""
    text = drawn(View("http://example", STATUS, 95.0, "no answer: gone"), now=100.0)

    assert "no answer: gone; what follows is 5 s old" in text


def test_the_status_is_asked_for_with_the_token(endpoint: Endpoint) -> None:
    """Where the service is, also below a path."""
    assert service_at(endpoint.url + "/scores/").status() == STATUS
    assert endpoint.asked == [("/scores/status", "Bearer token-of-ours")]


def test_a_redirect_is_not_followed(endpoint: Endpoint) -> None:
    """The token goes nowhere else."""
    endpoint.status, endpoint.body = 302, b"moved"

    with pytest.raises(SettingsError, match="no scorepool"):
        watch(service_at(endpoint.url), 1.0, Console(quiet=True))

    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    ("status", "words"), [(401, "a token with the scope"), (403, "a token with the scope")]
)
def test_a_token_that_does_not_do_is_said_so(endpoint: Endpoint, status: int, words: str) -> None:
    """In one sentence, before anything is drawn."""
    endpoint.status, endpoint.body = status, b"{}"

    with pytest.raises(SettingsError, match=words):
        watch(service_at(endpoint.url), 1.0, Console(quiet=True))


def test_an_address_that_is_none_is_refused() -> None:
    """Before anything is asked."""
    with pytest.raises(SettingsError, match="is not an address"):
        service_at("localhost:8000")


def test_a_service_that_is_not_there_is_said_so() -> None:
    """In one sentence."""
    with pytest.raises(SettingsError, match="no answer"):
        watch(service_at("http://127.0.0.1:1"), 1.0, Console(quiet=True))


def test_a_service_that_goes_keeps_its_picture() -> None:
    """With the reason."""
    view = refreshed(View("http://127.0.0.1:1", STATUS, 95.0), service_at("http://127.0.0.1:1"), 100.0)

    assert view.status == STATUS
    assert view.taken == 95.0
    assert view.trouble.startswith("no answer")


def test_a_service_that_comes_back_is_drawn_anew(endpoint: Endpoint) -> None:
    """Without the trouble of before."""
    view = refreshed(View(endpoint.url, QUIET, 95.0, "no answer"), service_at(endpoint.url), 100.0)

    assert view == View(endpoint.url, STATUS, 100.0)


def test_without_a_terminal_it_is_drawn_once(endpoint: Endpoint) -> None:
    """For a pipe or a file."""
    console = Console(file=io.StringIO(), width=110, record=True)

    watch(service_at(endpoint.url), 1.0, console)

    assert "4711" in console.export_text()
