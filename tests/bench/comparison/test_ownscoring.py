"""How lines of code are counted, and that every system of the comparison runs the same scoring."""

from bench.comparison.ownscoring import SUBJECTS, code_lines
from bench.harness.paths import ROOT

SOURCE = '''\
"""A docstring
of two lines."""

import os  # with a comment


# A comment.
def do_score(a):
    """Not counted."""
    return a


class Scorer:
    """Not counted."""

    text = """two
lines"""

    def score(
        self,
    ): return do_score(os.name)
'''


def test_docstrings_comments_blank_lines_and_the_scoring_are_not_counted() -> None:
    """The import, the class's line, the text's two, and the method's three."""
    assert code_lines(SOURCE) == 7


def test_every_system_runs_the_same_scoring() -> None:
    """All but the file that defines it import it, and count what they wrote beside it."""
    for subject in SUBJECTS:
        source = (ROOT / subject.source).read_text()

        assert "from examples.news import do_score" in source or "def do_score" in source, subject.source
        assert 10 < code_lines(source) < 40, subject.source
