"""`scorepool top`: polls `/status` of a running service and draws it on the terminal.

GET /status ──→ PolledStatus ──→ render ──→ terminal
"""

import http.client
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

import click
import msgspec
from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from service.api.response import SlotState, Status
from service.cli.input_errors import input_errors
from service.cli.issue_token import TokenClaims, sign_token
from service.cli.options import FiniteRange, jwt_secret
from service.cli.unix_connection import UnixConnection
from service.settings import SettingsError

# The service answers `/status` within 0.1 s; after 2 s it is taken to be down.
TIMEOUT_S = 2.0

MIB = 1024 * 1024

# Digits of a model's digest that are shown: enough to tell two models apart.
DIGEST_LENGTH = 8

STYLES = {
    SlotState.STARTING: "cyan",
    SlotState.READY: "green",
    SlotState.BUSY: "bold green",
    SlotState.KILLING: "red",
    SlotState.DEAD: "red",
    SlotState.BACKOFF: "bold red",
    SlotState.DRAINING: "yellow",
}


class StatusUnavailableError(Exception):
    """`/status` gave no status; the message says why."""


class PolledStatus(NamedTuple):
    """The latest status of the service at `url`, and the failure of the polls since, if they failed.

    polled_at: when `status` was received, in seconds of the monotonic clock.
    failure: empty when the last poll succeeded.
    """

    url: str
    status: Status
    polled_at: float
    failure: str = ""


def token_source(token: str | None, secret: str) -> Callable[[], str]:
    """Return a function that gives the token of the next poll.

    That is `token`; without one, a new token signed with `secret` for each poll, which never expires while the
    command runs.
    """
    return lambda: token or sign_token(secret, TokenClaims("top", "status"))


class StatusClient:
    """Asks the service at `url` for its status; `token` returns a bearer token with the scope `status`."""

    def __init__(self, url: str, token: Callable[[], str]) -> None:
        """Check the address. Raises: SettingsError when it is not `http(s)://` with a host, or `unix:/path`."""
        parts = urlsplit(url)
        unix = parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/")
        if not unix and (parts.scheme not in {"http", "https"} or not parts.netloc):
            raise SettingsError([f"url: {url!r} is not an address like http://127.0.0.1:8000 or unix:/path"])
        self.url = url
        self._token = token
        self._parts = parts

    def fetch(self) -> Status:
        """Return the status now. Raises: StatusUnavailableError when there is no answer, or none with a status."""
        # Not by urllib, which follows redirects and would send the token to another host.
        connection = self._connect()
        try:
            headers = {"Authorization": f"Bearer {self._token()}"}
            prefix = "" if self._parts.scheme == "unix" else self._parts.path.rstrip("/")
            connection.request("GET", prefix + "/status", headers=headers)
            answer = connection.getresponse()
            return _decoded(answer.status, answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise StatusUnavailableError(f"no answer: {_reason(error)}") from error
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        if self._parts.scheme == "unix":
            return UnixConnection(self._parts.path, TIMEOUT_S)
        secure = self._parts.scheme == "https"
        connection = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        return connection(self._parts.netloc, timeout=TIMEOUT_S)


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) else None
    return text or str(error) or type(error).__name__


def _decoded(status: int, body: bytes) -> Status:
    if status in {401, 403}:
        raise StatusUnavailableError(f"{status}: a token with the scope `status` is needed")
    try:
        return msgspec.json.decode(body, type=Status)
    except msgspec.MsgspecError as error:
        raise StatusUnavailableError(f"{status}: this is no scorepool") from error


def watch(client: StatusClient, interval_s: float, console: Console | None = None) -> None:
    """Poll and draw the status until Ctrl-C; without a terminal, once.

    Raises: SettingsError when the first poll fails.
    """
    console = console or Console()
    try:
        polled = PolledStatus(client.url, client.fetch(), time.monotonic())
    except StatusUnavailableError as error:
        raise SettingsError([f"{client.url}: {error}"]) from error
    if not console.is_terminal:
        console.print(render(polled, time.monotonic()))
        return
    with Live(render(polled, polled.polled_at), console=console, screen=True, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(interval_s)
                polled = poll(polled, client, time.monotonic())
                live.update(render(polled, time.monotonic()), refresh=True)
        except KeyboardInterrupt:
            return


def poll(last: PolledStatus, client: StatusClient, now: float) -> PolledStatus:
    """Return the new status, or the last one with the failure when the service gives none."""
    try:
        return PolledStatus(client.url, client.fetch(), now)
    except StatusUnavailableError as error:
        return last._replace(failure=str(error))


def render(polled: PolledStatus, now: float) -> Group:
    """Draw the slots, and below them the queue, the last minute and the event loop side by side."""
    states = [slot.state for slot in polled.status.slots]
    serving = sum(state in {SlotState.READY, SlotState.BUSY} for state in states)
    head = Text.assemble((" scorepool ", "reverse"), f"  {polled.url}   ")
    head.append(f"{states.count(SlotState.BUSY)} busy of {serving} serving, {len(states)} slots")
    failure = ""
    if polled.failure:
        failure = f" {polled.failure}; what follows is {now - polled.polled_at:.0f} s old"
    tables = (_queue(polled.status), _minute(polled.status), _lag(polled.status))
    below = Columns(tables, padding=(0, 6))
    return Group(head, Text(failure, "bold red"), _slots(polled.status), Text(), below)


def _slots(status: Status) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("slot", justify="right")
    table.add_column("state", min_width=9)
    for name in ("pid", "calls", "restarts", "memory", "model"):
        table.add_column(name, justify="right")
    for slot in status.slots:
        table.add_row(
            str(slot.slot),
            Text(slot.state, STYLES[slot.state]),
            str(slot.pid or "–"),
            f"{slot.calls:,}",
            Text(f"{slot.restarts:,}", "yellow" if slot.restarts else ""),
            f"{slot.memory_bytes / MIB:.0f} MiB",
            (slot.digest or "–").removeprefix("sha256:")[:DIGEST_LENGTH],
        )
    return table


def _facts(title: str, facts: dict[str, str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="dim", box=None, show_header=False)
    table.add_column(style="dim", min_width=11)
    table.add_column(justify="right", min_width=9)
    for name, value in facts.items():
        table.add_row(name, value)
    return table


def _queue(status: Status) -> Table:
    queue = status.queue
    facts = {
        "requests": f"{queue.jobs:,}",
        "work": f"{queue.cost_s:.2f} s",
        "subjects": f"{queue.subjects:,}",
        "unread": f"{status.answers.bytes / MIB:,.0f} MiB",
    }
    return _facts("queue", facts)


def _minute(status: Status) -> Table:
    minute = status.last_minute
    facts = {
        "requests/s": f"{minute.requests / 60:,.1f}",
        "documents/s": f"{minute.documents / 60:,.1f}",
        "failures": f"{minute.failures:,}",
        "median": _ms(minute.p50_ms),
        "99 %": _ms(minute.p99_ms),
        "slowest": _ms(minute.max_ms),
    }
    return _facts("last minute", facts)


def _lag(status: Status) -> Table:
    return _facts(
        "event loop late by", {"99 %": _ms(status.loop_lag_ms.p99), "most": _ms(status.loop_lag_ms.max)}
    )


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f} ms"


@click.command()
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Where the service is.")
@click.option(
    "--token",
    envvar="SCOREPOOL_TOKEN",
    help="With the scope `status`  [default: signed with SCOREPOOL_JWT_SECRET]",
)
@click.option("--interval", default=1.0, show_default=True, type=FiniteRange(0.1), metavar="SECONDS")
@input_errors()
def command(url: str, token: str | None, interval: float) -> None:
    """Watch a running service: slots, queue, rates and latency."""
    watch(StatusClient(url, token_source(token, jwt_secret())), interval)
