"""How the time of several ways to do the same work grows with its size: measurement, table and picture.

All sides run in one process on one core, one after the other within each repeat. Other load on the machine
therefore slows all of them alike.
"""

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.harness.results import Figure

# Shorter work is repeated for so long, so that reading the clock costs nothing in comparison.
_SHORTEST_S = 0.02

Work = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Growth:
    """Seconds of each side at each size, one value for each repeat. unit: what the size counts."""

    unit: str
    seconds: Mapping[tuple[str, int], Sequence[float]]

    @property
    def sides(self) -> list[str]:
        """The names of the sides, in the order in which they ran."""
        return list(dict.fromkeys(side for side, _ in self.seconds))

    @property
    def sizes(self) -> list[int]:
        """The sizes, ascending."""
        return sorted({size for _, size in self.seconds})

    def median(self, side: str, size: int) -> float:
        """Return the median of a side's seconds."""
        return statistics.median(self.seconds[side, size])

    def ratio(self, side: str, other: str, size: int) -> float:
        """Return the time of `other` divided by that of `side`: the median of the ratios of the repeats."""
        pairs = zip(self.seconds[other, size], self.seconds[side, size], strict=True)
        return statistics.median(theirs / ours for theirs, ours in pairs)


def use_one_core() -> None:
    """Keep this process and all threads of its libraries on one core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def measure(unit: str, sides: Mapping[str, Work], sizes: Sequence[int], repeats: int) -> Growth:
    """Time every side at every size, in turns, after one call of each to warm up."""
    seconds: dict[tuple[str, int], list[float]] = {(side, size): [] for side in sides for size in sizes}
    for size in sizes:
        for work in sides.values():
            work(size)
        for _ in range(repeats):
            for side, work in sides.items():
                seconds[side, size].append(_time(work, size))
    return Growth(unit, seconds)


def _time(work: Work, size: int) -> float:
    began = time.perf_counter()
    times = 0
    while (elapsed := time.perf_counter() - began) < _SHORTEST_S or not times:
        work(size)
        times += 1
    return elapsed / times


def table(growth: Growth, ours: str) -> str:
    """Return a row for each size: the rate of each side, and the time of the others divided by that of `ours`."""
    others = [side for side in growth.sides if side != ours]
    header = [growth.unit, *(f"{side} /s" for side in growth.sides), *(f"× {side}" for side in others)]
    rows = [header]
    for size in growth.sizes:
        rates = [f"{size / growth.median(side, size):,.0f}" for side in growth.sides]
        rows.append([f"{size:,}", *rates, *(f"{growth.ratio(ours, side, size):.1f}" for side in others)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
    )


def figures(growth: Growth) -> list[Figure]:
    """Return the rate of every side at every size, one value for each repeat."""
    return [
        Figure(f"{side}/{size}", f"{growth.unit}/s", "higher", [size / seconds for seconds in values])
        for (side, size), values in growth.seconds.items()
    ]


def draw(growth: Growth, title: str, path: Path) -> None:
    """Draw time against size, both on logarithmic scales, into a picture file."""
    from matplotlib.figure import Figure as Drawing  # noqa: PLC0415  # needed for a picture alone

    drawing = Drawing(figsize=(7, 5), layout="constrained")
    axes = drawing.subplots()
    for side in growth.sides:
        axes.plot(growth.sizes, [growth.median(side, size) for size in growth.sizes], "o-", label=side)
    axes.set(xscale="log", yscale="log", xlabel=growth.unit, ylabel="seconds, one core", title=title)
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, dpi=150)
