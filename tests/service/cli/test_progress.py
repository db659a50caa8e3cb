"""Progress where nobody looks at a terminal: a line now and then."""

from service.cli.progress import LINE_INTERVAL_S, ProgressLines


def test_a_log_gets_a_line_now_and_then() -> None:
    """Whichever stage it is then; a stage whose total is what was done so far has no share."""
    lines: list[str] = []
    times = iter([0.0, 1.0, LINE_INTERVAL_S, LINE_INTERVAL_S + 1, 75.0])
    report = ProgressLines(lines.append, lambda: next(times))

    report("train", 1, 8000)
    report("train", 2000, 8000)
    report("train", 3000, 8000)
    report("embed", 4000, 4000)

    assert lines == ["train: 2,000 of 8,000 (25%) after 0:00:10", "embed: 4,000 after 0:01:15"]
