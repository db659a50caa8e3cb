"""Summaries and pictures of latencies."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


def percentile(values: Iterable[float], share: float) -> float:
    """Return the smallest value that `share` of all values do not exceed (nearest rank); NaN without values."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True)
class Latency:
    """How long clients waited. A request without an answer counts with the time after which its client gave up."""

    p50_ms: float
    p99_ms: float
    max_ms: float

    def __str__(self) -> str:
        """Return the latencies in one line."""
        return f"p50 {self.p50_ms:7.1f}  p99 {self.p99_ms:7.1f}  max {self.max_ms:7.1f} ms"


def latency(milliseconds: Iterable[float]) -> Latency:
    """Summarize latencies in milliseconds."""
    values = list(milliseconds)
    return Latency(percentile(values, 0.5), percentile(values, 0.99), max(values, default=math.nan))


def draw(sides: Mapping[str, Sequence[float]], what: str, picture: Path, promised_ms: float = 0) -> None:
    """Draw for each side the share of `what` that took longer than each time, on logarithmic scales.

    promised_ms: where to draw a line for the promised 99th percentile; 0 draws none.
    """
    from matplotlib.figure import Figure as Drawing  # noqa: PLC0415  # needed for a picture alone

    drawing = Drawing(figsize=(7, 4), layout="constrained")
    axes = drawing.subplots()
    for name, values in sides.items():
        ordered = sorted(values)
        axes.plot(ordered, [1 - position / len(ordered) for position in range(len(ordered))], label=name)
    if promised_ms:
        axes.axvline(promised_ms, color="grey", linestyle=":", label="promise for the 99th percentile")
    axes.set(xscale="log", yscale="log", xlabel="milliseconds", ylabel=f"share of {what} that took longer")
    axes.legend()
    drawing.savefig(picture, dpi=150)
