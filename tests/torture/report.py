"""The table that the torture prints."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.harness.latency import percentile
from tests.torture.load import Tally


@dataclass
class Row:
    """One scenario. times: how often its fault was injected. tally: how the requests of the load ended.

    allowed: statuses besides 200 that are no failures.
    detection_s, recovery_s: seconds until each lost worker was noticed, and until it was replaced.
    failures: the promises that were not kept, in words.
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
        """Add a failure for requests without an answer, and one for requests that failed."""
        if self.tally.unresolved:
            self.failures.append(f"{self.tally.unresolved} requests without an answer")
        if failed := self.tally.failed(*self.allowed):
            self.failures.append(f"{failed} requests failed: {dict(self.tally.answers)}")
        return self


def spread(seconds: Sequence[float]) -> str:
    """Return median, 99th percentile and maximum in milliseconds."""
    if not seconds:
        return "-"
    return " / ".join(f"{percentile(seconds, share) * 1e3:.0f}" for share in (0.5, 0.99, 1.0))


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
