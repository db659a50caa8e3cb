"""The messages of libraries become events of the same log, without text that may be a client's."""

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
from service.settings import Settings
from tests.support.captured_log import CapturedLog

SECRET = "an-example-secret-of-forty-characters-00"


@pytest.fixture
def library(log: EventLog) -> Iterator[logging.Logger]:
    """Return a library's logger whose records go to the log."""
    logger, handler = logging.getLogger("uvicorn.error"), LibraryHandler(log)
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


def test_a_librarys_message_is_an_event(library: logging.Logger, collected: CapturedLog) -> None:
    """The event is named `message` and has the name of the logger."""
    library.warning("Invalid HTTP request %s", "received.")

    [line] = collected.events()
    assert (line["level"], line["event"], line["logger"]) == ("warning", "message", "uvicorn.error")
    assert line["message"] == "Invalid HTTP request received."


def test_only_the_first_line_of_a_message_is_logged(library: logging.Logger, collected: CapturedLog) -> None:
    """Further lines may quote a client: asyncio writes exceptions there."""
    library.error("Task exception was never retrieved\nfuture: <Task ValueError('the text of a client')>")

    assert b"client" not in collected.text


def test_a_message_with_wrong_arguments_is_logged(log: EventLog, collected: CapturedLog) -> None:
    """It is logged without its arguments; a faulty log call raises nothing."""
    record = logging.makeLogRecord({"name": "other", "msg": "%d things", "args": ("many",), "levelno": 40})

    LibraryHandler(log).emit(record)

    assert collected.events()[0]["message"] == "%d things"


def test_records_of_the_service_are_events_with_fields(log: EventLog, collected: CapturedLog) -> None:
    """The message is the event's name, and the extra values are its fields."""
    record = logging.makeLogRecord(
        {"name": "service.server", "msg": "listening", "levelno": 20, "port": 8000}
    )

    LibraryHandler(log).emit(record)

    [line] = collected.events()
    assert (line["event"], line["port"]) == ("listening", 8000)
    assert "message" not in line


def test_an_exception_is_logged_by_its_class_and_calls(
    library: logging.Logger, collected: CapturedLog
) -> None:
    """Its message is left out, since it may quote a client's text."""
    try:
        json.loads({"the text of a client": 1}["the text of a client"])  # type: ignore[arg-type] # the fault
    except TypeError:
        library.exception("failed")

    [line] = collected.events()
    assert line["error"] == "TypeError"
    assert "test_library_logs.py" in line["calls"][0]
    assert b"client" not in collected.text


def settings(bundle: Path, **values: Any) -> Settings:
    """Return valid settings with these values."""
    return Settings(bundle=bundle, jwt_secret=SECRET, **values)


def read(path: Path) -> list[Mapping[str, Any]]:
    """Return the events in a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_source_of_logs_goes_to_one_stream(tmp_path: Path) -> None:
    """Events, libraries, warnings and exceptions of threads are lines of the same file."""
    path = tmp_path / "log"
    failing = threading.Thread(target=lambda: 1 / 0)

    with path.open("wb") as stream, opened_log(settings(tmp_path), stream) as log:
        log.write(logging.INFO, "begun")
        logging.getLogger("uvicorn.error").info("Started server process")
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn("an old call", DeprecationWarning, stacklevel=1)
        failing.start()
        failing.join()

    events = read(path)
    assert [line["event"] for line in events] == ["begun", "message", "message", "fault"]
    assert "an old call" in events[2]["message"]
    assert events[3]["error"] == "ZeroDivisionError"


def test_the_servers_secret_is_redacted(tmp_path: Path) -> None:
    """The secret is redacted from the message of any library too."""
    path = tmp_path / "log"

    with path.open("wb") as stream, opened_log(settings(tmp_path), stream):
        logging.getLogger("library").error("the key is %s", SECRET)

    assert SECRET not in path.read_text()


def test_logging_is_restored_at_the_end(tmp_path: Path) -> None:
    """Handlers, level and hooks are those from before."""
    before = list(logging.getLogger().handlers), logging.getLogger().level, threading.excepthook

    with (tmp_path / "log").open("wb") as stream, opened_log(settings(tmp_path), stream):
        pass

    assert (list(logging.getLogger().handlers), logging.getLogger().level, threading.excepthook) == before


def test_a_terminal_gets_the_console_format(tmp_path: Path) -> None:
    """On a terminal the default format is `console`."""
    primary, secondary = os.openpty()
    with io.FileIO(secondary, "w") as stream, opened_log(settings(tmp_path), stream) as log:
        log.write(logging.INFO, "begun", port=8000)

    assert b"port=8000" in os.read(primary, 4096).replace(b"\x1b[2m", b"").replace(b"\x1b[0m", b"")
    os.close(primary)


def test_the_settings_choose_format_and_level(tmp_path: Path) -> None:
    """`log_format` and `log_level` hold without a terminal too."""
    path = tmp_path / "log"

    with (
        path.open("wb") as stream,
        opened_log(settings(tmp_path, log_format="console", log_level="error"), stream) as log,
    ):
        log.write(logging.WARNING, "quiet")
        log.write(logging.ERROR, "loud", slot=1)

    assert path.read_text().split()[1:] == ["error", "loud", "slot=1"]
