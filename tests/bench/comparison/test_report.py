"""The page, the table and the picture of invented results."""

import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest

from bench.comparison import report
from bench.comparison.record import Record
from bench.harness.results import Results
from tests.bench.records import lost, record, results


def written(path: Path, *records: Record) -> dict[str, str]:
    """Write a report; return its files by their ending."""
    found: Results = results(details={"records": list(records), "alone": [200.0]})
    source = path / "made-up.json"
    source.write_bytes(msgspec.json.encode(found))
    return {each.suffix: each.read_text() for each in report.write(source)}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Return the report of the product, of a peer at a third of its rate, and of one that was not installed."""
    product = record("scorepool", "product", 300.0, 330.0, faults=[lost("worker-killed", 0)])
    peer = record("litserve", "peer", 100.0, 110.0, faults=[lost("worker-killed", 7)])
    absent = Record("ray", "Ray Serve", "peer", "scorepool", "Why.", failure="not installed: <no wheel>")
    return written(tmp_path, product, peer, absent)


def test_the_table_has_every_system_with_its_ratio(files: dict[str, str]) -> None:
    """The peer's rate, how many times as fast the product is, and the spread of that."""
    rows = files[".md"].splitlines()

    assert rows[2].startswith("| Scorepool | 315 | 315 | 315 |")
    assert rows[3].startswith("| Litserve | 105 (3.0×, 2.7×–3.3×)")


def test_a_system_that_failed_is_reported(files: dict[str, str]) -> None:
    """It has a row of dashes in the table and its reason on the page."""
    assert "| Ray Serve | – | – |" in files[".md"]
    assert "Failed: not installed: &lt;no wheel&gt;" in files[".html"]


def test_the_page_needs_nothing_from_outside(files: dict[str, str]) -> None:
    """No script, no font, no picture, no style sheet from anywhere."""
    page = files[".html"].replace('xmlns="http://www.w3.org/2000/svg"', "")

    outside = ("http", "<script", "<link", "<img", "@import", "url(")
    assert [word for word in outside if word in page] == []


def test_a_goal_that_is_missed_is_marked(files: dict[str, str]) -> None:
    """Three times the peer is not four."""
    assert (
        '<li class="missed">4 documents a request: at least 4 times each peer: <b>3.0 times' in files[".html"]
    )


def test_losses_of_all_systems_are_listed(files: dict[str, str]) -> None:
    """The peer lost seven; the note appears as text and not as HTML."""
    assert "<td>worker-killed</td><td>7</td><td>100</td>" in files[".html"]
    assert "1 &lt; 2" in files[".html"]


def test_the_picture_needs_no_page(files: dict[str, str]) -> None:
    """It is well-formed and brings its own colours for light and dark."""
    picture = ET.fromstring(files[".svg"])

    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert "prefers-color-scheme: dark" in files[".svg"]


def test_the_readme_shows_the_newest_table(files: dict[str, str], tmp_path: Path) -> None:
    """The text between the marks is replaced, the text around it stays."""
    readme = tmp_path / "README.md"
    readme.write_text(f"Before.\n{report.BEGIN}\nold\n{report.END}\nAfter.\n")

    report.publish(tmp_path / "made-up.md", tmp_path / "made-up.svg", tmp_path)

    assert readme.read_text() == f"Before.\n{report.BEGIN}\n{files['.md']}{report.END}\nAfter.\n"
    assert (tmp_path / report.PUBLISHED).read_text() == files[".svg"]


def test_a_run_of_peers_alone_has_a_report(tmp_path: Path) -> None:
    """Without the product there are no ratios, but figures."""
    assert "| Litserve | 105 |" in written(tmp_path, record("litserve", "peer", 105.0))[".md"]
