"""The open files of a bundle: what becomes of the folder does not touch them, and damage to them is found."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from scoring.bundle.bundle import load_bundle, open_bundle, open_verified
from scoring.bundle.files import BundleFiles, opened_files
from scoring.errors import BundleError
from tests.support.small_bundle import FILES


@pytest.fixture
def files(written: Path) -> Iterator[BundleFiles]:
    """Hold the files of a whole bundle open."""
    with opened_files(written) as files:
        yield files


def test_a_bundle_is_loaded_from_files_whose_folder_is_gone(files: BundleFiles, written: Path) -> None:
    """It is the same bundle, with the vocabulary, and it outlives the closing of the files too."""
    before = open_bundle(written)

    shutil.rmtree(written)
    bundle = load_bundle(files)
    files.close()

    assert bundle.digest == before.digest
    assert dict(bundle.vocabulary.items()) == dict(before.vocabulary.items())
    np.testing.assert_array_equal(bundle.word_vectors, before.word_vectors)
    assert bundle.terms == before.terms


def test_a_bundle_is_loaded_from_duplicates_of_the_descriptors(files: BundleFiles) -> None:
    """As in another process, which is given the manifest and the descriptors."""
    duplicates = {name: os.dup(descriptor) for name, descriptor in files.descriptors.items()}

    passed = BundleFiles(files.path, files.raw, duplicates)
    bundle = load_bundle(passed)
    passed.close()

    assert bundle.digest == files.digest
    assert files.check() is None


def test_a_manifest_that_is_overwritten_changes_nothing(files: BundleFiles, written: Path) -> None:
    """It was read when the files were opened."""
    digest = files.digest

    (written / "manifest.json").write_bytes(b"{}")

    assert load_bundle(files).digest == digest
    assert files.damage() is None


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_found_by_its_size(files: BundleFiles, written: Path, name: str) -> None:
    """Whichever it is; no content is read."""
    size = (written / name).stat().st_size

    os.truncate(written / name, size - 1)
    damage = files.damage()

    assert damage is not None
    assert (damage.file, damage.size, damage.expected) == (name, size - 1, size)
    assert str(damage) == f"{name} has {size - 1} bytes instead of {size}; it was cut off or changed"
    assert files.check() == damage


def test_a_write_is_found_by_its_time_until_the_content_is_checked(files: BundleFiles, written: Path) -> None:
    """Equal content is no damage."""
    os.utime(written / "centroids.npy")

    suspected, checked, afterwards = files.damage(), files.check(), files.damage()

    assert str(suspected) == "centroids.npy was written to and is not checked yet"
    assert (checked, afterwards) == (None, None)


def test_other_content_of_the_same_size_is_found_by_its_checksum(files: BundleFiles, written: Path) -> None:
    """And stays damage after the check."""
    content = bytearray((written / "centroids.npy").read_bytes())
    content[-1] ^= 1
    (written / "centroids.npy").write_bytes(content)

    damage = files.check()

    assert damage is not None
    assert (damage.file, damage.size) == ("centroids.npy", damage.expected)
    assert "checksum" in damage.fault
    assert files.damage() is not None


def test_a_file_that_was_replaced_by_a_rename_is_no_damage(files: BundleFiles, written: Path) -> None:
    """The held file is another one."""
    (written / "new").write_bytes(b"")
    (written / "new").rename(written / "centroids.npy")

    assert (files.damage(), files.check()) == (None, None)


def test_a_file_that_cannot_be_read_is_damage(files: BundleFiles) -> None:
    """As on a disk or a network that fails; here a descriptor that was opened to write alone."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, files.descriptors["terms.json"], inheritable=False)
    os.close(null)

    damage = files.check()

    assert damage is not None
    assert damage.file == "terms.json"


def test_closing_twice_closes_once(files: BundleFiles) -> None:
    """The second call must not close what has got the same number since."""
    number = files.descriptors["terms.json"]

    files.close()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, number, inheritable=False)
    files.close()

    os.close(number)
    os.close(null)


def test_a_bundle_that_is_refused_leaves_no_file_open(written: Path) -> None:
    """Neither for its files nor for what is in them."""
    before = list(Path("/proc/self/fd").iterdir())
    (written / "word_weights.npy").unlink()
    with pytest.raises(BundleError, match="word_weights"):
        open_verified(written)

    assert len(list(Path("/proc/self/fd").iterdir())) == len(before)
