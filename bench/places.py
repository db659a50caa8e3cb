"""Where the benchmark keeps what it makes: environments, model, payloads, logs. All can be deleted."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "bench"
ENVIRONMENTS = ROOT / ".local" / "peers"
WORK = ROOT / ".local" / "bench"
RESULTS = HERE / "results"

QUESTION = WORK / "question"
BUNDLE = WORK / "bundle"
PAYLOADS = WORK / "payloads"
K6 = ENVIRONMENTS / "tools" / "bin" / "k6"
