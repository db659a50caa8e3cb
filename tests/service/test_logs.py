"""Each event is one line that says enough and never too much."""

import io
import json
import logging
import os
import threading
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from service.answer import Facts, Outcome
from service.exchange import Exchange
from service.lines import encode_json
from service.logs import EventLog, LibraryHandler, ServiceLog, opened_log
from service.redaction import Redactor
from service.settings import Settings

SECRET = "an-example-secret-of-forty-characters-00"


class Collected:
    """A writer that keeps what it is given."""

    def __init__(self) -> None:
        self.dropped = 0
        self.text = b""

    def write(self, line: bytes) -> None:
        self.text += line

    def events(self) -> list[dict[str, Any]]:
        """Return the lines, each of which has to be one JSON object."""
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def collected() -> Collected:
    """Return an empty collection."""
    return Collected()


@pytest.fixture
def log(collected: Collected) -> EventLog:
    """Return a log of everything."""
    return EventLog(collected, encode_json, Redactor([SECRET]), logging.DEBUG)


@pytest.fixture
def service(log: EventLog) -> ServiceLog:
    """Return the service's side of the log."""
    return ServiceLog(log)


@pytest.fixture
def library(log: EventLog) -> Iterator[logging.Logger]:
    """Return a library's logger that ends in the log."""
    logger, handler = logging.getLogger("uvicorn.error"), LibraryHandler(log)
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


def exchange(status: int = 200, code: str = "ok", outcome: Outcome | None = None) -> Exchange:
    """Return a request that took a quarter of a second."""
    return Exchange(
        "id-1",
        {},
        "POST",
        10.0,
        10.25,
        route="/score",
        status=status,
        code=code,
        subject="alice",
        outcome=outcome,
    )


def test_a_request_is_one_line_with_all_that_is_known(service: ServiceLog, collected: Collected) -> None:
    """From its id to the time in each stage."""
    facts = Facts(documents=3, stages=(("decode", 0.5), ("embed", 1.5)))

    service.request(exchange(outcome=Outcome("ok", b"", facts, slot=1, queue_ms=0.25, attempts=1)))

    [line] = collected.events()
    assert line.pop("time")
    assert line == {
        "level": "info", "event": "request", "request_id": "id-1", "subject": "alice", "method": "POST",
        "route": "/score", "status": 200, "code": "ok", "documents": 3, "queue_ms": 0.25,
        "duration_ms": 250.0, "slot": 1, "attempts": 1, "decode_ms": 0.5, "embed_ms": 1.5,
    }  # fmt: skip


def test_a_request_that_was_refused_has_the_same_fields(service: ServiceLog, collected: Collected) -> None:
    """With null for what there is not."""
    refused = exchange(401, "missing_token")
    refused.subject = refused.route = ""

    service.request(refused)

    [line] = collected.events()
    assert (line["code"], line["subject"], line["route"], line["documents"], line["slot"]) == (
        "missing_token", None, None, None, None,
    )  # fmt: skip


@pytest.mark.parametrize(("status", "level"), [(200, "info"), (503, "info"), (499, "info"), (500, "warning")])
def test_only_our_own_failures_are_warnings(
    service: ServiceLog, collected: Collected, status: int, level: str
) -> None:
    """A refusal is what the service is meant to do."""
    service.request(exchange(status))

    assert collected.events()[0]["level"] == level


def test_a_subject_that_is_a_token_is_redacted(service: ServiceLog, collected: Collected) -> None:
    """Whoever puts one there."""
    odd = exchange()
    odd.subject = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"

    service.request(odd)

    assert collected.events()[0]["subject"] == "[redacted]"


def test_the_end_of_a_worker_has_its_reason(service: ServiceLog, collected: Collected) -> None:
    """And the evidence."""
    service.slot_ended(2, "memory", "exit status 86")

    [line] = collected.events()
    assert (line["event"], line["level"], line["slot"]) == ("slot_ended", "warning", 2)
    assert (line["reason"], line["detail"]) == ("memory", "exit status 86")


def test_a_worker_that_was_meant_to_end_is_no_warning(service: ServiceLog, collected: Collected) -> None:
    """Nobody has to look."""
    service.slot_ended(2, "recycle", "SIGKILL")

    assert collected.events()[0]["level"] == "info"


def test_calls_are_no_news_of_a_slot(service: ServiceLog, collected: Collected) -> None:
    """Its start, its readiness and its end are."""
    for state in ("starting", "ready", "busy", "ready", "busy", "killing", "dead"):
        service.slot_changed(0, state)

    assert [line["state"] for line in collected.events()] == ["starting", "ready", "killing", "dead"]


def test_a_fault_in_a_worker_is_an_error(service: ServiceLog, collected: Collected) -> None:
    """With the request that it met."""
    service.faulted(1, "id-1", "ValueError at encoding.py:12")

    [line] = collected.events()
    assert (line["level"], line["request_id"]) == ("error", "id-1")


def test_a_worker_that_does_not_start_is_an_error(service: ServiceLog, collected: Collected) -> None:
    """Somebody has to act."""
    service.start_failed(1, "BundleError: no such folder")

    assert (collected.events()[0]["level"], collected.events()[0]["event"]) == ("error", "slot_start_failed")


def test_only_a_loop_that_stood_still_is_news(service: ServiceLog, collected: Collected) -> None:
    """Milliseconds are not."""
    service.loop_lagged(0.02)
    service.loop_lagged(0.2)

    assert [line["lag_ms"] for line in collected.events()] == [200.0]


def test_below_the_level_nothing_is_written(collected: Collected) -> None:
    """Quiet means quiet."""
    service = ServiceLog(EventLog(collected, encode_json, Redactor(), logging.WARNING))

    service.request(exchange())

    assert collected.text == b""


def test_a_librarys_message_has_the_same_form(library: logging.Logger, collected: Collected) -> None:
    """With its logger's name."""
    library.warning("Invalid HTTP request %s", "received.")

    [line] = collected.events()
    assert (line["level"], line["event"], line["logger"]) == ("warning", "message", "uvicorn.error")
    assert line["message"] == "Invalid HTTP request received."


def test_what_follows_a_librarys_first_line_is_left_out(
    library: logging.Logger, collected: Collected
) -> None:
    """Asyncio writes there what an exception said."""
    library.error("Task exception was never retrieved\nfuture: <Task ValueError('the text of a client')>")

    assert b"client" not in collected.text


def test_a_message_that_does_not_fit_its_arguments_is_written(log: EventLog, collected: Collected) -> None:
    """As it stands: a fault in a log call breaks nothing."""
    record = logging.makeLogRecord({"name": "other", "msg": "%d things", "args": ("many",), "levelno": 40})

    LibraryHandler(log).emit(record)

    assert collected.events()[0]["message"] == "%d things"


def test_our_own_records_are_events_with_fields(log: EventLog, collected: Collected) -> None:
    """The message is the event's name."""
    record = logging.makeLogRecord(
        {"name": "service.server", "msg": "listening", "levelno": 20, "port": 8000}
    )

    LibraryHandler(log).emit(record)

    [line] = collected.events()
    assert (line["event"], line["port"]) == ("listening", 8000)
    assert "message" not in line


def test_an_exception_is_told_by_its_class_and_calls_alone(
    library: logging.Logger, collected: Collected
) -> None:
    """Its message may quote a client's text."""
    try:
        json.loads({"the text of a client": 1}["the text of a client"])  # type: ignore[arg-type] # the fault
    except TypeError:
        library.exception("failed")

    [line] = collected.events()
    assert line["error"] == "TypeError"
    assert "test_logs.py" in line["calls"][0]
    assert b"client" not in collected.text


def settings(bundle: Path, **values: Any) -> Settings:
    """Return settings that can be logged with."""
    return Settings(bundle=bundle, jwt_secret=SECRET, **values)


def read(path: Path) -> list[Mapping[str, Any]]:
    """Return the events in a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_everything_goes_to_one_stream(tmp_path: Path) -> None:
    """Libraries, warnings and threads that fail."""
    path = tmp_path / "log"
    failing = threading.Thread(target=lambda: 1 / 0)

    with path.open("wb") as stream, opened_log(settings(tmp_path), stream) as log:
        log.write(logging.INFO, "begun")
        logging.getLogger("uvicorn.error").info("Started server process")
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn("an old habit", DeprecationWarning, stacklevel=1)
        failing.start()
        failing.join()

    events = read(path)
    assert [line["event"] for line in events] == ["begun", "message", "message", "fault"]
    assert "an old habit" in events[2]["message"]
    assert events[3]["error"] == "ZeroDivisionError"


def test_the_servers_secret_is_redacted(tmp_path: Path) -> None:
    """Whoever says it."""
    path = tmp_path / "log"

    with path.open("wb") as stream, opened_log(settings(tmp_path), stream):
        logging.getLogger("somebody").error("the key is %s", SECRET)

    assert SECRET not in path.read_text()


def test_logging_is_as_before_in_the_end(tmp_path: Path) -> None:
    """Tests and other programs have their own."""
    before = list(logging.getLogger().handlers), logging.getLogger().level, threading.excepthook

    with (tmp_path / "log").open("wb") as stream, opened_log(settings(tmp_path), stream):
        pass

    assert (list(logging.getLogger().handlers), logging.getLogger().level, threading.excepthook) == before


def test_a_terminal_gets_the_console_form(tmp_path: Path) -> None:
    """Unless the settings say otherwise."""
    primary, secondary = os.openpty()
    with io.FileIO(secondary, "w") as stream, opened_log(settings(tmp_path), stream) as log:
        log.write(logging.INFO, "begun", port=8000)

    assert b"port=8000" in os.read(primary, 4096).replace(b"\x1b[2m", b"").replace(b"\x1b[0m", b"")
    os.close(primary)


def test_the_settings_choose_the_form_and_the_level(tmp_path: Path) -> None:
    """Also where there is no terminal."""
    path = tmp_path / "log"

    with (
        path.open("wb") as stream,
        opened_log(settings(tmp_path, log_format="console", log_level="error"), stream) as log,
    ):
        log.write(logging.WARNING, "quiet")
        log.write(logging.ERROR, "loud", slot=1)

    assert path.read_text().split()[1:] == ["error", "loud", "slot=1"]
