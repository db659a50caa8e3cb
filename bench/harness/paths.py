"""Where benchmarks keep what they make. All of it can be deleted."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench" / "results"
WORK = ROOT / ".local" / "bench"
# The bundle of `make run`.
DEMO_BUNDLE = ROOT / ".local" / "demo-bundle"
