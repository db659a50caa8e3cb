"""How far a long command is, on standard error: bars on a terminal, elsewhere a line now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from scoring.progress import Progress as Report

# Between two lines in a log. A command that ends before prints none.
LINE_INTERVAL_S = 10.0


@contextmanager
def progress_bars() -> Iterator[Report]:
    """Yield a function `(stage, done, total)` that shows each stage on standard error."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield ProgressLines(lambda line: click.echo(line, err=True), time.monotonic)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as progress:

        def report(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                bars[stage] = progress.add_task(stage, total=total)
            progress.update(bars[stage], completed=done, total=total)

        yield report


class ProgressLines:
    """Writes a line when a stage reports and the last line is long enough ago."""

    def __init__(self, write: Callable[[str], object], clock: Callable[[], float]) -> None:
        """`write` takes a line; `clock` returns seconds."""
        self._write = write
        self._clock = clock
        self._begun = self._written = clock()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Note one step; see `scoring.progress`."""
        now = self._clock()
        if now - self._written < LINE_INTERVAL_S:
            return
        self._written = now
        elapsed = timedelta(seconds=round(now - self._begun))
        known = f"{done:,} of {total:,} ({done / total:.0%})" if total > done else f"{done:,}"
        self._write(f"{stage}: {known} after {elapsed}")
