"""The scoring that the systems of the comparison call."""

import os
import subprocess
import sys
from pathlib import Path

from bench.harness import documents


def rate(folder: Path, **variables: object) -> float:
    """Return the requests a second that the scoring alone prints for the requests in a folder."""
    environment = {**os.environ, **{f"BENCH_{name}": str(value) for name, value in variables.items()}}
    command = [sys.executable, "-m", "bench.comparison.apps.scoring", str(folder), "0.01"]
    return float(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)


def test_the_scoring_of_a_worker_runs_without_a_server(demo_bundle: Path, tmp_path: Path) -> None:
    """It loads what a worker of the product loads."""
    folder = documents.write(tmp_path, documents.SMALL, "raw")

    assert rate(folder, SCORING="scorepool", BUNDLE=demo_bundle) > 0
