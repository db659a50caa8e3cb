"""Reading an existing K-Means: arrays, pickles that are trusted, skops files; what is refused."""

import json
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from scoring.errors import ModelError
from scoring.importers.centroids import import_centroids, require_dimensions

SKOPS = Path(__file__).with_name("models") / "kmeans.skops"
POINTS = np.random.default_rng(0).normal(size=(40, 2))


def test_centroids_of_an_existing_kmeans_are_read(tmp_path: Path) -> None:
    """Double precision becomes single."""
    np.save(tmp_path / "centroids.npy", np.arange(6, dtype=np.float64).reshape(3, 2))

    centroids = import_centroids(tmp_path / "centroids.npy", 2)

    assert centroids.dtype == np.float32
    assert centroids.tolist() == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize(
    ("array", "fault"),
    [
        (np.zeros(4), r"holds an array \(4,\), due are \(clusters, 2\)"),
        (np.zeros((3, 5)), r"holds an array \(3, 5\)"),
        (np.zeros((0, 2)), r"holds an array \(0, 2\)"),
        (np.zeros((3, 2), dtype=int), "holds int64, due are floating-point numbers"),
        (np.array([[1.0, np.nan]]), "not finite"),
        (np.array([[1.0, 1e300]]), "not finite"),
        (np.array([[object(), 1]]), r"is no \.npy file with an array of numbers"),
    ],
)
def test_unusable_centroids_are_refused(tmp_path: Path, array: NDArray[Any], fault: str) -> None:
    """Shape, type and finiteness are checked; objects are never unpickled."""
    np.save(tmp_path / "centroids.npy", array, allow_pickle=True)

    with pytest.raises(ModelError, match=fault):
        import_centroids(tmp_path / "centroids.npy", 2)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x93NUMPY\x01\x00\xff\xff{"])
def test_a_file_that_is_no_array_is_refused(tmp_path: Path, content: bytes) -> None:
    """Every error names the file."""
    path = tmp_path / "centroids.npy"
    path.write_bytes(content)

    with pytest.raises(ModelError, match=f"{path}: "):
        import_centroids(path, 2)


def test_an_array_larger_than_its_file_is_not_allocated(tmp_path: Path) -> None:
    """A header that claims a terabyte is a damaged file."""
    path = tmp_path / "centroids.npy"
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**11, 2)}
        np.lib.format.write_array_header_1_0(file, header)

    with pytest.raises(ModelError, match=f"{path}: "):
        import_centroids(path, 2)


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3)])
@pytest.mark.parametrize("kind", [KMeans, MiniBatchKMeans])
def test_a_trusted_estimator_gives_its_centers(tmp_path: Path, kind: type[KMeans], compress: object) -> None:
    """As joblib writes it, compressed or not."""
    estimator = kind(3, random_state=0, n_init=1).fit(POINTS)
    path = tmp_path / "kmeans.joblib"
    joblib.dump(estimator, path, compress=compress)

    centroids = import_centroids(path, 2, trust_pickle=True)

    np.testing.assert_array_equal(centroids, estimator.cluster_centers_.astype(np.float32))
    with pytest.raises(ModelError, match=r"is a pickle.*--trust-pickle.*numpy\.save.*cluster_centers_"):
        import_centroids(path, 2)


def test_a_trusted_pickle_may_be_of_an_array_or_one_step(tmp_path: Path) -> None:
    """The centers themselves, and a pipeline of nothing but the K-Means."""
    estimator = KMeans(3, random_state=0, n_init=1).fit(POINTS)
    contents = [estimator, estimator.cluster_centers_, make_pipeline(estimator)]

    for content in contents:
        path = tmp_path / "kmeans.pickle"
        path.write_bytes(pickle.dumps(content))
        assert import_centroids(path, 2, trust_pickle=True).shape == (3, 2)


def test_centers_that_are_not_chosen_by_distance_are_refused(tmp_path: Path) -> None:
    """A quarter of the documents would be in other clusters than there."""
    path = tmp_path / "kmeans.joblib"
    joblib.dump(BisectingKMeans(3, random_state=0).fit(POINTS), path)

    with pytest.raises(ModelError, match="holds a BisectingKMeans, which assigns documents by a tree"):
        import_centroids(path, 2, trust_pickle=True)


def test_the_dimensions_can_be_compared_later(tmp_path: Path) -> None:
    """When the model has been read, which takes longer."""
    path = tmp_path / "centroids.npy"
    np.save(path, np.ones((3, 5)))

    centroids = import_centroids(path)

    require_dimensions(path, centroids, 5)
    with pytest.raises(ModelError, match=r"holds an array \(3, 5\), due are \(clusters, 2\)"):
        require_dimensions(path, centroids, 2)
    np.save(path, np.ones(3))
    with pytest.raises(ModelError, match=r"due are \(clusters, dimensions\)"):
        import_centroids(path)


def test_what_another_version_wrote_is_loaded_quietly(tmp_path: Path) -> None:
    """scikit-learn warns about other versions; the centers are numbers all the same."""
    content = pickle.dumps(KMeans(3, random_state=0, n_init=1).fit(POINTS))
    path = tmp_path / "kmeans.pickle"
    version = content.index(b"_sklearn_version") + len(b"_sklearn_version") + 4
    path.write_bytes(content[:version] + b"0" + content[version + 1 :])

    with warnings.catch_warnings(record=True) as caught:
        centroids = import_centroids(path, 2, trust_pickle=True)

    assert centroids.shape == (3, 2)
    assert not caught


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (KMeans(3), "holds a KMeans without cluster_centers_"),
        ({"not": "a K-Means"}, "holds a dict without cluster_centers_"),
        (
            make_pipeline(Normalizer(), KMeans(3, random_state=0, n_init=1)).fit(POINTS),
            "holds a pipeline, whose Normalizer changes the vectors",
        ),
    ],
)
def test_a_pickle_without_centers_is_refused(tmp_path: Path, content: object, fault: str) -> None:
    """Not fitted, something else, or centers in another space than that of the document vectors."""
    path = tmp_path / "kmeans.pickle"
    path.write_bytes(pickle.dumps(content))

    with pytest.raises(ModelError, match=fault):
        import_centroids(path, 2, trust_pickle=True)


def test_a_pickle_is_not_loaded_without_trust(tmp_path: Path) -> None:
    """Loading a pickle runs its author's code: here it would write a file."""

    class Payload:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return Path.touch, (tmp_path / "ran",)

    path = tmp_path / "kmeans.npy"
    path.write_bytes(pickle.dumps(Payload()))

    with pytest.raises(ModelError):
        import_centroids(path, 2)

    assert not (tmp_path / "ran").exists()


def test_a_damaged_pickle_is_refused(tmp_path: Path) -> None:
    """In one sentence, with what to do instead."""
    path = tmp_path / "kmeans.joblib"
    path.write_bytes(b"\x80\x04garbage")

    with pytest.raises(ModelError, match=f"{path}: cannot be loaded: .*numpy.save"):
        import_centroids(path, 2, trust_pickle=True)


def test_a_skops_file_is_read_without_trust() -> None:
    """It is read as data: the file is one that skops wrote, with the centers that it printed."""
    centroids = import_centroids(SKOPS, 2)

    expected = [[0.7154791, 1.1246532], [-0.85273415, -0.0744254], [0.7819122, -0.63517654]]
    np.testing.assert_allclose(centroids, expected, rtol=1e-6)


def rewrite_skops(path: Path, change: str) -> None:
    """Write the skops file with a change."""
    with zipfile.ZipFile(SKOPS) as original, zipfile.ZipFile(path, "w") as changed:
        for name in original.namelist():
            content = original.read(name)
            if name == "schema.json":
                schema = json.loads(content)
                if change == "not fitted":
                    del schema["content"]["content"]["cluster_centers_"]
                if change == "no file":
                    schema["content"]["content"]["cluster_centers_"]["file"] = "../../etc/passwd"
                content = b"{" if change == "no json" else json.dumps(schema).encode()
            elif change == "objects":
                continue
            if not (change == "no schema" and name == "schema.json"):
                changed.writestr(name, content)
        if change == "objects":
            for name in original.namelist()[:-1]:
                changed.writestr(name, b"\x93NUMPY\x01\x00\xff\xff{")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("not fitted", "holds a KMeans without cluster_centers_"),
        ("no file", "is a damaged skops file"),
        ("no json", "is a damaged skops file"),
        ("objects", "is a damaged skops file"),
        ("no schema", "is a zip archive and no skops file"),
    ],
)
def test_a_skops_file_without_centers_is_refused(tmp_path: Path, change: str, fault: str) -> None:
    """Whatever is missing in it."""
    rewrite_skops(tmp_path / "kmeans.skops", change)

    with pytest.raises(ModelError, match=fault):
        import_centroids(tmp_path / "kmeans.skops", 2)


def test_a_truncated_skops_file_is_refused(tmp_path: Path) -> None:
    """A zip file ends with its directory."""
    (tmp_path / "kmeans.skops").write_bytes(SKOPS.read_bytes()[:5_000])

    with pytest.raises(ModelError, match="is a damaged skops file"):
        import_centroids(tmp_path / "kmeans.skops", 2)
