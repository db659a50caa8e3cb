"""The client's README: every example runs against the real service, and what it says of classes is so."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import scorepool_client
from scorepool_client import PartialFailureError, ScorepoolError
from tests.support.server import running_server
from tests.support.tokens import SECRET

CLIENT = Path(__file__).parents[2] / "client"

README = (CLIENT / "README.md").read_text(encoding="utf-8")

EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def url(demo_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the service, with the secret that the examples read."""
    monkeypatch.setenv("SCOREPOOL_JWT_SECRET", SECRET)
    state = tmp_path / "state"
    with running_server(
        demo_bundle, scripted=False, workers=1, state_dir=state, state_reserve_bytes=0
    ) as server:
        server.await_ready()
        yield server.url


def test_every_example_runs(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, as a reader would type them."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "readme"}
    for example in EXAMPLES:
        exec(compile(example.replace("http://127.0.0.1:8000", url), "README.md", "exec"), names)

    assert len(EXAMPLES) >= 9
    assert len((tmp_path / "scores.jsonl").read_text().splitlines()) == 2
    for name in ("client", "archive"):
        client = names[name]
        assert isinstance(client, scorepool_client.Client)
        client.close()


def test_the_tree_of_exceptions_is_complete() -> None:
    """Each class with its fields."""
    named = set(re.findall(r"^[├└]── (\w+)", README, re.MULTILINE))
    fields = re.search(r"^ScorepoolError +(.*)$", README, re.MULTILINE)

    assert named == {kind.__name__ for kind in ScorepoolError.__subclasses__()}
    assert PartialFailureError.__name__ in named
    assert fields is not None
    error = ScorepoolError(scorepool_client.Problem("code", "title", "detail"))
    assert all(hasattr(error, name) for name in fields[1].split(", "))


def test_every_link_leads_somewhere() -> None:
    """Files that it points to exist."""
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (CLIENT / target).exists(), target


def test_the_examples_service_is_small() -> None:
    """What another team has to write: their service and its tests, without blank lines and texts that explain."""
    service, tests = (
        [
            line
            for line in (CLIENT / "examples" / name).read_text().splitlines()
            if line.strip() and not line.strip().startswith(('"""', "#"))
        ]
        for name in ("duplicates.py", "test_duplicates.py")
    )

    assert len(service) <= 35, len(service)
    assert len(tests) <= 30, len(tests)
