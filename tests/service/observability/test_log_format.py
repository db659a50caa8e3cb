"""An event becomes one line, for machines or for people."""

import json
from datetime import datetime

from service.observability.log_format import Console, encode_json


def test_a_json_line_begins_with_time_level_and_event() -> None:
    """And has the fields after them, in their order."""
    line = encode_json("info", "request", {"status": 200, "slot": None})

    assert line.endswith(b"}\n")
    assert list(json.loads(line)) == ["time", "level", "event", "status", "slot"]


def test_the_time_is_utc_and_says_so() -> None:
    """Whatever the machine's time zone."""
    moment = json.loads(encode_json("info", "request", {}))["time"]

    assert moment.endswith("Z")
    assert datetime.fromisoformat(moment).tzinfo is not None


def test_text_with_line_breaks_stays_on_one_json_line() -> None:
    """Nobody can forge a line."""
    line = encode_json("info", "request", {"subject": 'a\n{"event":"forged"}'})

    assert line.count(b"\n") == 1


def test_text_that_utf8_cannot_hold_is_replaced() -> None:
    """A lone surrogate in a token's subject costs no line."""
    line = encode_json("info", "request", {"subject": "a\ud800b"})

    assert json.loads(line)["subject"] == "a?b"


def test_the_console_leaves_out_what_has_no_value() -> None:
    """People look for what is there."""
    line = Console(colours=False)("info", "request", {"status": 200, "slot": None, "queue_ms": 0.12345})

    assert line.decode().split()[1:] == ["info", "request", "status=200", "queue_ms=0.1235"]


def test_the_console_escapes_what_moves_the_cursor() -> None:
    """A subject cannot draw on the terminal."""
    line = Console(colours=True)("info", "request", {"subject": "a\x1b[2Jb\nc"})

    assert b"\x1b[2J" not in line
    assert line.count(b"\n") == 1


def test_the_console_has_colours_only_where_asked() -> None:
    """Not in a file."""
    assert b"\x1b" in Console(colours=True)("error", "fault", {"slot": 1})
    assert b"\x1b" not in Console(colours=False)("error", "fault", {"slot": 1})
