"""A reference leads to a class or a function, or to a sentence with file, line and cause."""

from pathlib import Path

import pytest

from service.scorers.reference import ScorerError, load_scorer


def refusal(reference: str, folder: Path) -> str:
    """Return why a scorer cannot be loaded."""
    with pytest.raises(ScorerError) as caught:
        load_scorer(reference, str(folder))
    return str(caught.value)


def test_the_folder_is_searched_for_the_module(tmp_path: Path) -> None:
    """Before what is installed."""
    (tmp_path / "scorer_in_a_folder.py").write_text("class Scorer:\n    pass\n")

    assert load_scorer("scorer_in_a_folder:Scorer", str(tmp_path)).__name__ == "Scorer"


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("raising_module", "import json\n\njson.loads('{')\n", "raising_module.py:3: JSONDecodeError: "),
        ("wrong_syntax", "x = 1\nx = = 2\n", "wrong_syntax.py:2: SyntaxError: invalid syntax"),
        ("exiting_module", "import sys\nsys.exit('bye')\n", "exiting_module.py:2: SystemExit: bye"),
        ("needing_module", "import no_such_thing\n", "needing_module.py:1: ModuleNotFoundError: No module"),
        ("two_lines", "raise ValueError('one\\ntwo')\n", "two_lines.py:1: ValueError: one"),
    ],
)
def test_an_import_that_fails_is_told_by_the_users_own_line(
    tmp_path: Path, name: str, source: str, said: str
) -> None:
    """Not by the library's in which it ended, and in one line."""
    (tmp_path / f"{name}.py").write_text(source)

    message = refusal(f"{name}:Scorer", tmp_path)

    assert message.startswith(f"{tmp_path}/{said}")
    assert "\n" not in message


@pytest.mark.parametrize("reference", ["", "name", "a:b:c", "a.b", "a:", ":b", "a/b:c", "a:b.c", "../a:b"])
def test_anything_else_is_no_reference(tmp_path: Path, reference: str) -> None:
    """Nothing is imported for it."""
    assert refusal(reference, tmp_path) == f"{reference!r} is not package.module:Name"


@pytest.mark.parametrize(
    ("module", "hiding"), [("scoring", "scoring/__init__.py"), ("time", "Python itself")]
)
def test_a_module_that_the_service_s_own_hides_is_told(tmp_path: Path, module: str, hiding: str) -> None:
    """Instead of looking for the scorer in the wrong one."""
    (tmp_path / f"{module}.py").write_text("def do_score(request):\n    return request\n")

    message = refusal(f"{module}:do_score", tmp_path)

    assert message.startswith(f"{tmp_path / module}.py: {module} is also a module that the service needs, ")
    assert hiding in message
