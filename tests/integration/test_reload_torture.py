"""The torture of reloads in short."""

from pathlib import Path

import pytest

from tests.torture.reloads import torture
from tests.torture.report import table


@pytest.mark.timeout(300)
def test_reloads_under_load_lose_nothing_and_mix_nothing(demo_bundle: Path) -> None:
    """Every answer is that of one model, to the byte, while workers are killed and bundles are damaged."""
    row = torture(demo_bundle, times=12)

    assert row.failures == [], table([row])
