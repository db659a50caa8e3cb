"""What a scorer declares is read from its class or function."""

from pathlib import Path
from typing import Any

import pytest

from service.scorers.declaration import check_model, declare
from service.scorers.reference import DOCUMENTS, ScorerError
from tests.support import scorers

HERE = "tests.support.scorers"


def refusal(name: str, module: str = HERE) -> str:
    """Return why a scorer has the wrong shape."""
    with pytest.raises(ScorerError) as caught:
        declare(f"{module}:{name}")
    return str(caught.value)


def test_types_are_those_of_the_annotations() -> None:
    """Of a list's items, and of a function's argument; exceptions in a result are no answers."""
    lengths, double, reverse = (declare(f"{HERE}:{name}") for name in ("Lengths", "double", "reverse"))

    assert (lengths.request, lengths.response, lengths.plain) == (scorers.Request, dict[str, Any], False)
    assert (double.request, double.response, double.plain) == (float, float, True)
    assert (reverse.request, reverse.accepts, reverse.media_type) == (bytes, ("image/png",), "image/png")


def test_without_annotations_anything_is_taken() -> None:
    """Any JSON value."""
    assert declare(f"{HERE}:Unannotated").request is Any


def test_a_scorer_is_named_after_its_class() -> None:
    """Unless it says more."""
    assert (declare(f"{HERE}:Lengths").name, declare(f"{HERE}:Lengths").version) == ("Lengths", "1.2")
    assert declare(DOCUMENTS).name == "documents"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "class S:\n    media_type = 'image/→'\n    def score(self, requests): ...",
            "media_type: image/→ is none",
        ),
        ("class S:\n    media_type = 'png'\n    def score(self, requests): ...", "media_type: png is none"),
        ("class S:\n    def score(self):\n        pass", "expected score(self, requests)"),
        (
            "class S:\n    def score(self, requests: int): pass",
            "requests must be annotated as list[…], not int",
        ),
        ("class S:\n    def score(self, requests) -> dict: pass", "its result must be annotated as list[…]"),
        ("class S:\n    def score(self, requests: 'list[Gone]'): pass", "name 'Gone' is not defined"),
        ("class S:\n    name = 3\n    def score(self, requests): pass", "name: expected a text, got int"),
        (
            "class S:\n    preload = 'json'\n    def score(self, requests): pass",
            "preload: expected a tuple of texts",
        ),
        ("def S(): pass", "expected score(request)"),
        ("def S(request):\n    yield 1", "no async and no yield"),
    ],
)
def test_a_wrong_shape_is_told_with_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, said: str
) -> None:
    """One sentence, which begins with the place."""
    module = f"wrong_shape_{abs(hash(source))}"
    (tmp_path / f"{module}.py").write_text(source + "\n")
    monkeypatch.syspath_prepend(tmp_path)

    message = refusal("S", module)

    assert message.startswith(f"{tmp_path}/{module}.py:")
    assert said in message


def test_a_model_is_needed_or_not_taken() -> None:
    """Which of both, the constructor says."""
    check_model(declare(f"{HERE}:Weighted"), Path("weight"))
    check_model(declare(f"{HERE}:Lengths"), None)

    with pytest.raises(ScorerError, match="Weighted needs --model PATH"):
        check_model(declare(f"{HERE}:Weighted"), None)
    with pytest.raises(ScorerError, match="Lengths takes no --model"):
        check_model(declare(f"{HERE}:Lengths"), Path("weight"))
    with pytest.raises(ScorerError, match="a function, which takes no --model"):
        check_model(declare(f"{HERE}:double"), Path("weight"))
