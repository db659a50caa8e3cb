"""What the external load generators are given, and how their output is read."""

from pathlib import Path

from bench.comparison.external_load import MAX_USERS, Schedule, parse


def test_a_latency_counts_from_the_moment_a_request_was_due() -> None:
    """The second request took 5 ms and was sent 40 ms later than the first, which was on time."""
    first, second = parse("1000 5 2.0 200 0\n1100 5 42.0 200 1\n")

    assert (first.latency_ms, second.latency_ms) == (5.0, 45.0)
    assert (first.huge, second.huge) == (False, True)
    assert second.ended == 1.1


def test_answers_come_in_the_order_in_which_they_were_due() -> None:
    """A slow early request ends after a quick late one."""
    slow, quick = parse("2000 10 0.0 200 0\n3000 2900 0.0 0 0\n")

    assert (slow.status, quick.status) == (0, 200)


def test_nothing_was_answered() -> None:
    """A load that ended without a line has no answers."""
    assert parse("") == []


def test_an_open_loop_has_a_user_for_every_request_that_may_wait() -> None:
    """Ten seconds of patience at 20 a second is 200 requests at once; beyond a bound users cost too much."""
    few, many = Schedule(5, rate=20, timeout_s=10), Schedule(5, rate=2000, timeout_s=10)

    assert few.scenarios()["load"]["preAllocatedVUs"] == 200
    assert many.scenarios()["load"]["preAllocatedVUs"] == MAX_USERS


def test_huge_requests_come_in_addition_one_in_a_hundred(tmp_path: Path) -> None:
    """A rate of 200 a second brings 2 huge ones a second."""
    huge = Schedule(5, rate=200, huge=tmp_path).scenarios()["huge"]

    assert (huge["rate"], huge["timeUnit"], huge["exec"]) == (200, "100s", "sendHuge")


def test_clients_in_a_closed_loop_have_no_schedule() -> None:
    """So many users, each with its next request when it has its answer."""
    assert Schedule(3, users=16).scenarios()["load"]["executor"] == "constant-vus"
