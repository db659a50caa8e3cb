"""Bad input to a command gives one sentence that names the fault, exit code 2, and leaves no files."""

import errno
import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from gensim.models import KeyedVectors
from gensim.test.utils import datapath

from scoring.bundle.bundle import open_bundle
from tests.support.cli import CORPUS, scorepool

# No file may grow beyond 2,000 bytes: the next write fails as it does on a full disk.
SMALL_DISK = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
from service.cli.main import main
main()
"""


def test_a_short_secret_signs_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret under 32 bytes is refused and not printed."""
    monkeypatch.setenv("SCOREPOOL_JWT_SECRET", "hunter2")

    result = scorepool("token", "--subject", "ann")

    assert_refused(result, "7 bytes, at least 32")
    assert "hunter2" not in result.output


def test_every_fault_of_the_settings_is_reported_at_once(tmp_path: Path) -> None:
    """`serve` does not start; one run names every setting to correct."""
    result = scorepool("serve", "--bundle", tmp_path / "none", "--port", "x", "--jwt-secret", "short")

    assert result.exit_code == 2
    for fault in ("bundle", "port", "jwt_secret"):
        assert fault in result.stderr


@pytest.mark.parametrize("number", ["nan", "inf"])
def test_what_is_no_finite_number_is_refused(number: str, demo_bundle: Path) -> None:
    """Before the half minute of measuring: neither could be computed with."""
    options = ("--documents", "300", "--rate", "50", "--target-p99-ms", number)
    result = scorepool("capacity", "--bundle", demo_bundle, *options)

    assert result.exit_code == 2
    assert "is not a finite number" in result.stderr


def test_a_file_in_a_folder_that_may_not_be_read_is_a_fault_of_its_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a key of Let's Encrypt is for any user but root; the other faults are reported with it."""

    def refuse(path: Path) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "is_file", refuse)
    result = scorepool("serve", "--bundle", tmp_path / "none", "--tls-key-file", tmp_path / "key.pem")

    assert result.exit_code == 2
    for fault in ("bundle: there is no folder", "tls_key_file: Permission denied", "jwt_secret"):
        assert fault in result.stderr


def assert_refused(result: Result, *fragments: str | Path) -> None:
    """Require exit code 2 and one sentence on standard error that holds every fragment."""
    assert result.exit_code == 2, result.output
    message = result.stderr.strip()
    assert "Traceback" not in message
    assert len(message.splitlines()) == 1, message
    for fragment in fragments:
        assert str(fragment) in message, message


def nothing_left(folder: Path, kept: Sequence[str]) -> bool:
    """Return whether `folder` holds only the files `kept`, hidden ones included."""
    return sorted(path.name for path in folder.iterdir()) == sorted(kept)


@pytest.mark.parametrize("command", ["train", "score"])
def test_a_missing_corpus_is_named(tmp_path: Path, demo_bundle: Path, command: str) -> None:
    """The sentence names the file that does not exist, and nothing is written."""
    words = {
        "train": ("train", tmp_path / "no.txt", "--output", tmp_path / "bundle"),
        "score": ("score", "--bundle", demo_bundle, tmp_path / "no.txt", "--output", tmp_path / "out"),
    }

    result = scorepool(*words[command])

    assert_refused(result, tmp_path / "no.txt", "does not exist")
    assert nothing_left(tmp_path, [])


@pytest.mark.parametrize("content", ["", "1 2 3\n\n42\n"])
def test_a_corpus_without_words_is_refused(tmp_path: Path, content: str) -> None:
    """Nothing is written for a corpus that is empty or has only digits."""
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(content)

    result = scorepool("train", corpus, "--output", tmp_path / "bundle")

    assert_refused(result)
    assert nothing_left(tmp_path, ["corpus.txt"])


def test_a_byte_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """The sentence names the file, the line, and the option that sets another encoding."""
    result = scorepool("train", datapath("lee.cor"), "--output", tmp_path / "bundle")

    assert_refused(result, "lee.cor", "line", "--encoding")


def test_an_existing_bundle_is_not_replaced(small_corpus: Path, demo_bundle: Path) -> None:
    """Training is refused before it begins, not after hours; the bundle is unchanged."""
    before = open_bundle(demo_bundle).digest

    result = scorepool("train", small_corpus, "--output", demo_bundle)

    assert_refused(result, demo_bundle, "--force")
    assert "train" not in result.stderr
    assert open_bundle(demo_bundle, verify=True).digest == before


def supervised_model(path: Path) -> None:
    """Write the head of a supervised fastText file: magic, version, and the arguments with model 3."""
    arguments = struct.pack("<12id", 10, 5, 5, 1, 5, 1, 1, 3, 0, 0, 0, 100, 1e-4)
    path.write_bytes(struct.pack("<2i", 793712314, 12) + arguments + bytes(4096))


def truncated_model(path: Path) -> None:
    """Write the first half of a valid model."""
    whole = Path(datapath("lee_fasttext_new.bin")).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (supervised_model, "supervised"),
        (truncated_model, ""),
        (lambda path: path.write_bytes(os.urandom(512)), ""),
        (lambda path: path.write_bytes(b""), ""),
        (lambda _: None, ""),
    ],
    ids=["supervised", "truncated", "garbage", "empty", "missing"],
)
def test_a_model_that_cannot_be_imported_is_named(tmp_path: Path, make: object, fault: str) -> None:
    """Each kind of bad `.bin` gives one sentence with its path, and nothing is written."""
    model = tmp_path / "model.bin"
    assert callable(make)
    make(model)
    centroids = tmp_path / "centroids.npy"
    np.save(centroids, np.zeros((2, 10), np.float32))
    before = [path.name for path in tmp_path.iterdir()]

    result = scorepool(
        "import", "--fasttext", model, "--output", tmp_path / "bundle", "--centroids", centroids
    )

    assert_refused(result, model, fault)
    assert nothing_left(tmp_path, before)


def test_a_pickled_model_needs_the_option_trust_pickle(tmp_path: Path) -> None:
    """A model saved by gensim may run code when it is loaded, so it is refused without the option."""
    model = tmp_path / "model"
    vectors = KeyedVectors(4)
    vectors.add_vectors(["harbour", "storm"], np.ones((2, 4), np.float32))
    vectors.save(str(model))
    words = (
        "import",
        "--fasttext",
        model,
        "--output",
        tmp_path / "bundle",
        "--clusters",
        "1",
        "--corpus",
        CORPUS,
    )

    refused = scorepool(*words)
    trusted = scorepool(*words, "--trust-pickle")

    assert_refused(refused, "--trust-pickle")
    assert trusted.exit_code == 0, trusted.output


def truncate(bundle: Path) -> str:
    """Cut the last byte off the word vectors."""
    name = "word_vectors.npy"
    os.truncate(bundle / name, (bundle / name).stat().st_size - 1)
    return name


def tamper(bundle: Path) -> str:
    """Change one byte of the centroids without changing their size."""
    name = "centroids.npy"
    content = bytearray((bundle / name).read_bytes())
    content[-1] ^= 1
    (bundle / name).write_bytes(content)
    return name


def set_newer_format(bundle: Path) -> str:
    """Set a newer format in the manifest."""
    path = bundle / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    return "newer"


@pytest.mark.parametrize("damage", [truncate, tamper, set_newer_format])
def test_a_damaged_bundle_is_refused(tmp_path: Path, demo_bundle: Path, damage: object) -> None:
    """The sentence names the file or the fault of a bundle that is truncated, changed or of a newer format."""
    bundle = tmp_path / "bundle"
    shutil.copytree(demo_bundle, bundle)
    assert callable(damage)
    named = damage(bundle)

    result = scorepool("inspect", bundle, "--verify")

    assert_refused(result, bundle, named)


def test_a_full_disk_leaves_no_files(tmp_path: Path, small_corpus: Path, demo_bundle: Path) -> None:
    """`train` and `score` report the failed write and remove what they had written."""
    before = [path.name for path in tmp_path.iterdir()]
    for words in (
        ["train", small_corpus, "--output", tmp_path / "bundle", "--epochs", "1", "--pooling", "mean"],
        ["score", "--bundle", demo_bundle, small_corpus, "--output", tmp_path / "scores.jsonl"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", SMALL_DISK, *map(str, words)], capture_output=True, text=True, check=False
        )

        assert done.returncode == 2, done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert nothing_left(tmp_path, before)


def test_a_command_that_is_terminated_leaves_no_files(tmp_path: Path, demo_bundle: Path) -> None:
    """As when its container is stopped; a shell reports 143 for it."""
    words = ["score", "--bundle", demo_bundle, "-", "--format", "txt", "--output", tmp_path / "scores"]
    with subprocess.Popen(
        [sys.executable, "-m", "service", *map(str, words)], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        # More than a pipe holds: when all is written, the command reads, and its draft is there.
        process.stdin.write(b"storms\n" * 200_000)
        process.stdin.flush()
        drafts = [*tmp_path.iterdir()]
        process.terminate()
        process.wait()
        said = process.stderr.read()

    assert len(drafts) == 1
    assert process.returncode == 143
    assert nothing_left(tmp_path, [])
    assert said == b""
