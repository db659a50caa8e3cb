"""What is printed of a measurement and a plan."""

import pytest

from service.capacity.costs import Memory
from service.capacity.measurement import Measurement
from service.capacity.report import as_json, as_text
from service.capacity.simulation import Balancer, Load
from service.capacity.sizing import Plan, Question, plan
from tests.support.fleets import KIND, costs, fleet

MEASURED = Measurement(KIND, costs(), Memory(server=90_000_000, worker=20_000_000, model=50_000_000), 2)


def plan_for(rate: float) -> Plan:
    """Return a plan of one replica with up to two workers."""
    question = Question(
        KIND, costs(), fleet(workers=2).machine, Load(rate, 10.0), 0.1, Balancer.ROUND_ROBIN, replicas=1
    )
    return plan(question, lambda name: lambda done, total: None)


def test_the_table_ends_with_what_is_enough() -> None:
    """A line for each fleet, and a sentence with the memory of a replica."""
    text = as_text(MEASURED, plan_for(150), 0.1)

    assert "Enough for a p99 of 100 ms with nothing refused: one replica of 2 workers, 180 MB each." in text
    assert len([line for line in text.splitlines() if line.split()[:1] == ["1"]]) == 2


def test_it_says_when_nothing_is_enough() -> None:
    """The requests that are refused are in the table, with the time that they are asked to wait."""
    found = plan_for(500)

    text = as_text(MEASURED, found, 0.1)

    largest = found.trials[-1].result
    assert "Not enough for a p99 of 100 ms" in text
    assert f"{largest.refused:.1%}" in text
    assert f"{largest.retry_after_s:.0f} s" in text


def test_json_has_the_same_numbers() -> None:
    """Milliseconds and bytes, and null where there is nothing."""
    found = plan_for(150)

    numbers = as_json(MEASURED, found, 0.1)

    assert numbers["chosen"] == numbers["trials"][-1]
    assert numbers["chosen"]["memory_bytes"] == 180_000_000
    assert numbers["chosen"]["p99_ms"] == pytest.approx(found.trials[-1].result.p99_s * 1e3)
    assert numbers["chosen"]["retry_after_s"] is None
    assert numbers["call_ms"]["1"] == pytest.approx(10)
