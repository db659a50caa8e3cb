"""The commands read texts as people have them, and say nothing that their libraries would."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

from tests.support import zstd
from tests.support.cli import scorepool
from tests.support.languages import REPORTS


def test_ids_come_back(tmp_path: Path, demo_bundle: Path) -> None:
    """From a compressed table with columns of other names."""
    path = tmp_path / "news.csv.gz"
    path.write_bytes(
        gzip.compress('key;body\na7;"Storms close; the harbour"\n;Rates rise\n'.encode("utf-16"))
    )

    result = scorepool("score", "--bundle", demo_bundle, path, "--text-column", "body", "--id-column", "key")

    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["id"] for line in lines] == ["a7", "1"]
    assert [line["tokens"] for line in lines] == [4, 2]
    assert lines[0]["neighbours"][0]["id"] == "1"


def test_equal_ids_are_named_by_their_lines(tmp_path: Path, demo_bundle: Path) -> None:
    """Nothing is written."""
    path = tmp_path / "news.ndjson"
    path.write_text('{"id": "a", "text": "storms"}\n{"id": "a", "text": "rates"}\n')

    result = scorepool("score", "--bundle", demo_bundle, path, "--output", tmp_path / "scores")

    assert result.exit_code == 2
    assert result.stderr == f"Error: {path}, line 2: its id is that of line 1, too; ids are distinct\n"
    assert not (tmp_path / "scores").exists()


def test_train_reads_standard_input_and_prints_no_warning(tmp_path: Path) -> None:
    """In a process of its own, as gensim warns there of a corpus that is small."""
    texts = ["storms close the harbour", "rates rise", "harbour shut by gales", "rates fall"] * 5
    content = zstd.compress(
        "".join(json.dumps({"headline": text, "id": []}) + "\n" for text in texts).encode()
    )
    words = ["train", "-", "--text-field", "headline", "--output", str(tmp_path / "bundle")]

    done = subprocess.run(
        [sys.executable, "-m", "service", *words, "--dimensions", "8", "--clusters", "2", "--epochs", "1"],
        input=content,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    assert b"training documents 20" in b" ".join(done.stdout.split())


def test_a_tokenizer_that_loses_most_of_the_texts_is_warned_of(tmp_path: Path) -> None:
    """With what is lost and what finds it, before the training takes its time."""
    corpus = tmp_path / "hindi.txt"
    corpus.write_text("\n".join(REPORTS["hindi"]), encoding="utf-8")
    words: list[str | Path] = ["train", corpus, "--clusters", "1", "--epochs", "1", "--tokenizer"]

    lost = scorepool(*words, "gensim", "--output", tmp_path / "gensim")
    found = scorepool(*words, "letters", "--output", tmp_path / "letters")

    assert lost.exit_code == found.exit_code == 0
    assert lost.stderr.startswith("Warning: the tokenizer gensim finds words with ")
    assert lost.stderr.endswith("; --tokenizer letters finds these\n")
    assert "तूफ़ान" in lost.stderr
    assert found.stderr == ""


def test_a_corpus_of_no_word_is_explained(tmp_path: Path) -> None:
    """The fault is said, and that the tokenizer made it."""
    corpus = tmp_path / "bengali.txt"
    corpus.write_text("বাংলা ভাষা\n", encoding="utf-8")

    result = scorepool("train", corpus, "--tokenizer", "gensim", "--output", tmp_path / "bundle")

    assert result.exit_code == 2
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["Warning", "Error"]
    assert "finds words with 0% of the texts' letters" in result.stderr
