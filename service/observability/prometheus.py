"""What the service counts with, and how it is written for Prometheus (text format 0.0.4).

Own, and not prometheus-client's, because counting and writing both happen on the event loop: there an
observation costs several times as much (its locks are for threads we do not have), and writing a thousand
samples takes milliseconds. `bench.telemetry` measures both. Everything here belongs to one thread.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

# What OpenTelemetry's conventions call a value that is not one of the known ones.
OTHER = "_OTHER"


class Counter:
    """Counts up: one series, or one for each of a fixed set of values of a label.

    A value outside of the set is counted as `_OTHER`: no client and no fault can make series without end.
    """

    def __init__(self, name: str, about: str, label: str = "", values: Iterable[str | int] = ("",)) -> None:
        self._name = name
        self._about = about
        self._label = label
        self._counts: dict[str | int, int] = dict.fromkeys(values, 0)

    def add(self, value: str | int = "", amount: int = 1) -> None:
        """Count `amount` more of `value`."""
        counts = self._counts
        if value not in counts:
            counts.setdefault(OTHER, 0)
            value = OTHER
        counts[value] += amount

    def text(self) -> str:
        """Write the family."""
        samples = ((labelled({self._label: value}), count) for value, count in self._counts.items())
        return _family(self._name, "counter", self._about, _lines(self._name, samples))


class Histogram:
    """Distributions under one name: a series for each combination of label values."""

    def __init__(self, name: str, about: str, bounds: Sequence[float], labels: Sequence[str] = ()) -> None:
        """Start with no series, or without labels with the one. `bounds` rise; infinity is added."""
        self._name = name
        self._about = about
        self._bounds = tuple(bounds)
        self._labels = tuple(labels)
        self._series: dict[tuple[object, ...], _Series] = {}
        if not labels:
            self.expect()

    def expect(self, *values: object) -> "_Series":
        """Make the series with these values of the labels, in their order, and return it."""
        labels = labelled(dict(zip(self._labels, values, strict=True)))
        series = self._series[values] = _Series(self._name, labels, self._bounds)
        return series

    def observe(self, value: float, *values: object) -> None:
        """Count one observation in the series with these values of the labels."""
        series = self._series.get(values) or self.expect(*values)
        series.observe(value)

    def text(self) -> str:
        """Write the family."""
        lines = (line for series in self._series.values() for line in series.lines())
        return _family(self._name, "histogram", self._about, lines)


class _Series:
    """One distribution: how many observations were at most each bound, and their sum."""

    __slots__ = ("_bounds", "_counts", "_heads", "_sum")

    def __init__(self, name: str, labels: str, bounds: tuple[float, ...]) -> None:
        before = f"{{{labels}," if labels else "{"
        limits = [*(f"{bound:g}" for bound in bounds), "+Inf"]
        self._bounds = bounds
        self._counts = [0] * len(limits)
        # Every sample's text up to its number: writing is then one addition and one format each.
        self._heads = [f'{name}_bucket{before}le="{limit}"}} ' for limit in limits]
        self._heads += [f"{name}_{part}{_braces(labels)} " for part in ("sum", "count")]
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self) -> Iterator[str]:
        """Write the series: what is below each bound, the sum, the count."""
        below = 0
        for head, count in zip(self._heads, self._counts, strict=False):
            below += count
            yield f"{head}{below}\n"
        yield f"{self._heads[-2]}{self._sum}\n"
        yield f"{self._heads[-1]}{below}\n"


def gauge(name: str, about: str, samples: Mapping[str, float]) -> str:
    """Write a gauge: its value by its labels, as `labelled` writes them."""
    return _family(name, "gauge", about, _lines(name, samples.items()))


def labelled(labels: Mapping[str, object]) -> str:
    """Write labels as they stand between the braces of a sample; the empty name is no label."""
    return ",".join(f'{name}="{_escape(str(value))}"' for name, value in labels.items() if name)


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _braces(labels: str) -> str:
    return f"{{{labels}}}" if labels else ""


def _lines(name: str, samples: Iterable[tuple[str, float]]) -> Iterator[str]:
    return (f"{name}{_braces(labels)} {value}\n" for labels, value in samples)


def _family(name: str, kind: str, about: str, lines: Iterable[str]) -> str:
    return f"# HELP {name} {about}\n# TYPE {name} {kind}\n{''.join(lines)}"
