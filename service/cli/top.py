"""`scorepool top`: what a running service is doing, drawn again every second.

GET /status ──→ Status ──→ picture ──→ terminal
"""

import http.client
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from service.api.response import SlotState, Status
from service.settings import SettingsError

# Longer than any promise of the service: who does not answer in that time is gone.
PATIENCE_S = 2.0

MIB = 1024 * 1024

STYLES = {
    SlotState.STARTING: "cyan",
    SlotState.READY: "green",
    SlotState.BUSY: "bold green",
    SlotState.KILLING: "red",
    SlotState.DEAD: "red",
    SlotState.BACKOFF: "bold red",
    SlotState.DRAINING: "yellow",
}


class StatusUnavailable(Exception):  # noqa: N818 - it is shown, not raised to anybody
    """The service has not said what it is doing, and why."""


class View(NamedTuple):
    """What is drawn: the latest status, when it came, and what has gone wrong since."""

    url: str
    status: Status
    taken: float
    trouble: str = ""


class Service:
    """A running service at an address; `token` makes one with the scope `status`."""

    def __init__(self, url: str, token: Callable[[], str]) -> None:
        """Take the address. Raises: SettingsError when it is none."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise SettingsError([f"url: {url!r} is not an address like http://127.0.0.1:8000"])
        self.url = url
        self._token = token
        self._parts = parts

    def status(self) -> Status:
        """Ask for the status. Raises: Unanswered."""
        secure = self._parts.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        # Not by urllib, which would carry the token along to wherever it is redirected.
        connection = connect(self._parts.netloc, timeout=PATIENCE_S)
        try:
            headers = {"Authorization": f"Bearer {self._token()}"}
            connection.request("GET", self._parts.path.rstrip("/") + "/status", headers=headers)
            answer = connection.getresponse()
            return _decoded(answer.status, answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise StatusUnavailable(f"no answer: {_reason(error)}") from error
        finally:
            connection.close()


def _reason(error: Exception) -> str:
    words = error.strerror if isinstance(error, OSError) else None
    return words or str(error) or type(error).__name__


def _decoded(status: int, body: bytes) -> Status:
    if status in {401, 403}:
        raise StatusUnavailable(f"{status}: a token with the scope `status` is needed")
    try:
        return msgspec.json.decode(body, type=Status)
    except msgspec.MsgspecError as error:
        raise StatusUnavailable(f"{status}: this is no scorepool") from error


def watch(service: Service, interval_s: float, console: Console | None = None) -> None:
    """Draw the service until Ctrl-C; once where there is no terminal.

    Raises: SettingsError when it does not answer at first.
    """
    console = console or Console()
    try:
        view = View(service.url, service.status(), time.monotonic())
    except StatusUnavailable as trouble:
        raise SettingsError([f"{service.url}: {trouble}"]) from trouble
    if not console.is_terminal:
        console.print(picture(view, time.monotonic()))
        return
    with Live(picture(view, view.taken), console=console, screen=True, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(interval_s)
                view = refreshed(view, service, time.monotonic())
                live.update(picture(view, time.monotonic()), refresh=True)
        except KeyboardInterrupt:
            return


def refreshed(view: View, service: Service, now: float) -> View:
    """Return what is to be drawn now: the new status, or the old one and why there is no new one."""
    try:
        return View(service.url, service.status(), now)
    except StatusUnavailable as trouble:
        return view._replace(trouble=str(trouble))


def picture(view: View, now: float) -> Group:
    """Draw a view: the slots, and below them queue, last minute and event loop side by side."""
    states = [slot.state for slot in view.status.slots]
    serving = sum(state in {SlotState.READY, SlotState.BUSY} for state in states)
    head = Text.assemble((" scorepool ", "reverse"), f"  {view.url}   ")
    head.append(f"{states.count(SlotState.BUSY)} busy of {serving} serving, {len(states)} slots")
    trouble = f" {view.trouble}; what follows is {now - view.taken:.0f} s old" if view.trouble else ""
    panels = (_queue(view.status), _minute(view.status), _lag(view.status))
    below = Columns(panels, padding=(0, 6))
    return Group(head, Text(trouble, "bold red"), _slots(view.status), Text(), below)


def _slots(status: Status) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("slot", justify="right")
    table.add_column("state", min_width=9)
    for name in ("pid", "calls", "restarts", "memory"):
        table.add_column(name, justify="right")
    for slot in status.slots:
        table.add_row(
            str(slot.slot),
            Text(slot.state, STYLES[slot.state]),
            str(slot.pid or "–"),
            f"{slot.calls:,}",
            Text(f"{slot.restarts:,}", "yellow" if slot.restarts else ""),
            f"{slot.memory_bytes / MIB:.0f} MiB",
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
