"""What is logged: one line for each request, the life of the slots, and the messages of libraries.

    requests, pool ──→ ServiceLog ─────┐
    uvicorn, asyncio ──→ logging ──────┴──→ EventLog: encode ──→ redact ──→ LineWriter ──→ standard error

ERROR means that someone must act. A document's text, a body or a token is never a field, and the
message of an exception is left out: it may quote any of them.
"""

import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Protocol

from service.api.outcome import NO_FACTS
from service.api.response import Reloaded
from service.api.scorer import Served
from service.observability.log_format import MAX_TEXT, ConsoleEncoder, LineEncoder, encode_json
from service.observability.log_writer import LineWriter
from service.observability.redaction import Redactor
from service.observability.request_record import RequestRecord
from service.settings import Settings

# The promise about probes: none waits longer than this.
LAG_WORTH_A_LINE_S = 0.1

# The innermost calls of a fault; the outer ones are always the server's.
MAX_FRAMES = 12

# What is asked every few seconds by machines: its answers would be most of the log. Readiness has its own line
# when it changes.
POLLED_ROUTES = frozenset({"/livez", "/readyz", "/startupz", "/metrics"})

# Ends of a worker that are no fault.
_EXPECTED_ENDS = frozenset({"cancelled", "recycle", "reload", "drain"})

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class Writer(Protocol):
    """Where lines go: a `LineWriter`, or a test's list."""

    @property
    def dropped(self) -> int:
        """Return how many lines were dropped because the reader had stalled."""

    def write(self, line: bytes) -> None:
        """Take one line without waiting for the reader."""


class EventLog:
    """Writes events at or above a level (as numbered by `logging`). Any thread may call it."""

    def __init__(self, writer: Writer, encode: LineEncoder, redact: Redactor, level: int) -> None:
        self.level = level
        self._writer = writer
        self._encode = encode
        self._redact = redact

    def write(self, level: int, event: str, **fields: Any) -> None:
        """Write one line. Never waits for the reader."""
        if level >= self.level:
            line = self._encode(logging.getLevelName(level).lower(), event, fields)
            self._writer.write(self._redact(line))

    @property
    def dropped(self) -> int:
        """How many lines were dropped because the reader had stalled."""
        return self._writer.dropped


class ServiceLog:
    """Logs what happens to requests and slots; belongs to the event loop's thread."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._states: dict[int, str] = {}

    @property
    def dropped(self) -> int:
        """How many lines were dropped because the reader had stalled."""
        return self._log.dropped

    def request(self, record: RequestRecord, trace_id: str | None = None) -> None:
        """Log the end of a request, of every kind; `trace_id` where it was traced."""
        level = _level_of(record)
        if level < self._log.level:
            return
        outcome = record.outcome
        facts = outcome.facts if outcome else NO_FACTS
        self._log.write(
            level,
            "request",
            request_id=record.request_id,
            subject=record.subject or None,
            client=record.client or None,
            method=record.method[:MAX_TEXT],
            route=record.route or None,
            status=record.status,
            code=record.code,
            documents=facts.documents if outcome else None,
            queue_ms=round(outcome.queue_ms, 3) if outcome else None,
            duration_ms=round((record.ended - record.began) * 1e3, 3),
            slot=outcome.slot if outcome else None,
            attempts=outcome.attempts if outcome else None,
            **{f"{stage}_ms": spent for stage, spent in facts.stages},
            **({"trace_id": trace_id} if trace_id else {}),
        )

    def slot_changed(self, slot: int, state: str) -> None:
        """Log a slot's new state, unless it is busy or has been: that comes with every call."""
        before, self._states[slot] = self._states.get(slot), state
        if state != "busy" and (before, state) != ("busy", "ready"):
            self._log.write(logging.INFO, "slot_state", slot=slot, state=state)

    def slot_ended(self, slot: int, reason: str, detail: str) -> None:
        """Log why a worker is gone."""
        level = logging.INFO if reason in _EXPECTED_ENDS else logging.WARNING
        self._log.write(level, "slot_ended", slot=slot, reason=reason, detail=detail[:MAX_TEXT])

    def start_failed(self, slot: int, detail: str) -> None:
        """Log that a worker could not be started."""
        self._log.write(logging.ERROR, "slot_start_failed", slot=slot, detail=detail[:MAX_TEXT])

    def bundle_damaged(self, file: str, size: int, expected: int, fault: str) -> None:
        """Log which file of the bundle is damaged; sizes in bytes."""
        self._log.write(
            logging.ERROR, "bundle_damaged", file=file, size=size, expected=expected, detail=fault[:MAX_TEXT]
        )

    def bundle_restored(self) -> None:
        """Log that the bundle is whole again."""
        self._log.write(logging.INFO, "bundle_restored")

    def reload_started(self) -> None:
        """Log that the model's files are being opened anew."""
        self._log.write(logging.INFO, "reload_started")

    def reload_verified(self, share: float) -> None:
        """Log how much of them has been checked, 0 to 1."""
        self._log.write(logging.INFO, "reload_verified", percent=round(100 * share))

    def reload_ended(self, end: Reloaded, info: Served) -> None:
        """Log which model is served now, and which was before."""
        event = "reloaded" if end.result == "reloaded" else "reload_unchanged"
        digests = {"digest": end.digest, "old_digest": end.old_digest}
        self._log.write(logging.INFO, event, model=info.name, **digests, seconds=end.seconds)

    def reload_failed(self, detail: str) -> None:
        """Log why the model is served that was served before."""
        self._log.write(logging.ERROR, "reload_failed", detail=detail[:MAX_TEXT])

    def job_changed(self, job: str, subject: str, state: str, reason: str, steps: int) -> None:
        """Log a job's new state, why it is in it, and how many of its steps are done."""
        level = logging.WARNING if state in {"paused", "failed"} else logging.INFO
        detail = {"detail": reason[:MAX_TEXT]} if reason else {}
        self._log.write(level, "job_state", job=job, subject=subject, state=state, steps=steps, **detail)

    def job_begun_anew(self, job: str, old_digest: str) -> None:
        """Log that a job's documents are embedded anew, because its model is not served any more."""
        self._log.write(logging.INFO, "job_begun_anew", job=job, old_digest=old_digest)

    def faulted(self, slot: int, request_id: str, fault: str) -> None:
        """Log a fault of ours while scoring."""
        self._log.write(
            logging.ERROR, "scoring_failed", slot=slot, request_id=request_id, error=fault[:MAX_TEXT]
        )

    def loop_lagged(self, lag_s: float) -> None:
        """Log that the event loop stood still for long enough to be seen from outside."""
        if lag_s >= LAG_WORTH_A_LINE_S:
            self._log.write(logging.WARNING, "event_loop_blocked", lag_ms=round(lag_s * 1e3, 1))


def _level_of(record: RequestRecord) -> int:
    """Return the level of a request's line."""
    if record.status in {500, 504}:
        return logging.WARNING
    if record.route in POLLED_ROUTES and (200 <= record.status < 400 or record.status == 503):
        return logging.DEBUG
    return logging.INFO


class LibraryHandler(logging.Handler):
    """Brings what goes through `logging` into the same form: uvicorn, asyncio, warnings, our own faults."""

    def __init__(self, log: EventLog) -> None:
        super().__init__(log.level)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record: our own by its event name, anyone else's as its first line of text.

        Further lines of text hold the reprs of objects, which may hold anything.
        """
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        first = (text.splitlines() or [""])[0][:MAX_TEXT]
        own = record.name.partition(".")[0] in {"service", "scoring"}
        said = {} if own else {"logger": record.name, "message": first}
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        fault = describe_fault(record.exc_info[1]) if record.exc_info and record.exc_info[1] else {}
        self._log.write(record.levelno, first if own else "message", **said, **extra, **fault)


def describe_fault(error: BaseException) -> dict[str, object]:
    """Return the classes of an exception and its causes, and the calls to it, without any message."""
    classes: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(classes) < MAX_FRAMES:
        classes.append(type(cause).__qualname__)
        cause = cause.__cause__ or cause.__context__
    frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    return {
        "error": " from ".join(classes),
        "calls": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


@contextmanager
def opened_log(settings: Settings, stream: IO[Any] | None = None) -> Iterator[EventLog]:
    """Send every log of this process to `stream` (standard error) in the settings' form, until the end.

    At the end what is waiting is written, as far as the reader takes it within a second.
    """
    stream = stream or sys.stderr
    terminal = stream.isatty()
    console = (settings.log_format or ("console" if terminal else "json")) == "console"
    encode = ConsoleEncoder(colours=terminal) if console else encode_json
    writer = LineWriter(
        stream.fileno(), notice=lambda lines: encode("warning", "log_lines_dropped", {"lines": lines})
    )
    redact = Redactor([settings.jwt_secret] if settings.jwt_secret else [])
    log = EventLog(writer, encode, redact, logging.getLevelNamesMapping()[settings.log_level.upper()])
    with _libraries_to(log):
        try:
            yield log
        finally:
            writer.close()


@contextmanager
def _libraries_to(log: EventLog) -> Iterator[None]:
    """Route `logging`, warnings and the interpreter's own hooks to `log`; restore them at the end."""
    root, handler = logging.getLogger(), LibraryHandler(log)
    before = root.level, threading.excepthook, sys.unraisablehook
    root.addHandler(handler)
    root.setLevel(log.level)
    logging.captureWarnings(capture=True)
    threading.excepthook = lambda hook: _report(hook.exc_value, "thread")
    sys.unraisablehook = lambda hook: _report(hook.exc_value, "finalizer")
    try:
        yield
    finally:
        root.removeHandler(handler)
        level, threading.excepthook, sys.unraisablehook = before
        root.setLevel(level)
        logging.captureWarnings(capture=False)


def _report(error: BaseException | None, where: str) -> None:
    if error is not None:
        logging.getLogger(__name__).error("fault", exc_info=error, extra={"where": where})
