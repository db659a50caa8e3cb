"""Result files, and the comparison of two."""

from pathlib import Path

import msgspec
import pytest

from bench.harness.results import Figure, changes, missing, read
from tests.bench.records import results


def verdict(before: list[float], after: list[float], better: str = "higher") -> str:
    """Compare one figure."""
    old, new = (Figure("speed", "1/s", better, values) for values in (before, after))  # type: ignore[arg-type]  # a literal of the test
    (change,) = changes(results(old), results(new))
    return change.verdict


@pytest.mark.parametrize(
    ("after", "better", "expected"),
    [
        ([21.0, 22.0], "higher", "better"),
        ([21.0, 22.0], "lower", "worse"),
        ([8.0, 9.0], "higher", "worse"),
        ([8.0, 9.0], "lower", "better"),
        ([19.0, 40.0], "higher", "same"),
    ],
)
def test_only_repeats_that_do_not_overlap_are_a_change(
    after: list[float], better: str, expected: str
) -> None:
    """Before: 10 to 20. A run that overlaps it may differ by chance."""
    assert verdict([10.0, 20.0], after, better) == expected


def test_a_figure_of_one_file_alone_is_named() -> None:
    """A system that was not measured in one of the runs is reported."""
    old, new = Figure("old", "s", "lower", [1.0]), Figure("new", "s", "lower", [1.0])

    assert missing(results(old), results(new)) == ["new", "old"]
    assert list(changes(results(old), results(new))) == []


def test_a_result_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Everything survives the file."""
    written = results(Figure("speed", "1/s", "higher", [1.0, 2.0]), details={"more": 1})
    path = tmp_path / "results.json"
    path.write_bytes(msgspec.json.encode(written))

    assert read(path) == written


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    """The message names the file."""
    path = tmp_path / "other.json"
    path.write_text('{"scenario": 1}')

    with pytest.raises(ValueError, match=r"other\.json: not a result file"):
        read(path)
