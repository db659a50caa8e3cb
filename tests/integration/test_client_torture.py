"""The torture of the client in short: every fault once, over HTTP against the real server."""

from pathlib import Path

import pytest

from tests.torture.client_calls import torture


@pytest.mark.timeout(300)
def test_every_call_ends_in_its_result_or_a_documented_exception(demo_bundle: Path) -> None:
    """By its deadline, no result twice or another call's, and no more requests than the budget allows."""
    run = torture(demo_bundle, wanted=100, kills=3)

    assert run.failures() == [], run.table()
    assert min(len(calls.results) for calls in run.calls.values()) > 0, run.table()
    assert len(run.faults) >= 4, run.table()
