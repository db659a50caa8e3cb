"""Publishing: a folder appears whole or not at all, after any error."""

import resource
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scoring.bundle.bundle import open_bundle, write_bundle
from scoring.bundle.model import Model
from scoring.bundle.publish import publishing, require_free
from scoring.errors import BundleError


def model(value: float, words: int = 50) -> Model:
    """Return a model whose every number is `value`."""
    vectors = np.full((words, 16), value, dtype=np.float32)
    return Model("test", [f"word{n}" for n in range(words)], vectors, vectors[:2])


def value_of(path: Path) -> float:
    """Return the number that the bundle at `path` consists of."""
    bundle = open_bundle(path, verify=True)
    values = {*bundle.centroids.ravel().tolist(), *bundle.word_vectors.ravel().tolist()}
    assert len(values) == 1
    return float(values.pop())


def names(folder: Path) -> list[str]:
    """Return what is in a folder, hidden or not."""
    return [entry.name for entry in folder.iterdir()]


class InterruptingTerms(list[list[str]]):
    """Terms that are interrupted from the keyboard when they are about to be written."""

    def __iter__(self) -> Iterator[list[str]]:
        """Interrupt."""
        raise KeyboardInterrupt


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_an_existing_path_is_refused(tmp_path: Path) -> None:
    """Without force nothing is replaced, be it a bundle or not."""
    write_bundle(tmp_path / "bundle", model(1))

    with pytest.raises(BundleError, match="bundle: exists already; use --force to replace it"):
        write_bundle(tmp_path / "bundle", model(2))

    assert value_of(tmp_path / "bundle") == 1
    assert names(tmp_path) == ["bundle"]


def test_force_replaces_a_bundle(tmp_path: Path) -> None:
    """The new bundle takes the place of the old one, and nothing of that is left."""
    write_bundle(tmp_path / "bundle", model(1))

    write_bundle(tmp_path / "bundle", model(2), force=True)

    assert value_of(tmp_path / "bundle") == 2
    assert names(tmp_path) == ["bundle"]


def test_force_replaces_nothing_but_bundles(tmp_path: Path) -> None:
    """A folder or a file of the user is never taken for an old bundle."""
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "love.txt").touch()

    for taken in [tmp_path / "letters", tmp_path / "letters" / "love.txt"]:
        with pytest.raises(BundleError, match="exists and is no bundle, so it is not replaced"):
            write_bundle(taken, model(1), force=True)

    assert names(tmp_path / "letters") == ["love.txt"]


def test_a_replaced_bundle_stays_readable_for_those_who_have_it_open(tmp_path: Path) -> None:
    """Workers that mapped the old bundle go on with it."""
    write_bundle(tmp_path / "bundle", model(1))
    opened = open_bundle(tmp_path / "bundle")

    write_bundle(tmp_path / "bundle", model(2), force=True)

    assert set(opened.word_vectors.ravel().tolist()) == {1.0}


def test_a_link_to_a_bundle_stays_a_link(tmp_path: Path) -> None:
    """Replacing through a link replaces what it points to."""
    write_bundle(tmp_path / "v1", model(1))
    (tmp_path / "current").symlink_to("v1")

    write_bundle(tmp_path / "current", model(2), force=True)

    assert (tmp_path / "current").is_symlink()
    assert value_of(tmp_path / "v1") == 2


@pytest.mark.parametrize("size", [100, 2_000, 20_000])
def test_a_full_disk_leaves_nothing_behind(size: int, tmp_path: Path) -> None:
    """When a file cannot grow, early or late, the fault names the path and the folder is as before."""
    with files_limited_to(size), pytest.raises(BundleError) as refused:
        write_bundle(tmp_path / "bundle", model(1, words=500))

    assert str(refused.value) == f"{tmp_path}/bundle: cannot be written: File too large"
    assert names(tmp_path) == []


def test_a_full_disk_leaves_the_old_bundle_in_place(tmp_path: Path) -> None:
    """A replacement that fails has replaced nothing."""
    write_bundle(tmp_path / "bundle", model(1))

    with files_limited_to(2_000), suppress(BundleError):
        write_bundle(tmp_path / "bundle", model(2, words=500), force=True)

    assert value_of(tmp_path / "bundle") == 1
    assert names(tmp_path) == ["bundle"]


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ctrl-C in the middle of writing removes the draft, and is not swallowed."""
    interrupted = replace(model(1), terms=InterruptingTerms())

    with pytest.raises(KeyboardInterrupt):
        write_bundle(tmp_path / "bundle", interrupted)

    assert names(tmp_path) == []


def test_a_draft_is_not_seen_before_it_is_whole(tmp_path: Path) -> None:
    """Until the block ends there is nothing at the path, and then all of it."""
    with publishing(tmp_path / "bundle") as draft:
        draft.add("manifest.json", [b"{", b"}"])
        assert not (tmp_path / "bundle").exists()

    assert (tmp_path / "bundle" / "manifest.json").read_bytes() == b"{}"


def test_of_two_writers_at_once_the_second_is_refused(tmp_path: Path) -> None:
    """A bundle that appeared while another was drafted is not overwritten."""
    with ExitStack() as late:
        late.enter_context(publishing(tmp_path / "bundle"))
        write_bundle(tmp_path / "bundle", model(1))

        with pytest.raises(BundleError, match="cannot be written: Directory not empty"):
            late.close()

    assert value_of(tmp_path / "bundle") == 1
    assert names(tmp_path) == ["bundle"]


def test_a_reader_sees_one_bundle_or_the_other(tmp_path: Path) -> None:
    """While bundles replace each other, a reader gets all files of one of them, or a BundleError."""
    path = tmp_path / "bundle"
    write_bundle(path, model(0))
    seen = []

    def replace_often() -> None:
        for value in range(1, 20):
            write_bundle(path, model(value), force=True)

    writer = threading.Thread(target=replace_often)
    writer.start()
    while writer.is_alive():
        with suppress(BundleError):
            seen.append(value_of(path))
    writer.join()

    assert seen == sorted(seen)
    assert value_of(path) == 19


@pytest.mark.parametrize(
    ("name", "fault"), [("file/bundle", "Not a directory"), ("x" * 300, "File name too long")]
)
def test_a_path_where_nothing_can_be_is_named(name: str, fault: str, tmp_path: Path) -> None:
    """A path that the system refuses makes a sentence, not a traceback."""
    (tmp_path / "file").touch()

    with pytest.raises(BundleError, match=f"cannot be written: {fault}"):
        write_bundle(tmp_path / name, model(1))

    assert names(tmp_path) == ["file"]


def test_a_taken_path_can_be_refused_before_the_work(tmp_path: Path) -> None:
    """Training asks before it starts."""
    write_bundle(tmp_path / "bundle", model(1))

    require_free(tmp_path / "other", force=False)
    require_free(tmp_path / "bundle", force=True)
    with pytest.raises(BundleError):
        require_free(tmp_path / "bundle", force=False)
