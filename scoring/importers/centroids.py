"""Centroids of an existing K-Means: `.npy`, scikit-learn's estimators as pickle or joblib, and skops files."""

import json
import warnings
import zipfile
from pathlib import Path
from typing import IO, Any

import joblib
import numpy as np
from numpy.typing import NDArray

from scoring.bundle.npy import MAX_MAGNITUDE
from scoring.errors import ModelError
from scoring.importers.model_file import require_file

_NPY = b"\x93NUMPY"
_ZIP = b"PK\x03\x04"
# The first bytes of what pickle and joblib write: a pickle, or one compressed by zlib, gzip, bzip2, xz, lzma or lz4.
_PICKLES = (b"\x80", b"\x78", b"\x1f\x8b", b"BZ", b"\xfd7zXZ", b"\x5d\x00", b"\x04\x22\x4d\x18")
_HINT = "numpy.save('centroids.npy', kmeans.cluster_centers_) writes a file that needs no trust"
# Has `cluster_centers_`, and predicts another one than the nearest for some documents.
_BY_TREE = "BisectingKMeans"
_ASSIGNS_BY_TREE = f"holds a {_BY_TREE}, which assigns documents by a tree and not to the nearest center"
# The description in a skops file; no real one is larger.
_MAX_SCHEMA_BYTES = 64 << 20


def import_centroids(
    path: Path, dimensions: int | None = None, *, trust_pickle: bool = False
) -> NDArray[np.float32]:
    """Read the centroids (k, d) of an existing K-Means; `dimensions`: d, where it is known already.

    A `.npy` file holds them as `numpy.save` writes `cluster_centers_`; a skops file is read without the library and
    without running anything. A pickle, which joblib writes too, can run any code of its author when it is loaded,
    so it is loaded only with `trust_pickle`.

    Raises: ModelError in one sentence that names the file and the fault.
    """
    try:
        require_file(path)
        with path.open("rb") as file:
            start = file.read(8)
        return _checked(_read(path, start, trust_pickle=trust_pickle), dimensions)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def require_dimensions(path: Path, centroids: NDArray[np.float32], dimensions: int) -> None:
    """Refuse centroids (k, d) of a file that are of another space than the model's. Raises: ModelError."""
    if centroids.shape[1] != dimensions:
        raise ModelError(f"{path}: holds an array {centroids.shape}, due are (clusters, {dimensions})")


def _read(path: Path, start: bytes, *, trust_pickle: bool) -> NDArray[Any]:
    if start.startswith(_ZIP):
        return _read_skops(path)
    if start.startswith(_PICKLES):
        if not trust_pickle:
            raise ModelError(
                f"is a pickle, which runs code on loading; --trust-pickle says you know its author, or {_HINT}"
            )
        return _read_pickle(path)
    try:
        # Mapped, not read: a damaged header could make a reader allocate any amount of memory.
        return np.lib.format.open_memmap(path, mode="r")
    except (ValueError, EOFError) as error:
        raise ModelError(
            f"is no .npy file with an array of numbers, and no pickled K-Means; {_HINT}"
        ) from error


def _read_pickle(path: Path) -> NDArray[Any]:
    """Load an estimator or an array from what pickle or joblib wrote."""
    try:
        # A warning that another version of scikit-learn wrote it does not matter: only an array is taken.
        with warnings.catch_warnings(action="ignore"):
            loaded = joblib.load(path)
    except Exception as error:  # a pickle can raise anything
        raise ModelError(f"cannot be loaded: {' '.join(str(error).split())}; {_HINT}") from error
    steps = getattr(loaded, "steps", None)
    if steps and len(steps) > 1:
        first = type(steps[0][1]).__name__
        raise ModelError(f"holds a pipeline, whose {first} changes the vectors before they are clustered")
    estimator = steps[0][1] if steps else loaded
    centroids = getattr(estimator, "cluster_centers_", estimator)
    if type(estimator).__name__ == _BY_TREE:
        raise ModelError(_ASSIGNS_BY_TREE)
    if not isinstance(centroids, np.ndarray):
        raise ModelError(
            f"holds a {type(loaded).__name__} without cluster_centers_; a fitted K-Means alone is due"
        )
    return centroids


def _read_skops(path: Path) -> NDArray[Any]:
    """Read `cluster_centers_` of the estimator in a skops file: a zip of a JSON description and `.npy` files."""
    try:
        with zipfile.ZipFile(path) as archive:
            if "schema.json" not in archive.namelist():
                raise ModelError(f"is a zip archive and no skops file; {_HINT}")
            if archive.getinfo("schema.json").file_size > _MAX_SCHEMA_BYTES:
                raise ModelError("is damaged: its description is too large")
            schema = json.loads(archive.read("schema.json"))
            attributes = schema["content"]["content"]
            if schema["__class__"] == _BY_TREE:
                raise ModelError(_ASSIGNS_BY_TREE)
            if "cluster_centers_" not in attributes:
                raise ModelError(
                    f"holds a {schema['__class__']} without cluster_centers_; a fitted K-Means alone is due"
                )
            with archive.open(attributes["cluster_centers_"]["file"]) as member:
                return _read_npy(member)
    except (
        zipfile.BadZipFile,
        ValueError,
        LookupError,
        TypeError,
        RecursionError,
        EOFError,
        MemoryError,
    ) as error:
        raise ModelError(f"is a damaged skops file, or one of another kind; {_HINT}") from error


def _read_npy(file: IO[bytes]) -> NDArray[Any]:
    array: NDArray[Any] = np.load(file, allow_pickle=False)
    return array


def _checked(centroids: NDArray[Any], dimensions: int | None) -> NDArray[np.float32]:
    if centroids.ndim != 2 or not centroids.size or dimensions not in {None, centroids.shape[1]}:
        due = "dimensions" if dimensions is None else dimensions
        raise ModelError(f"holds an array {centroids.shape}, due are (clusters, {due})")
    if centroids.dtype.kind != "f":
        raise ModelError(f"holds {centroids.dtype}, due are floating-point numbers")
    with np.errstate(over="ignore"):
        finite = np.ascontiguousarray(centroids, dtype=np.float32)
    if not (np.abs(finite) <= MAX_MAGNITUDE).all():
        raise ModelError(f"holds numbers that are not finite or beyond ±{MAX_MAGNITUDE:.0e}")
    return finite
