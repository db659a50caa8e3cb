"""Arrays: float32 in C order of the shape the manifest says, or refused; never unpickled."""

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.bundle import write_bundle
from tests.scoring.bundles import FILES, model, refusal, resize, save


@pytest.mark.parametrize("name", ["centroids.npy", "components.npy", "distance_quantiles.npy"])
def test_numbers_that_are_not_finite_are_refused(name: str, written: Path) -> None:
    """NaN would spread to every answer."""
    array = np.load(written / name)
    array[0, 0] = np.nan
    save(written, name, array)

    assert refusal(written) == f"BUNDLE/{name}: holds numbers that are not finite or beyond ±1e+08"


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (np.zeros((3, 5), np.float32), "float32 (3, 5)"),
        (np.zeros((2, 4), np.float32), "float32 (2, 4)"),
        (np.zeros(12, np.float32), "float32 (12,)"),
        (np.zeros((3, 4)), "float64 (3, 4)"),
        (np.zeros((3, 4), ">f4"), ">f4 (3, 4)"),
        (np.zeros((3, 4), "f4,f4"), "[('f0', '<f4'), ('f1', '<f4')] (3, 4)"),
    ],
)
def test_an_array_of_another_shape_or_type_is_refused(array: Any, found: str, written: Path) -> None:
    """What an array must be follows from the manifest."""
    save(written, "centroids.npy", array)

    assert refusal(written) == f"BUNDLE/centroids.npy: holds {found}, the manifest says float32 (3, 4)"


def test_an_array_in_fortran_order_is_refused(written: Path) -> None:
    """Rows must be contiguous."""
    save(written, "centroids.npy", np.asfortranarray(model().centroids))

    assert "centroids.npy: holds" in refusal(written)


class Payload:
    """Something that would run code when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        """Make a pickle that raises when it is loaded."""
        return (sys.exit, ("unpickled",))


@pytest.mark.parametrize("name", FILES)
def test_pickles_are_never_loaded(name: str, written: Path) -> None:
    """Neither a bare pickle nor an array of objects runs anything."""
    resize(written, name, pickle.dumps(Payload()))
    assert name in refusal(written)

    save(written, "centroids.npy", np.array([Payload()] * 12).reshape(3, 4), allow_pickle=True)
    assert refusal(written)


@settings(max_examples=15)
@given(content=st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Garbage in place of an array, the terms or the manifest is a BundleError and nothing else."""
    path = tmp_path_factory.mktemp("garbage") / "bundle"
    write_bundle(path, model())

    for name in ["terms.json", "centroids.npy"]:
        resize(path, name, content)
        assert name in refusal(path)
    (path / "manifest.json").write_bytes(content)
    assert "manifest.json" in refusal(path)


@pytest.mark.parametrize(
    "header", [b"{" * 60_000, b"{'descr': '<f4', 'shape': (1,)" + b" " * 2_000, b"\xff" * 80]
)
def test_a_crafted_header_is_refused(header: bytes, written: Path) -> None:
    """A header is parsed only as far as one of ours can go."""
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    resize(written, "centroids.npy", content)

    assert refusal(written) == "BUNDLE/centroids.npy: is no .npy file"


def test_an_array_with_more_behind_it_is_refused(written: Path) -> None:
    """A file must end where its array ends."""
    resize(written, "centroids.npy", (written / "centroids.npy").read_bytes() + b"more")

    assert refusal(written) == "BUNDLE/centroids.npy: has 180 bytes, its array needs 176"
