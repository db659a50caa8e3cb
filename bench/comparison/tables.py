"""The tables of the report, as HTML and as Markdown."""

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from bench.comparison.catalogue import System
from bench.comparison.goals import PRODUCT, rate
from bench.comparison.measurements import ratio
from bench.comparison.record import Record
from bench.harness.results import Results

PAYLOADS = ("4", "32", "300")

HEAD = (
    "System",
    *(f"{payload} docs/request" for payload in PAYLOADS),
    "p50",
    "p99",
    "longest wait",
    "silence",
    "health p99",
    "health max",
    "memory",
    "lost in faults",
)

# Columns that the table in the README leaves out for lack of room.
LEFT_OUT = {"p50", "longest wait", "health max"}


def kind_of(record: Record) -> str:
    """Return the colour and class of a record: product, peer, usual, or own for a system with its own scoring."""
    return "own" if record.scoring == "own" else record.kind


def count(value: float) -> str:
    """Write a rate with three significant digits or as an integer."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def milliseconds(value: float) -> str:
    """Write a latency in seconds or milliseconds, whichever is shorter."""
    if not math.isfinite(value):
        return "–"
    return (
        f"{value / 1e3:.1f} s" if value >= 1000 else f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"
    )


def _rows(records: Sequence[Record]) -> Iterator[list[str]]:
    base = next((record for record in records if record.name == PRODUCT), None)
    for record in records:
        if record.failure and not record.closed:
            yield [record.title, *["–"] * (len(HEAD) - 1)]
        else:
            yield [record.title, *(_rate(record, base, payload) for payload in PAYLOADS), *_waits(record)]


def _rate(record: Record, base: Record | None, payload: str) -> str:
    middle = rate(record, payload)
    if middle is None:
        return "–"
    if base is None or base is record or payload not in base.closed or not middle:
        return count(middle)
    own, theirs = ([cell.rate for cell in one.closed[payload]] for one in (base, record))
    if not min(theirs):
        return count(middle)
    times, least, most = ratio(own, theirs)
    spread = "" if len(own) == len(theirs) == 1 else f", {_times(least)}–{_times(most)}"
    return f"{count(middle)} ({_times(times)}{spread})"


def _times(value: float) -> str:
    return f"{value:,.0f}×" if value >= 20 else f"{value:.1f}×"


def _waits(record: Record) -> Iterator[str]:
    storm, cells = record.storm, record.closed.get("300", [])
    latency = storm.latency if storm else None
    for wait in (latency.p50_ms, latency.p99_ms, latency.max_ms) if latency else (math.nan,) * 3:
        yield milliseconds(wait)
    yield f"{storm.silence_s:.2f} s" if storm else "–"
    yield milliseconds(max((cell.health.p99_ms for cell in cells), default=math.nan))
    yield milliseconds(max((cell.health.max_ms for cell in cells), default=math.nan))
    yield f"{record.memory_bytes / 2**20:.0f} MB" if record.memory_bytes else "–"
    yield f"{sum(fault.lost for fault in record.faults)}" if record.faults else "–"


def figures(records: Sequence[Record]) -> str:
    """Return the main table as HTML."""
    rows = zip(records, _rows(records), strict=True)
    return _html(HEAD, [(kind_of(record), [_cell(text) for text in row]) for record, row in rows])


def _cell(text: str) -> str:
    """Put a ratio in brackets on a line of its own; brackets in a title stay."""
    figure, bracket, rest = text.partition(" (")
    small = bracket and rest[0].isdigit()
    return f"{escape(figure)}<br><small>{escape(rest[:-1])}</small>" if small else escape(text)


def faults(records: Sequence[Record]) -> str:
    """Return what every fault cost every system, as HTML."""
    head = ("System", "fault", "lost", "of", "no answer for", "full rate again after", "left running", "")
    rows = []
    for record in records:
        for fault in record.faults:
            left = "–" if fault.left is None else str(fault.left)
            waits = [_seconds(fault.again_s), _seconds(fault.full_s)]
            cells = [record.title, fault.name, str(fault.lost), str(fault.sent), *waits, left]
            rows.append((kind_of(record), [*(escape(cell) for cell in cells), escape(fault.note)]))
    return _html(head, rows)


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} s"


def systems(records: Sequence[Record], known: Mapping[str, System]) -> str:
    """Return how each system was started, how long that took and with which versions, or why it failed, as HTML."""
    rows = []
    for record in records:
        system = known[record.name]
        commands = "<br>".join(f"<code>{escape(' '.join(command))}</code>" for command in system.commands)
        versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
        why = record.why + (f" <b>Failed: {escape(record.failure)}</b>" if record.failure else "")
        ready = f"{record.start_s:.1f} s" if record.start_s else "–"
        rows.append((kind_of(record), [escape(record.title), versions, ready, why, commands]))
    return _html(("System", "versions", "first answer after", "why", "started with"), rows, words=True)


def _html(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]], *, words: bool = False) -> str:
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    cell = '<td class="words">' if words else "<td>"
    body = (
        f'<tr class="{kind}">' + "".join(f"{cell}{text}</td>" for text in row) + "</tr>" for kind, row in rows
    )
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def markdown(results: Results, records: Sequence[Record]) -> str:
    """Return the main table as Markdown without the columns `LEFT_OUT`; date and machine under it."""
    kept = [i for i, title in enumerate(HEAD) if title not in LEFT_OUT]
    lines = [f"| {' | '.join(HEAD[i] for i in kept)} |", f"| --- |{' ---: |' * (len(kept) - 1)}"]
    lines += [f"| {' | '.join(row[i] for i in kept)} |" for row in _rows(records)]
    where = f"{results.machine}, commit {results.machine.commit}"
    lines += ["", f"{results.date[:10]}, {where}; `make bench` prints it anew."]
    return "\n".join(lines) + "\n"
