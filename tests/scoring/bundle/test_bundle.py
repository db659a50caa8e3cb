"""Bundles: what is written is what is read, and a damaged one is refused in one sentence."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.bundle.bundle import Bundle, open_bundle, write_bundle
from scoring.bundle.model import Model
from scoring.bundle.rows import BLOCK_BYTES, LazyRows
from scoring.errors import BundleError
from tests.support.imports import modules_loaded_by
from tests.support.small_bundle import FILES, WORDS, model, refusal, resize


def by_word(bundle: Bundle, array: Any) -> list[Any]:
    """Return the rows of an array in the order of WORDS."""
    return [array[bundle.vocabulary[word]] for word in WORDS]


def test_a_bundle_holds_what_the_model_held(written: Path) -> None:
    """Every array, the words and the facts come back; rows follow the vocabulary."""
    given = model()

    bundle = open_bundle(written, verify=True)

    assert sorted(bundle.vocabulary) == sorted(WORDS)
    np.testing.assert_array_equal(by_word(bundle, bundle.word_vectors), given.word_vectors)
    np.testing.assert_array_equal(by_word(bundle, bundle.word_weights), given.word_weights)
    for name in ["ngram_vectors", "components", "centroids", "distance_quantiles"]:
        np.testing.assert_array_equal(getattr(bundle, name), getattr(given, name))
    assert bundle.terms == (("storm", "gale"), (), ("rates",))
    manifest = bundle.manifest
    assert (manifest.name, manifest.created, manifest.pooling) == ("test", given.created, "sif")
    assert (manifest.dimensions, manifest.words, manifest.clusters, manifest.quantiles) == (4, 6, 3, 11)
    assert (manifest.min_n, manifest.max_n, manifest.buckets, manifest.unknown_weight) == (3, 5, 50, 0.25)
    assert manifest.training == {"epochs": 5, "texts": "news"}


def test_what_a_model_leaves_out_is_absent_or_neutral(tmp_path: Path) -> None:
    """Without weights, n-grams, components, quantiles and terms there are ones, nothing, and empty lists."""
    bare = Model("bare", WORDS, model().word_vectors, model().centroids)

    write_bundle(tmp_path / "bundle", bare)

    bundle = open_bundle(tmp_path / "bundle", verify=True)
    assert bundle.word_weights.tolist() == [1.0] * 6
    assert (bundle.ngram_vectors, bundle.distance_quantiles) == (None, None)
    assert bundle.components.shape == (0, 4)
    assert bundle.terms == ((), (), ())


def test_arrays_are_mapped_and_cannot_be_changed(written: Path) -> None:
    """An array is a read-only view of its file."""
    vectors = open_bundle(written).word_vectors

    assert not vectors.flags.writeable
    assert not vectors.flags.owndata
    assert f"{written}/word_vectors.npy" in Path("/proc/self/maps").read_text()


def test_vectors_can_be_stored_in_half_the_bytes(tmp_path: Path) -> None:
    """As float16, which keeps three decimal digits; all other arrays stay as they are."""
    given = model(precision="float16")

    write_bundle(tmp_path / "bundle", given)

    bundle = open_bundle(tmp_path / "bundle", verify=True)
    assert bundle.manifest.precision == "float16"
    assert bundle.word_vectors.dtype == np.asarray(bundle.ngram_vectors).dtype == np.float16
    np.testing.assert_allclose(by_word(bundle, bundle.word_vectors), given.word_vectors, rtol=1e-3)
    np.testing.assert_array_equal(bundle.centroids, given.centroids)
    assert np.load(tmp_path / "bundle" / "word_vectors.npy", allow_pickle=False).dtype == np.float16


def test_rows_that_are_not_in_memory_are_written_block_by_block(tmp_path: Path) -> None:
    """A model that is larger than the memory becomes the same bundle as the same one in memory."""
    words = [f"word{number}" for number in range(3_000)]
    vectors = np.random.default_rng(0).normal(size=(3_000, 500)).astype(np.float32)
    lazy = RecordedRows(vectors)

    write_bundle(tmp_path / "memory", Model("large", words, vectors, vectors[:1]))
    write_bundle(tmp_path / "lazy", Model("large", words, lazy, vectors[:1]))

    assert open_bundle(tmp_path / "lazy").digest == open_bundle(tmp_path / "memory").digest
    assert sum(lazy.taken) == 3_000
    assert max(lazy.taken) * 500 * 4 <= BLOCK_BYTES


def test_writing_reports_progress_in_bytes(tmp_path: Path) -> None:
    """Of the arrays, up to their size."""
    steps: list[tuple[str, int, int]] = []

    write_bundle(tmp_path / "bundle", model(), progress=lambda *step: steps.append(step))

    total = sum(array.size * 4 for array in map(np.asarray, model().arrays().values()))
    assert steps[-1] == ("write", total, total)
    assert steps == sorted(steps)


def test_equal_models_make_equal_bundles(tmp_path: Path) -> None:
    """The digest identifies the content: equal for equal models, another after one number changed."""
    changed = model(centroids=model().centroids * np.float32(1.5))
    places = [tmp_path / "one", tmp_path / "same", tmp_path / "changed"]

    for place, made in zip(places, [model(), model(), changed], strict=True):
        write_bundle(place, made)

    digests = [open_bundle(place).digest for place in places]
    assert digests[0] == digests[1] != digests[2]
    assert digests[0].startswith("sha256:")


def test_verification_reports_progress_in_bytes(written: Path) -> None:
    """Progress goes up to the bundle's size, all files but the manifest."""
    steps: list[tuple[str, int, int]] = []

    open_bundle(written, verify=True, progress=lambda *step: steps.append(step))

    total = sum(file.stat().st_size for file in written.iterdir() if file.name != "manifest.json")
    assert steps[-1] == ("verify", total, total)
    assert steps == sorted(steps)


class RecordedRows(LazyRows):
    """Rows of an array, and how many were taken at a time."""

    def __init__(self, array: NDArray[np.float32]) -> None:
        super().__init__(*array.shape)
        self._array = array
        self.taken: list[int] = []

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        """Take rows."""
        taken: NDArray[np.float32] = self._array[rows]
        self.taken.append(len(taken))
        return taken


ANY_WORD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@settings(max_examples=15)
@given(words=st.lists(ANY_WORD, min_size=1, unique=True))
def test_any_words_keep_their_vectors(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Words of any characters have their own rows."""
    path = tmp_path_factory.mktemp("words") / "bundle"
    vectors = np.arange(len(words), dtype=np.float32)[:, None]

    write_bundle(path, Model("words", words, vectors, vectors[:1]))

    bundle = open_bundle(path)
    rows = [bundle.vocabulary[word] for word in words]
    np.testing.assert_array_equal(bundle.word_vectors[rows], vectors)


def test_a_bundle_consists_of_these_files(pristine: Path) -> None:
    """Nothing else is left in the folder, or beside it."""
    assert sorted(file.name for file in pristine.iterdir()) == sorted([*FILES, "manifest.json"])
    assert list(pristine.parent.iterdir()) == [pristine]


def test_reading_a_bundle_imports_neither_gensim_nor_scipy(written: Path) -> None:
    """The server process opens bundles and does not load the libraries of training and scoring."""
    program = (
        "import pathlib, scoring.bundle.bundle\n"
        f"scoring.bundle.bundle.open_bundle(pathlib.Path({str(written)!r}), verify=True)"
    )

    assert not {"gensim", "scipy", "sklearn"} & modules_loaded_by(program)


def test_a_missing_bundle_is_refused(tmp_path: Path) -> None:
    """A path without a folder, a file, and a folder that is no bundle have different errors."""
    (tmp_path / "file").touch()

    assert refusal(tmp_path / "none") == "BUNDLE: cannot be read: No such file or directory"
    assert refusal(tmp_path / "file") == "BUNDLE: cannot be read: Not a directory"
    assert refusal(tmp_path) == "BUNDLE/manifest.json: cannot be read: No such file or directory"


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_missing_file_is_refused(name: str, written: Path) -> None:
    """Every file is needed."""
    (written / name).unlink()

    assert refusal(written) == f"BUNDLE/{name}: cannot be read: No such file or directory"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("left", [0, 0.5])
def test_a_truncated_file_is_refused(name: str, left: float, written: Path) -> None:
    """A file that was cut off is refused before it is used."""
    size = (written / name).stat().st_size

    os.truncate(written / name, int(size * left))

    fault = f"has {int(size * left)} bytes instead of {size}; it was cut off or changed"
    assert refusal(written) == f"BUNDLE/{name}: {fault}"


@pytest.mark.parametrize("name", FILES)
def test_a_tampered_file_is_refused_when_verified(name: str, written: Path) -> None:
    """One flipped bit is found by its checksum."""
    content = bytearray((written / name).read_bytes())
    content[-1] ^= 1
    (written / name).write_bytes(content)

    fault = "does not have the checksum that the manifest says; it was damaged or changed"
    assert refusal(written, verify=True) == f"BUNDLE/{name}: {fault}"


def test_a_link_in_a_bundle_is_refused(written: Path, tmp_path: Path) -> None:
    """A bundle's files are its own; the bundle itself may be reached through a link."""
    shutil.move(written / "centroids.npy", tmp_path / "elsewhere")
    (written / "centroids.npy").symlink_to(tmp_path / "elsewhere")

    assert refusal(written) == "BUNDLE/centroids.npy: cannot be read: Too many levels of symbolic links"


def test_a_pipe_in_a_bundle_is_refused(written: Path) -> None:
    """A pipe without a writer does not make the reader wait."""
    (written / "terms.json").unlink()
    os.mkfifo(written / "terms.json")

    assert refusal(written) == "BUNDLE/terms.json: is no regular file"


def test_terms_and_words_must_be_as_many_as_the_manifest_says(written: Path, tmp_path: Path) -> None:
    """The counts of the two files that are no arrays are checked too."""
    resize(written, "terms.json", b"[[]]")
    assert refusal(written) == "BUNDLE/terms.json: holds terms of 1 clusters, the manifest says 3"

    fewer = tmp_path / "fewer"
    write_bundle(fewer, model(words=WORDS[:5], word_vectors=model().word_vectors[:5], word_weights=None))
    resize(written, "vocabulary.marisa", (fewer / "vocabulary.marisa").read_bytes())
    assert refusal(written) == "BUNDLE/vocabulary.marisa: holds 5 words, the manifest says 6"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"words": [*WORDS[:5], "the"]}, "1 of the 6 words occur twice"),
        ({"words": [*WORDS[:5], "\0"]}, "a word holds the character NUL"),
        ({"words": WORDS[:5]}, "word_vectors.npy would have the shape (6, 4) instead of (5, 4)"),
        (
            {"centroids": np.zeros((3, 5), np.float32)},
            "centroids.npy would have the shape (3, 5) instead of (3, 4)",
        ),
        (
            {"word_vectors": np.full((6, 4), np.nan, np.float32)},
            "word_vectors.npy holds numbers that are not",
        ),
        (
            {"word_weights": np.full(6, np.inf, np.float32)},
            "word_weights.npy holds numbers that are not finite",
        ),
        (
            {"ngram_vectors": np.full((50, 4), 1e30, np.float32)},
            "ngram_vectors.npy holds numbers that are not",
        ),
        (
            {"ngram_vectors": np.full((50, 4), 1e5, np.float32), "precision": "float16"},
            "ngram_vectors.npy holds numbers beyond ±65504, the largest of float16",
        ),
        ({"unknown_weight": float("nan")}, "$.unknown_weight"),
        ({"centroids": np.zeros((0, 4), np.float32), "distance_quantiles": None, "terms": ()}, "$.clusters"),
        ({"terms": [["one"]]}, "holds terms of 1 clusters, the manifest says 3"),
    ],
)
def test_a_model_that_could_not_be_read_is_not_written(
    changes: dict[str, Any], fault: str, tmp_path: Path
) -> None:
    """What is wrong with a model is said, and no trace of it stays."""
    with pytest.raises(BundleError) as refused:
        write_bundle(tmp_path / "bundle", model(**changes))

    assert str(refused.value).startswith(f"{tmp_path}/bundle: cannot be written: ")
    assert fault in str(refused.value)
    assert list(tmp_path.iterdir()) == []
