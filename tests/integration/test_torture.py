"""The torture in short: every scenario a few times, over HTTP against the real server."""

from pathlib import Path

import pytest

from tests.torture.__main__ import torture
from tests.torture.report import Row, table

# Twenty random kills; everything else once or twice.
SCALE = 0.02


@pytest.fixture(scope="module")
def rows(demo_bundle: Path) -> list[Row]:
    """Run every scenario."""
    return torture(demo_bundle, SCALE, lambda line: None)


@pytest.mark.timeout(300)
def test_every_request_is_answered_whatever_is_killed(rows: list[Row]) -> None:
    """No request is without an answer, and none fails but those that cause a fault themselves."""
    lost = [row for row in rows if row.tally.unresolved or row.tally.failed(*row.allowed)]

    assert lost == [], table(rows)


def test_nothing_leaks(rows: list[Row]) -> None:
    """No open files, threads, semaphores, zombies; no process of a server that is gone."""
    left = [row for row in rows if any("grew" in failure or "live on" in failure for failure in row.failures)]

    assert left == [], table(rows)


def test_bad_bodies_get_their_own_status(rows: list[Row]) -> None:
    """Every body of a kind gets the same status."""
    wrong = [row for row in rows if any("expected" in failure for failure in row.failures)]

    assert wrong == [], table(rows)
