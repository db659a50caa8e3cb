"""Server-sent events from bytes that are cut anywhere."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorepool_client.events import EventParser, EventTooLong, ServerEvent

STREAM = (
    'retry: 1000\n\n: a comment\nevent: state\ndata: {"é":1}\n\n'
    "data:no space\r\ndata: two lines\r\n\r\nid: 7\rdata\revent: x\r\rdata: 🦀\n\nevent: nothing\n\ndata: cut"
).encode()

EVENTS = [
    ServerEvent("state", '{"é":1}'),
    ServerEvent("message", "no space\ntwo lines"),
    ServerEvent("x", ""),
    ServerEvent("message", "🦀"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_events_are_the_same_however_they_are_cut(cuts: list[int]) -> None:
    """Line ends of every kind, comments, and what is not complete at the end."""
    places = [0, *sorted(cuts), len(STREAM)]
    parser = EventParser()

    found = [event for start, end in pairwise(places) for event in parser.feed(STREAM[start:end])]

    assert found == EVENTS


def test_a_stream_of_something_else_is_not_kept() -> None:
    """A line without end would fill the memory."""
    parser = EventParser()
    for _ in range(50):
        parser.feed(b"a" * 20_000)

    with pytest.raises(EventTooLong):
        parser.feed(b"a" * 50_000)
