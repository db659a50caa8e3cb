"""An event becomes one line: JSON, or text for the console."""

import json
from datetime import datetime

import pytest

from service.observability.log_format import ConsoleEncoder, encode_json


def test_a_json_line_begins_with_time_level_and_event() -> None:
    """The fields follow, in their order; None becomes null."""
    line = encode_json("info", "request", {"status": 200, "slot": None})

    assert line.endswith(b"}\n")
    assert list(json.loads(line)) == ["time", "level", "event", "status", "slot"]


def test_the_time_is_in_utc() -> None:
    """The time ends with Z, in any time zone of the machine."""
    moment = json.loads(encode_json("info", "request", {}))["time"]

    assert moment.endswith("Z")
    assert datetime.fromisoformat(moment).tzinfo is not None


def test_text_with_line_breaks_stays_on_one_json_line() -> None:
    """A line break in a client's text is escaped, so that it cannot forge a line."""
    line = encode_json("info", "request", {"subject": 'a\n{"event":"forged"}'})

    assert line.count(b"\n") == 1


def test_text_that_utf8_cannot_encode_is_replaced() -> None:
    """A lone surrogate in a token's subject becomes a question mark; the line is written."""
    line = encode_json("info", "request", {"subject": "a\ud800b"})

    assert json.loads(line)["subject"] == "a?b"


@pytest.mark.parametrize(
    "each", ["\x00", "\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\u202e", "\u2066", "\U000e0001"]
)
def test_no_line_holds_what_a_terminal_obeys(each: str) -> None:
    """Control characters and marks of direction are escaped in either form; JSON means the same."""
    text = f"Ünal 文 {each}b"
    json_line = encode_json("info", "request", {"subject": text})
    console_line = ConsoleEncoder(colours=False)("info", "request", {"subject": text})

    assert json.loads(json_line)["subject"] == text
    assert "Ünal 文" in json_line.decode()
    for line in (json_line, console_line):
        assert line.decode().removesuffix("\n").isprintable()


def test_the_console_leaves_out_fields_that_are_none() -> None:
    """Only fields with a value are written, numbers with four digits."""
    line = ConsoleEncoder(colours=False)(
        "info", "request", {"status": 200, "slot": None, "queue_ms": 0.12345}
    )

    assert line.decode().split()[1:] == ["info", "request", "status=200", "queue_ms=0.1235"]


def test_the_console_escapes_control_characters() -> None:
    """A client's text cannot move the cursor or break the line."""
    line = ConsoleEncoder(colours=True)("info", "request", {"subject": "a\x1b[2Jb\nc"})

    assert b"\x1b[2J" not in line
    assert line.count(b"\n") == 1


def test_the_console_has_colours_only_when_asked() -> None:
    """Without `colours` no line has an escape sequence."""
    assert b"\x1b" in ConsoleEncoder(colours=True)("error", "fault", {"slot": 1})
    assert b"\x1b" not in ConsoleEncoder(colours=False)("error", "fault", {"slot": 1})
