"""A small bundle, and ways to damage it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.bundle.bundle import open_bundle
from scoring.bundle.manifest import UnknownRate
from scoring.bundle.model import Model
from scoring.errors import BundleError

WORDS = ["the", "storm", "harbour", "élan", "непогода", "storms"]
# The files of a bundle beside its manifest.
FILES = [
    "centroids.npy",
    "components.npy",
    "distance_quantiles.npy",
    "ngram_vectors.npy",
    "terms.json",
    "vocabulary.marisa",
    "word_vectors.npy",
    "word_weights.npy",
]


def model(**changes: Any) -> Model:
    """Return a model of six words in four dimensions and three clusters, with everything a model can have."""
    random = np.random.default_rng(1)

    def floats(*shape: int) -> Any:
        return random.normal(size=shape).astype(np.float32)

    whole = Model(
        name="test",
        words=WORDS,
        word_vectors=floats(6, 4),
        word_weights=floats(6),
        unknown_weight=0.25,
        ngram_vectors=floats(50, 4),
        min_n=3,
        max_n=5,
        components=floats(1, 4),
        centroids=floats(3, 4),
        distance_quantiles=np.sort(floats(3, 11), axis=1),
        unknown_rate=UnknownRate(share=0.05, correlation=0.02),
        terms=[["storm", "gale"], [], ["rates"]],
        pooling="sif",
        training={"epochs": 5, "texts": "news"},
        created="2024-01-31T08:15:00Z",
    )
    return replace(whole, **changes)


def refusal(path: Path, *, verify: bool = False) -> str:
    """Return why the bundle at `path` is refused, without its path."""
    with pytest.raises(BundleError) as refused:
        open_bundle(path, verify=verify)
    assert "\n" not in str(refused.value)
    return str(refused.value).replace(f"{path}", "BUNDLE")


def edit_manifest(path: Path, **changes: Any) -> None:
    """Change fields of a bundle's manifest; a value of None removes the field."""
    file = path / "manifest.json"
    fields = json.loads(file.read_bytes()) | changes
    file.write_text(json.dumps({name: value for name, value in fields.items() if value is not None}))


def resize(path: Path, name: str, content: bytes) -> None:
    """Replace a file of a bundle, and its size in the manifest."""
    (path / name).write_bytes(content)
    files = json.loads((path / "manifest.json").read_bytes())["files"]
    files[name]["size"] = len(content)
    edit_manifest(path, files=files)


def save(path: Path, name: str, array: Any, **options: Any) -> None:
    """Replace an array of a bundle by what NumPy writes."""
    np.save(path / name, array, **options)
    resize(path, name, (path / name).read_bytes())
