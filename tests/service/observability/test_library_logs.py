"""What libraries say has the same form, goes to the same place, and is told no more than it should."""

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

from service.observability.log import EventLog, LibraryHandler, opened_log
from service.observability.log_format import encode_json
from service.observability.redaction import Redactor
from service.settings import Settings
from tests.support.collected import Collected

SECRET = "an-example-secret-of-forty-characters-00"


@pytest.fixture
def collected() -> Collected:
    """Return an empty collection."""
    return Collected()


@pytest.fixture
def log(collected: Collected) -> EventLog:
    """Return a log of everything."""
    return EventLog(collected, encode_json, Redactor(), logging.DEBUG)


@pytest.fixture
def library(log: EventLog) -> Iterator[logging.Logger]:
    """Return a library's logger that ends in the log."""
    logger, handler = logging.getLogger("uvicorn.error"), LibraryHandler(log)
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


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
    assert "test_library_logs.py" in line["calls"][0]
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
