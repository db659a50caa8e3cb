"""`/status` says what the slots do now and what the last minute was like."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.api.outcome import Facts, Outcome
from service.observability.request_record import RequestRecord
from service.observability.status import LastMinute, SlidingWindow, SlotSnapshot, Snapshot

EMPTY = Snapshot(slots=(), jobs=0, cost_s=0.0, subjects=0)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def scored(ended: float, seconds: float, *, documents: int = 1) -> RequestRecord:
    """Return a request that was answered with scores."""
    outcome = Outcome("ok", b"", Facts(documents=documents))
    return RequestRecord("id", {}, "POST", ended - seconds, ended, "/score", 200, "ok", "alice", outcome)


def refused(ended: float) -> RequestRecord:
    """Return a request that was turned away at once."""
    return RequestRecord("id", {}, "POST", ended, ended, "/score", 503, "overloaded", "alice")


def described(status: LastMinute, snapshot: Snapshot = EMPTY) -> Any:
    """Return the answer as clients decode it."""
    return json.loads(status.describe(snapshot))


def test_the_pool_is_as_the_snapshot_says() -> None:
    """By the names of the contract."""
    slots = (SlotSnapshot(0, 71, "busy", 5, 1, 4096, "sha256:00"), SlotSnapshot(1, None, "dead", 2, 3, 0))

    answer = described(
        LastMinute(Clock()), Snapshot(slots, 7, 1.5, subjects=2, answer_bytes=12, answer_subjects=1)
    )

    assert answer["slots"][0] == {
        "slot": 0, "pid": 71, "state": "busy", "calls": 5, "restarts": 1, "memory_bytes": 4096,
        "digest": "sha256:00",
    }  # fmt: skip
    assert answer["slots"][1]["pid"] is None
    assert answer["queue"] == {"jobs": 7, "cost_s": 1.5, "subjects": 2}
    assert answer["answers"] == {"bytes": 12, "subjects": 1}


def test_a_server_that_did_nothing_has_no_times() -> None:
    """Null, and not zero: nothing was fast."""
    answer = described(LastMinute(Clock()))

    assert answer["last_minute"] == {
        "requests": 0, "documents": 0, "failures": 0, "p50_ms": None, "p99_ms": None, "max_ms": None,
    }  # fmt: skip
    assert answer["loop_lag_ms"] == {"p99": None, "max": None}


def test_requests_are_counted_for_a_minute() -> None:
    """And then forgotten."""
    clock = Clock()
    status = LastMinute(clock)
    status.ended(scored(clock.now, 0.01, documents=3))
    clock.now += 59

    assert described(status)["last_minute"]["documents"] == 3
    clock.now += 1
    assert described(status)["last_minute"]["documents"] == 0


def test_refusals_count_as_requests_without_a_time() -> None:
    """A thousand quick refusals do not hide one slow answer."""
    clock = Clock()
    status = LastMinute(clock)
    for _ in range(1000):
        status.ended(refused(clock.now))

    status.ended(scored(clock.now, 2.0))

    last = described(status)["last_minute"]
    assert (last["requests"], last["failures"], last["max_ms"]) == (1001, 0, 2000.0)
    assert last["p50_ms"] > 1900


def test_failures_are_counted() -> None:
    """A deadline, a crash, a client that left."""
    clock = Clock()
    status = LastMinute(clock)
    for code, number in (("deadline_exceeded", 504), ("worker_crashed", 500), ("ok", 499)):
        status.ended(
            RequestRecord("id", {}, "POST", clock.now - 1, clock.now, "/score", number, code, "alice")
        )

    assert described(status)["last_minute"]["failures"] == 3


def test_probes_do_not_count() -> None:
    """They would drown everything else."""
    clock = Clock()
    status = LastMinute(clock)

    status.ended(RequestRecord("id", {}, "GET", clock.now, clock.now, "/livez", 200))

    assert described(status)["last_minute"]["requests"] == 0


def test_the_loops_lag_is_told_in_milliseconds() -> None:
    """The largest exactly."""
    status = LastMinute(Clock())

    status.loop_lagged(0.0125)

    assert described(status)["loop_lag_ms"]["max"] == 12.5


@given(st.lists(st.floats(1e-5, 1e3), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99]))
def test_quantiles_are_within_three_percent(values: list[float], share: float) -> None:
    """Of the value at that rank, whatever the values."""
    recent = SlidingWindow()
    for value in values:
        recent.observe(1000.0, value)

    [found] = recent.quantiles(1000.0, share)

    rank = min(len(values) - 1, max(0, -int(-share * len(values) // 1) - 1))
    assert found is not None
    assert abs(found / sorted(values)[rank] - 1) < 0.031


@given(st.lists(st.floats(0, 200), max_size=100), st.floats(0, 100))
def test_what_is_counted_is_what_the_last_minute_had(moments: list[float], pause: float) -> None:
    """By whole seconds."""
    recent = SlidingWindow()
    for moment in sorted(moments):
        recent.at(moment).tally["requests"] += 1

    now = max(moments, default=0.0) + pause

    assert recent.counted(now, "requests") == sum(int(moment) > int(now) - 60 for moment in moments)
