"""Result files: what scenarios write, and the comparison of two of them.

    python -m bench.harness.results BEFORE.json AFTER.json      two runs of one scenario

A file is JSON: the scenario, the date, the machine, the settings, and the figures, each with one value for
every repeat. A scenario may add `details` of its own for its report.
"""

import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from bench.harness.machine import Machine, describe
from bench.harness.paths import RESULTS


class Figure(msgspec.Struct, frozen=True):
    """One measured quantity: a value for each repeat.

    name: unique in its file, from the general to the particular, such as `litserve/300/requests`.
    """

    name: str
    unit: str
    better: Literal["higher", "lower"]
    values: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)


class Results(msgspec.Struct):
    """One run of one scenario. date: UTC, as in ISO 8601."""

    scenario: str
    date: str
    machine: Machine
    settings: dict[str, Any]
    figures: list[Figure]
    details: Any = None


def collect(
    scenario: str, settings: Mapping[str, Any], figures: Sequence[Figure], details: Any = None
) -> Results:
    """Put the figures of a run together with the date and the machine."""
    date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Results(scenario, date, describe(), dict(settings), list(figures), details)


def save(results: Results) -> Path:
    """Write a result file under bench/results, named after scenario and time; return its path."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    stamp = results.date.replace(":", "").replace("-", "")
    path = RESULTS / f"{results.scenario}-{stamp}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1))
    return path


def read(path: Path) -> Results:
    """Read a result file.

    Raises: ValueError when it is not one.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Results)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path}: not a result file of this benchmark: {error}") from error


@dataclass(frozen=True, slots=True)
class Change:
    """How the median of one figure changed between two runs.

    verdict: better or worse where the repeats of the two runs do not overlap; otherwise same, because the
    difference may be chance.
    """

    name: str
    unit: str
    before: float
    after: float
    verdict: Literal["better", "worse", "same"]

    def __str__(self) -> str:
        """Return the change in one line of a table."""
        ratio = self.after / self.before if self.before else float("nan")
        numbers = f"{self.before:>12,.2f} {self.after:>12,.2f} {ratio:>7.2f}x"
        return f"{self.name:<52} {numbers}  {self.unit:<6} {self.verdict}"


def changes(before: Results, after: Results) -> Iterator[Change]:
    """Yield a change for each figure that both results hold, in the order of the later."""
    earlier = {figure.name: figure for figure in before.figures}
    for figure in after.figures:
        if figure.name in earlier and figure.values and earlier[figure.name].values:
            yield _change(earlier[figure.name], figure)


def _change(before: Figure, after: Figure) -> Change:
    verdict: Literal["better", "worse", "same"] = "same"
    if min(after.values) > max(before.values):
        verdict = "better" if after.better == "higher" else "worse"
    elif max(after.values) < min(before.values):
        verdict = "worse" if after.better == "higher" else "better"
    return Change(after.name, after.unit, before.median, after.median, verdict)


def missing(before: Results, after: Results) -> list[str]:
    """Return the names of the figures that only one of the results holds."""
    return sorted({figure.name for figure in before.figures} ^ {figure.name for figure in after.figures})


def main() -> int:
    """Print the comparison of two files."""
    if len(sys.argv) != 3:
        print("usage: python -m bench.harness.results BEFORE.json AFTER.json", file=sys.stderr)
        return 2
    before, after = (read(Path(name)) for name in sys.argv[1:])
    print(f"{before.scenario} {before.date} {before.machine.commit} -> {after.date} {after.machine.commit}")
    if before.machine.processor != after.machine.processor:
        print(f"different machines: {before.machine.processor} and {after.machine.processor}")
    for change in changes(before, after):
        print(change)
    for name in missing(before, after):
        print(f"{name:<52} only in one of them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
