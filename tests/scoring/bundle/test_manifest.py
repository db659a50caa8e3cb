"""The manifest: types, ranges and file names are checked before anything else is used."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.small_bundle import edit_manifest, refusal


@pytest.mark.parametrize(
    ("version", "fault"),
    [
        (3, "made by a newer scorepool; it has format 3, this one reads format 2"),
        (
            1,
            "made by an older scorepool; it has format 1, this one reads format 2: train or import the model",
        ),
    ],
)
def test_another_format_is_refused_as_such(written: Path, version: int, fault: str) -> None:
    """The error names the format, not the other fields that are new or missing."""
    edit_manifest(written, format=version, words="many", news=True)

    assert refusal(written).startswith(f"BUNDLE/manifest.json: {fault}")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"format": None}, "missing required field `format`"),
        ({"tokenizer": "words"}, "Invalid enum value 'words'"),
        ({"segmenter": "spaces"}, "Invalid enum value 'spaces'"),
        ({"tokenizer": "gensim", "segmenter": "icu"}, "has the segmenter icu with the tokenizer gensim"),
        ({"words": None}, "missing required field `words`"),
        ({"words": 0}, "`int` >= 1"),
        ({"words": 10**15}, "`int` <= 1099511627775 - at `$.words`"),
        ({"dimensions": "4"}, "got `str` - at `$.dimensions`"),
        ({"dimensions": -4}, "`int` >= 1"),
        ({"pooling": "max"}, "Invalid enum value 'max'"),
        ({"unknown_weight": -1}, "`float` >= 0"),
        ({"quantiles": 0}, "lists the unknown file 'distance_quantiles.npy'"),
        ({"files": {}}, "does not list centroids.npy"),
    ],
)
def test_a_manifest_with_a_wrong_field_is_refused(changes: dict[str, Any], fault: str, written: Path) -> None:
    """The sentence names the field or the file."""
    edit_manifest(written, **changes)

    assert fault in refusal(written)


def test_a_bundle_whose_segmenter_is_not_installed_is_refused(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its words could not be found; the sentence says what to install."""
    monkeypatch.setitem(sys.modules, "icu4py", None)
    edit_manifest(written, segmenter="icu")

    fault = "its texts were segmented by icu4py, which is not installed here: pip install icu4py"
    assert refusal(written) == f"BUNDLE/manifest.json: {fault}"


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"format": NaN}'])
def test_a_manifest_that_is_none_is_refused(raw: bytes, written: Path) -> None:
    """Bad JSON of any kind is a fault of the manifest."""
    (written / "manifest.json").write_bytes(raw)

    assert refusal(written).startswith("BUNDLE/manifest.json: is no manifest: ")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "word_vectors.npy/../../secret", "a\x00b"])
def test_file_names_lead_nowhere_else(name: str, written: Path) -> None:
    """A name that the format does not know never becomes a path."""
    files = json.loads((written / "manifest.json").read_bytes())["files"]
    files[name] = files["centroids.npy"]
    edit_manifest(written, files=files)

    assert refusal(written) == f"BUNDLE/manifest.json: lists the unknown file {name!r}"


def test_an_absurdly_large_manifest_is_not_read(written: Path) -> None:
    """A manifest of gigabytes, here a sparse file, is refused by its size."""
    os.truncate(written / "manifest.json", 5 << 30)

    assert "at most 67108864 are read" in refusal(written)
