"""A bundle of another model, made of one in no time: its words have other weights."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np

WEIGHTS = "word_weights.npy"


def write_another(bundle: Path, path: Path) -> Path:
    """Write a bundle to `path` that differs from `bundle` in its digest and in nearly every number; return the path."""
    shutil.copytree(bundle, path)
    np.save(path / WEIGHTS, np.load(path / WEIGHTS)[::-1].copy())
    content = (path / WEIGHTS).read_bytes()
    manifest = json.loads((path / "manifest.json").read_bytes())
    manifest["files"][WEIGHTS] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (path / "manifest.json").write_text(json.dumps(manifest))
    return path
