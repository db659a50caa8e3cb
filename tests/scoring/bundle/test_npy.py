"""Arrays: float32 in C order of the shape the manifest says, or refused; never unpickled."""

import pickle
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.bundle.bundle import write_bundle
from tests.support.small_bundle import FILES, model, refusal, resize, save


@pytest.mark.parametrize("name", ["centroids.npy", "components.npy", "distance_quantiles.npy"])
def test_numbers_that_are_not_finite_are_refused(name: str, written: Path) -> None:
    """NaN would spread to every score."""
    array = np.load(written / name)
    array[0, 0] = np.nan
    save(written, name, array)

    assert refusal(written) == f"BUNDLE/{name}: holds numbers that are not finite or beyond ±1e+08"


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3, 5), np.float32),
        np.zeros((2, 4), np.float32),
        np.zeros((4, 3), np.float32),
        np.zeros(12, np.float32),
        np.zeros((3, 4)),
        np.zeros((3, 4), np.int32),
        np.zeros((3, 4), ">f4"),
        np.zeros((3, 1), "f4,f4,f4,f4"),
        np.zeros((3, 4), np.float32, order="F"),
    ],
)
def test_an_array_of_another_shape_or_type_is_refused(array: Any, written: Path) -> None:
    """What an array must be follows from the manifest: its shape, float32, rows one after the other."""
    save(written, "centroids.npy", array)

    assert re.fullmatch(
        r"BUNDLE/centroids.npy: (has|is not the) .*array of float32 \(3, 4\).*", refusal(written)
    )


def test_arrays_are_what_numpy_writes_and_reads(written: Path) -> None:
    """A file is a plain .npy file, to the byte."""
    content = (written / "centroids.npy").read_bytes()

    array = np.load(written / "centroids.npy", allow_pickle=False)
    np.save(written / "centroids.npy", array)

    np.testing.assert_array_equal(array, model().centroids)
    assert (written / "centroids.npy").read_bytes() == content


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


@pytest.mark.parametrize("description", ["{" * 300, "{'descr': (", "__import__('os')", "{'shape': (3, 4)}"])
def test_a_crafted_header_is_refused(description: str, written: Path) -> None:
    """A header is compared with the one it must be, and never parsed."""
    content = (written / "centroids.npy").read_bytes()
    crafted = content[:10] + description.encode().ljust(118)[:118] + content[128:]
    resize(written, "centroids.npy", crafted)

    fault = "is not the array of float32 (3, 4) that the manifest says"
    assert refusal(written) == f"BUNDLE/centroids.npy: {fault}"


def test_an_array_with_more_behind_it_is_refused(written: Path) -> None:
    """A file must end where its array ends."""
    resize(written, "centroids.npy", (written / "centroids.npy").read_bytes() + b"more")

    fault = "has 180 bytes, an array of float32 (3, 4) has 176"
    assert refusal(written) == f"BUNDLE/centroids.npy: {fault}"
