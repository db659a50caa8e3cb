"""The fake by itself; how it agrees with the real service is in `tests.integration.test_client`."""

import httpx
import pytest

from scorepool_client import AuthenticationError, Client, ConnectionLostError
from scorepool_client.testing import FakeScorepool
from scorepool_client.testing.answers import PROBLEMS
from service.api import problems


def test_its_problems_are_the_services() -> None:
    """Status and title of each code."""
    for code, (status, title) in PROBLEMS.items():
        assert (status, title) == problems.PROBLEMS[code][:2], code


def test_it_answers_the_same_each_time() -> None:
    """Two fakes, to the byte."""
    body = {"documents": ["storms close the harbour", "the harbour"], "vectors": True}
    answers = [
        httpx.Client(transport=FakeScorepool().transport()).post(
            "http://fake/score", json=body, headers={"Authorization": "Bearer x"}
        )
        for _ in range(2)
    ]

    assert answers[0].content == answers[1].content


def test_faults_come_in_the_order_in_which_they_were_told() -> None:
    """And end; `heal` ends those that would not."""
    fake = FakeScorepool(token="right")
    client = fake.client("right")
    fake.delay(1.5)
    fake.lose_connections(times=None)

    assert client.score(["a"]).attempts == 1
    for _ in range(3):
        with pytest.raises(ConnectionLostError):
            client.score(["a"])
    fake.heal()

    assert client.score(["a"]).attempts == 1
    assert len(fake.requests) == 5
    with pytest.raises(AuthenticationError, match="invalid_token"):
        fake.client("wrong").score(["a"])


def test_a_fault_that_the_service_does_not_have_is_refused() -> None:
    """A typing error in a test would pass unnoticed."""
    with pytest.raises(ValueError, match="'overlaoded' is none of"):
        FakeScorepool().fail("overlaoded")


def test_other_programs_reach_it_by_a_socket() -> None:
    """With its faults."""
    fake = FakeScorepool()
    fake.fail("starting")
    with fake.serve() as url, Client(url, "x") as client:
        assert client.score(["a"]).attempts == 2
        fake.lose_connections()
        with pytest.raises(ConnectionLostError):
            Client(url, "x").score(["a"])
