"""Compare two result files of one scenario: `python -m bench.compare BEFORE.json AFTER.json`.

A change counts only where the repeats of both runs do not overlap; otherwise it may be chance.
"""

import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.results import Figure, Results, read


@dataclass(frozen=True, slots=True)
class Change:
    """How one figure moved. verdict: better, worse, or same where the repeats overlap."""

    name: str
    unit: str
    before: float
    after: float
    verdict: str

    @property
    def ratio(self) -> float:
        return self.after / self.before if self.before else float("nan")


def changes(before: Results, after: Results) -> Iterator[Change]:
    """Yield a change for each figure that both results hold, in the order of the newer."""
    old = {figure.name: figure for figure in before.figures}
    for figure in after.figures:
        if figure.name in old and figure.values and old[figure.name].values:
            yield _change(old[figure.name], figure)


def _change(before: Figure, after: Figure) -> Change:
    medians = statistics.median(before.values), statistics.median(after.values)
    if min(after.values) > max(before.values):
        verdict = "better" if after.better == "higher" else "worse"
    elif max(after.values) < min(before.values):
        verdict = "worse" if after.better == "higher" else "better"
    else:
        verdict = "same"
    return Change(after.name, after.unit, *medians, verdict)


def missing(before: Results, after: Results) -> list[str]:
    """Return the names of figures that only one of the results holds."""
    return sorted({figure.name for figure in before.figures} ^ {figure.name for figure in after.figures})


def main() -> int:
    """Print the comparison."""
    if len(sys.argv) != 3:
        print("usage: python -m bench.compare BEFORE.json AFTER.json", file=sys.stderr)
        return 2
    before, after = (read(Path(name)) for name in sys.argv[1:])
    print(f"{before.scenario} {before.date} {before.machine.commit} -> {after.date} {after.machine.commit}")
    if before.machine.processor != after.machine.processor:
        print(f"different machines: {before.machine.processor} and {after.machine.processor}")
    for change in changes(before, after):
        numbers = f"{change.before:>12,.2f} {change.after:>12,.2f} {change.ratio:>7.2f}x"
        print(f"{change.name:<52} {numbers}  {change.unit:<6} {change.verdict}")
    for name in missing(before, after):
        print(f"{name:<52} only in one of them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
