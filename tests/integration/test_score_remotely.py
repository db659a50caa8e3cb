"""`scorepool score --url`: documents to a service and back; against the fake, and once against the real one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from scorepool_client.testing import FakeScorepool
from service.cli.main import main
from tests.support.cli import scorepool
from tests.support.server import running_server
from tests.support.tokens import SECRET


@pytest.fixture
def fake() -> FakeScorepool:
    """Return a service that works."""
    return FakeScorepool()


@pytest.fixture
def url(fake: FakeScorepool, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve it, and give the command a token for it."""
    monkeypatch.setenv("SCOREPOOL_TOKEN", "a-token")
    with fake.serve() as address:
        yield address


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Return 600 documents as JSON lines, every second one with an id."""
    path = tmp_path / "corpus.jsonl"
    lines = [{"text": f"word {i}", **({"id": f"own{i}"} if i % 2 else {}), "other": i} for i in range(600)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_ids_and_order_are_kept(fake: FakeScorepool, url: str, corpus: Path, tmp_path: Path) -> None:
    """From a file to a file, in several requests."""
    output = tmp_path / "scores.jsonl"

    result = scorepool("score", "--url", url, corpus, "--output", output)

    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert [line["id"] for line in lines] == [f"own{i}" if i % 2 else str(i) for i in range(600)]
    assert "cluster" in lines[0]
    assert len(fake.requests) == 3
    assert fake.requests[0].headers["authorization"] == "Bearer a-token"


def test_json_lines_from_standard_input(url: str) -> None:
    """In and out by pipes."""
    lines = '{"id": "a", "text": "storms"}\n\n{"text": "rates"}\n'

    result = CliRunner().invoke(main, ["score", "--url", url, "-"], input=lines)

    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == ["a", "1"]


def test_comparing_takes_one_request(fake: FakeScorepool, url: str, corpus: Path) -> None:
    """All documents of the corpus are compared with each other."""
    corpus.write_text("".join(corpus.read_text().splitlines(keepends=True)[:40]))

    result = scorepool("score", "--url", url, corpus, "--neighbours", "2")

    assert result.exit_code == 0, result.output
    assert all(len(json.loads(line)["neighbours"]) == 2 for line in result.stdout.splitlines())
    assert len(fake.requests) == 1


def test_a_failed_part_is_in_the_output_and_in_the_status(
    fake: FakeScorepool, url: str, corpus: Path, tmp_path: Path
) -> None:
    """What was scored is written; the exit status is 1."""
    fake.fail("internal_error")
    output = tmp_path / "scores.jsonl"

    result = scorepool("score", "--url", url, corpus, "--output", output)

    assert result.exit_code == 1
    assert "250 of 600 documents were not scored" in result.stderr
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert sum("error" in line for line in lines) == 250
    assert len(lines) == 600


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--url", "http://127.0.0.1:9"], "unreachable"),
        (["--url", "127.0.0.1"], "no address like"),
        ([], "or --url to let a service score"),
        (["--url", "http://127.0.0.1:9", "--bundle", "b"], "or --url to let a service score"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(corpus: Path, words: list[str], message: str) -> None:
    """Exit status 2, and no output."""
    result = scorepool("score", corpus, *words, "--timeout", "0.3")

    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_a_line_that_is_no_document_is_named(url: str, tmp_path: Path) -> None:
    """With its file and its number."""
    path = tmp_path / "broken.jsonl"
    path.write_text('{"text": "a"}\n{"id": "b"}\n')

    result = scorepool("score", "--url", url, path)

    assert result.exit_code == 2
    assert "broken.jsonl, line 2" in result.stderr


def test_without_the_client_the_command_says_what_to_install(corpus: Path) -> None:
    """And nothing else of the service needs it."""
    program = (
        "import sys; sys.modules['scorepool_client'] = None\n"
        f"from service.cli.main import main; main(['score', '--url', 'http://127.0.0.1:9', {str(corpus)!r}])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 2
    assert done.stderr.strip().endswith("pip install scorepool-client")
    assert "Traceback" not in done.stderr


def test_a_real_service_with_a_secret(
    demo_bundle: Path, small_corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token is signed with the service's secret; the lines are those of the command without a service."""
    monkeypatch.setenv("SCOREPOOL_JWT_SECRET", SECRET)
    monkeypatch.delenv("SCOREPOOL_TOKEN", raising=False)
    with running_server(demo_bundle, scripted=False, workers=1) as server:
        remote = scorepool("score", "--url", server.url, small_corpus, "--timeout", "60")
    local = scorepool("score", "--bundle", demo_bundle, small_corpus, "--neighbours", "0")

    assert remote.exit_code == 0, remote.output
    assert remote.stdout == local.stdout
    assert os.linesep in remote.stdout
