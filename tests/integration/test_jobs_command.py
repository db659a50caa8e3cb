"""`scorepool jobs` against the fake: what it prints, what it sends, how it ends."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from scorepool_client.testing import FakeScorepool
from service.api.job import JobOptions
from service.cli.main import main
from tests.support.cli import scorepool


@pytest.fixture
def fake() -> FakeScorepool:
    """Return a service that works."""
    return FakeScorepool()


@pytest.fixture
def url(fake: FakeScorepool, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve it, and give the commands a token for it."""
    monkeypatch.setenv("SCOREPOOL_TOKEN", "a-token")
    with fake.serve() as address:
        yield address


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Return a compressed table."""
    path = tmp_path / "corpus.csv.gz"
    path.write_bytes(gzip.compress(b"key,body\na,storms close\nb,close storms\nc,rates\n"))
    return path


def test_a_corpus_goes_from_a_file_to_a_file(
    fake: FakeScorepool, url: str, corpus: Path, tmp_path: Path
) -> None:
    """Sent as it is, with the options; then watched, listed, fetched, cancelled."""
    columns = ("--text-column", "body", "--id-column", "key")
    submitted = scorepool("jobs", "submit", corpus, *columns, "--neighbours", "1", "--url", url)
    name = submitted.stdout.strip()
    watched = scorepool("jobs", "watch", name, "--url", url)
    listed = scorepool("jobs", "list", "--url", url)
    fetched = scorepool("jobs", "get", name, "--output", tmp_path / "scores.jsonl", "--url", url)
    cancelled = scorepool("jobs", "cancel", name, "--url", url)

    assert [result.exit_code for result in (submitted, watched, listed, fetched, cancelled)] == [0] * 5
    sent = fake.requests[0]
    assert sent.body == corpus.read_bytes()
    assert sent.headers["content-type"] == "text/csv; charset=utf-8"
    assert sent.query == {
        "similarity": "neighbours",
        "neighbours": "1",
        "text_field": "body",
        "id_field": "key",
    }
    assert watched.stdout == f"{name} done: 3 documents\n"
    assert listed.stdout.splitlines()[1].split()[:4] == [name, "done", "3", "100%"]
    lines = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert [(line["id"], line["neighbours"][0]["id"]) for line in lines] == [
        ("a", "b"),
        ("b", "a"),
        ("c", "a"),
    ]
    assert scorepool("jobs", "list", "--json", "--url", url).stdout == ""


def test_what_the_service_does_not_read_is_read_here(fake: FakeScorepool, url: str, tmp_path: Path) -> None:
    """A folder, and standard input, with the ids that they have."""
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / "a.txt").write_text("storms\nclose")
    scorepool("jobs", "submit", tmp_path / "news", "--url", url)
    words = ["jobs", "submit", "-", "--url", url, "--text-field", "body", "--watch"]
    result = CliRunner().invoke(main, words, input='{"id": 7, "body": "rates"}\n')

    assert result.exit_code == 0, result.output
    assert fake.requests[0].documents == [{"id": "a.txt", "text": "storms\nclose"}]
    assert fake.requests[1].documents == [{"id": "7", "text": "rates"}]
    assert "text_field" not in fake.requests[1].query


def test_a_failed_job_is_exit_code_1(fake: FakeScorepool, url: str, corpus: Path) -> None:
    """With its reason."""
    fake.fail_job("a step ended three workers")

    result = scorepool("jobs", "submit", corpus, "--text-column", "body", "--watch", "--url", url)

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the job job1 was failed: a step ended three workers")


def test_every_option_of_the_service_is_one_of_the_command(
    fake: FakeScorepool, url: str, corpus: Path
) -> None:
    """By the same name; columns are told by those of the other commands. The fake compares with no other job."""
    asked = {
        "similarity": "pairs",
        "neighbours": "7",
        "threshold": "0.75",
        "vectors": "true",
        "duplicates": "0.9",
        "linkage": "complete",
        "against": "job0",
        "append": "true",
        "new": "0.5",
    }
    words = [word for name, value in asked.items() for word in (f"--{name}", value) if word != "true"]

    result = scorepool(
        "jobs", "submit", corpus, *words, "--text-column", "body", "--id-column", "key", "--url", url
    )

    assert "the fake compares with no other job" in result.stderr
    assert fake.requests[0].query == {**asked, "text_field": "body", "id_field": "key"}
    assert set(fake.requests[0].query) == set(JobOptions.__struct_fields__)


def test_other_groups_are_fetched(url: str, corpus: Path) -> None:
    """And refused where there are none, before anything is asked of the service."""
    submit = ("jobs", "submit", corpus, "--text-column", "body", "--id-column", "key")
    name = scorepool(*submit, "--duplicates", "0.5", "--url", url).stdout.strip()
    scorepool("jobs", "watch", name, "--url", url)

    groups = scorepool("jobs", "get", name, "--duplicates", "0.9", "--linkage", "complete", "--url", url)
    of_pairs = scorepool("jobs", "get", name, "--part", "pairs", "--duplicates", "0.9", "--url", url)
    of_none = scorepool("jobs", "get", name, "--linkage", "complete", "--url", url)
    below = scorepool("jobs", "get", name, "--duplicates", "0.1", "--url", url)

    found = [json.loads(line)["duplicates"] for line in groups.stdout.splitlines()]
    assert [group and group["representative"] for group in found] == ["a", "a", None]
    assert [result.exit_code for result in (groups, of_pairs, of_none, below)] == [0, 2, 2, 2]
    assert "pairs have no groups" in of_pairs.stderr
    assert "give that, too" in of_none.stderr
    assert "pairs are kept from 0.5 on" in below.stderr


def test_vectors_are_a_file(url: str, corpus: Path, tmp_path: Path) -> None:
    """Of NumPy."""
    name = scorepool(
        "jobs", "submit", corpus, "--text-column", "body", "--vectors", "--url", url
    ).stdout.strip()
    scorepool("jobs", "watch", name, "--url", url)

    result = scorepool("jobs", "get", name, "--part", "vectors", "--output", tmp_path / "v.npy", "--url", url)

    assert result.exit_code == 0, result.output
    assert np.load(tmp_path / "v.npy").shape == (3, 64)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["get", "none"], "not_found"),
        (["watch", "none"], "not_found"),
        (["cancel", "none"], "not_found"),
        (["submit", "nowhere.txt"], "nowhere.txt: No such file or directory"),
        (["submit", "nowhere.docx"], "--format sets another"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(url: str, words: list[str], message: str) -> None:
    """Exit code 2."""
    result = scorepool("jobs", *words, "--url", url)

    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["watch", "get"])
def test_a_service_that_is_not_there_is_not_waited_for(command: str) -> None:
    """A job outlives restarts, so one that was there is; but an address may be wrong."""
    result = scorepool("jobs", command, "any", "--url", "http://127.0.0.1:1")

    assert result.exit_code == 2
    assert "unreachable" in result.stderr


def test_a_result_that_does_not_come_whole_leaves_no_file(
    fake: FakeScorepool, url: str, corpus: Path, tmp_path: Path
) -> None:
    """Of a job that is not done."""
    name = scorepool("jobs", "submit", corpus, "--text-column", "body", "--url", url).stdout.strip()

    result = scorepool("jobs", "get", name, "--output", tmp_path / "scores", "--url", url)

    assert result.exit_code == 2
    assert "not_ready" in result.stderr
    assert list(tmp_path.iterdir()) == [corpus]
