"""The table that the torture prints."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.torture.load import Tally


@dataclass
class Row:
    """One scenario: how often, what became of the requests, seconds until it was noticed and mended.

    failures: what must not have been, in words; the scenario passed when there are none.
    """

    name: str
    times: int
    tally: Tally = field(default_factory=Tally)
    allowed: tuple[int, ...] = ()
    detection_s: list[float] = field(default_factory=list)
    recovery_s: list[float] = field(default_factory=list)
    note: str = ""
    failures: list[str] = field(default_factory=list)

    def judge(self) -> "Row":
        """Note every request without its one good answer as a failure."""
        if self.tally.unresolved:
            self.failures.append(f"{self.tally.unresolved} requests without an answer")
        if failed := self.tally.failed(*self.allowed):
            self.failures.append(f"{failed} requests failed: {dict(self.tally.answers)}")
        return self


def spread(seconds: Sequence[float]) -> str:
    """Return median, 99th percentile and maximum in milliseconds."""
    if not seconds:
        return "-"
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return " / ".join(f"{value * 1e3:.0f}" for value in (ordered[len(ordered) // 2], p99, ordered[-1]))


def table(rows: Sequence[Row]) -> str:
    """Lay out rows for a terminal."""
    head = ("what", "times", "requests", "unresolved", "failed", "detection ms", "recovery ms", "")
    lines = [
        (
            row.name,
            str(row.times),
            str(row.tally.sent),
            str(row.tally.unresolved),
            str(row.tally.failed(*row.allowed)),
            spread(row.detection_s),
            spread(row.recovery_s),
            "; ".join(
                ["FAILED: " + ", ".join(row.failures)] * bool(row.failures) + [row.note] * bool(row.note)
            ),
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in (head, *lines)) for column in range(len(head))]
    laid = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in (head, *lines)]  # fmt: skip
    return "\n".join([*laid, "detection and recovery: median / 99th percentile / maximum"])
