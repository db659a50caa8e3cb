"""The documentation's links lead somewhere."""

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """Files that a page points to exist."""
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_guide_lists_every_page() -> None:
    """The operator's guide has a line for each of its pages."""
    guide = (ROOT / "docs/operations.md").read_text(encoding="utf-8")

    pages = {f"operations/{page.name}" for page in (ROOT / "docs/operations").glob("*.md")}
    assert set(re.findall(r"^\| \[[^\]]+\]\(([^)]+)\)", guide, re.MULTILINE)) == pages


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_compute_what_they_show(page: Path) -> None:
    """Arithmetic in a page is run, as Python's own documentation has it."""
    assert doctest.testfile(str(page), module_relative=False).failed == 0
