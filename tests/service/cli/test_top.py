"""`scorepool top` draws what `/status` says, and the reason when it says nothing."""

import http.server
import io
from collections.abc import Iterator

import jwt
import msgspec
import pytest
from rich.console import Console

from service.api.response import (
    AnswersStatus,
    LagStatus,
    MinuteStatus,
    QueueStatus,
    SlotState,
    SlotStatus,
    Status,
)
from service.cli.top import PolledStatus, StatusClient, poll, render, token_source, watch
from service.settings import SettingsError
from tests.support.http_server import serving_in_thread

STATUS = Status(
    [
        SlotStatus(0, 4711, SlotState.BUSY, 1234, 0, 20 << 20, f"sha256:{'0123abcd' * 8}"),
        SlotStatus(1, None, SlotState.BACKOFF, 8, 6, 0),
    ],
    QueueStatus(7, 1.25, 2),
    AnswersStatus(48 << 20, 1),
    MinuteStatus(600, 1800, 3, 12.5, 80.0, 91.5),
    LagStatus(1.5, 4.0),
)

QUIET = Status(
    [],
    QueueStatus(0, 0.0, 0),
    AnswersStatus(0, 0),
    MinuteStatus(0, 0, 0, None, None, None),
    LagStatus(None, None),
)


class Endpoint(http.server.ThreadingHTTPServer):
    """Answers every request with the same status and body, and records the requests."""

    status = 200
    body = msgspec.json.encode(STATUS)

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """Return the address to ask."""
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Endpoint)
        self.server.requests.append((self.path, self.headers["Authorization"]))
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
    with serving_in_thread(Endpoint()) as server:
        yield server


def rendered(polled: PolledStatus, now: float = 100.0) -> str:
    """Return what is drawn, as text."""
    console = Console(file=io.StringIO(), width=110, record=True)
    console.print(render(polled, now))
    return console.export_text()


def client_of(url: str) -> StatusClient:
    """Return a client with a fixed token."""
    return StatusClient(url, lambda: "fixed-token")


def test_every_slot_has_a_line() -> None:
    """The line of a slot shows its state, process, calls, restarts, memory and model."""
    lines = rendered(PolledStatus("http://example", STATUS, 100.0)).splitlines()

    assert lines[3].split() == ["0", "busy", "4711", "1,234", "0", "20", "MiB", "0123abcd"]
    assert lines[4].split() == ["1", "backoff", "–", "8", "6", "0", "MiB", "–"]


def test_rates_are_per_second() -> None:
    """The counts of the last minute are shown as rates; times are in milliseconds."""
    text = rendered(PolledStatus("http://example", STATUS, 100.0))

    assert "10.0" in text
    assert "30.0" in text
    assert "91.5 ms" in text


def test_an_idle_service_has_no_times() -> None:
    """Without requests in the last minute a dash stands for each time."""
    assert "– " in rendered(PolledStatus("http://example", QUIET, 100.0)) + " "


def test_a_failure_is_shown_with_the_age_of_the_status() -> None:
    """When a poll fails, the last status stays on the screen, with its age and the reason."""
    text = rendered(PolledStatus("http://example", STATUS, 95.0, "no answer: gone"), now=100.0)

    assert "no answer: gone; what follows is 5 s old" in text


def test_the_status_is_asked_for_with_the_token(endpoint: Endpoint) -> None:
    """The request goes to `/status` below the path of the address, with the bearer token."""
    assert client_of(endpoint.url + "/scores/").fetch() == STATUS
    assert endpoint.requests == [("/scores/status", "Bearer fixed-token")]


def test_a_redirect_is_not_followed(endpoint: Endpoint) -> None:
    """A redirect counts as no status, so the token is not sent to another address."""
    endpoint.status, endpoint.body = 302, b"moved"

    with pytest.raises(SettingsError, match="no scorepool"):
        watch(client_of(endpoint.url), 1.0, Console(quiet=True))

    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("status", "words"), [(401, "a token with the scope"), (403, "a token with the scope")]
)
def test_a_refused_token_is_an_error(endpoint: Endpoint, status: int, words: str) -> None:
    """One sentence names the scope that the token needs, before anything is drawn."""
    endpoint.status, endpoint.body = status, b"{}"

    with pytest.raises(SettingsError, match=words):
        watch(client_of(endpoint.url), 1.0, Console(quiet=True))


def test_without_a_token_one_is_signed() -> None:
    """The signed token has the scope `status`."""
    secret = "a secret of at least thirty-two bytes"

    token = token_source(None, secret)()

    assert jwt.decode(token, secret, algorithms=["HS256"], audience="scorepool")["scope"] == "status"


def test_a_given_token_is_used_as_it_is() -> None:
    """No secret is needed then."""
    assert token_source("given", "")() == "given"


def test_an_invalid_address_is_refused() -> None:
    """An address without a scheme is refused before any request."""
    with pytest.raises(SettingsError, match="is not an address"):
        client_of("localhost:8000")


def test_no_answer_to_the_first_poll_is_an_error() -> None:
    """One sentence says that there is no answer."""
    with pytest.raises(SettingsError, match="no answer"):
        watch(client_of("http://127.0.0.1:1"), 1.0, Console(quiet=True))


def test_a_failed_poll_keeps_the_last_status() -> None:
    """The last status stays, with its time and the reason of the failure."""
    polled = poll(PolledStatus("http://127.0.0.1:1", STATUS, 95.0), client_of("http://127.0.0.1:1"), 100.0)

    assert polled.status == STATUS
    assert polled.polled_at == 95.0
    assert polled.failure.startswith("no answer")


def test_a_successful_poll_clears_the_failure(endpoint: Endpoint) -> None:
    """The new status replaces the old one and its failure."""
    polled = poll(PolledStatus(endpoint.url, QUIET, 95.0, "no answer"), client_of(endpoint.url), 100.0)

    assert polled == PolledStatus(endpoint.url, STATUS, 100.0)


def test_without_a_terminal_the_status_is_drawn_once(endpoint: Endpoint) -> None:
    """On a pipe or a file the command draws once and ends."""
    console = Console(file=io.StringIO(), width=110, record=True)

    watch(client_of(endpoint.url), 1.0, console)

    assert "4711" in console.export_text()
