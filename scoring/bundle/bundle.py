"""The model bundle: an immutable folder of flat files that any number of processes map read-only.

    manifest.json            counts and settings; sizes and checksums of the files below (manifest.py)
    vocabulary.marisa        the words; a word's id in the trie is its row in the two arrays that follow
    word_vectors.npy         (V, d)  final vectors
    word_weights.npy         (V,)    pooling weights
    ngram_vectors.npy        (B, d)  vectors of character n-grams, for unknown words; absent when the model has none
    components.npy           (c, d)  orthonormal; document vectors lose their projections on them; c may be 0
    centroids.npy            (k, d)
    distance_quantiles.npy   (k, Q)  sorted training distances of each cluster; absent when they are unknown
    terms.json               k lists of descriptive words

All arrays are little-endian float32 in C order; the vectors of words and n-grams can be float16. Nothing here is ever
unpickled. A published bundle is never changed in place: a file that shrank while it was mapped would kill its readers
with SIGBUS.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import marisa_trie
import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring.bundle.files import BundleFiles, named, open_files, opened_files
from scoring.bundle.manifest import (
    MANIFEST_FILE,
    NGRAM_VECTORS_FILE,
    TERMS_FILE,
    VOCABULARY_FILE,
    Manifest,
    decode_manifest,
    encode_manifest,
)
from scoring.bundle.model import Model
from scoring.bundle.npy import encode_array, map_array, require_finite
from scoring.bundle.publish import Draft, publishing
from scoring.bundle.rows import Vectors
from scoring.errors import BundleError
from scoring.progress import Progress, silent

# The arrays with a row for each word, which are written in the order of the words' ids.
_BY_WORD = ("word_vectors.npy", "word_weights.npy")
# Arrays that are checked for finite numbers at every opening, which takes no time as they are small; the large ones
# are checked when they are written.
_CHECKED = ("components.npy", "centroids.npy", "distance_quantiles.npy")


@dataclass(frozen=True, eq=False)
class Bundle:
    """An open bundle: read-only arrays, those by word in the order of the words' ids.

    digest: that of its files, the same for equal content. terms: k lists of words.

    Pages are read when they are first touched and shared by all processes. The bundle stays readable when its
    folder is replaced or removed. To give it to another process, pass its files (`BundleFiles`), not the object.
    """

    path: Path
    digest: str
    manifest: Manifest
    vocabulary: marisa_trie.Trie
    word_vectors: NDArray[np.floating[Any]]
    word_weights: NDArray[np.float32]
    ngram_vectors: Vectors | None
    components: NDArray[np.float32]
    centroids: NDArray[np.float32]
    distance_quantiles: NDArray[np.float32] | None
    terms: tuple[tuple[str, ...], ...]


def open_bundle(path: Path, *, verify: bool = False, progress: Progress = silent) -> Bundle:
    """Open the bundle at `path` after checking format, sizes, shapes and types: milliseconds for any size.

    With `verify` the SHA-256 of every file is recomputed first, which takes about a second per GB and reports
    `progress` in bytes; a server does it once, not in every worker.

    Raises: BundleError in one sentence that names the file and the fault.
    """
    with opened_files(path) as files:
        if verify:
            files.verify(progress)
        return load_bundle(files)


def open_verified(path: Path, progress: Progress = silent) -> BundleFiles:
    """Open the files of the bundle at `path`, for a process that holds them open and passes them to others.

    Everything is checked once that `open_bundle` with `verify` checks, and `progress` told. Raises: BundleError.
    """
    files = open_files(path)
    try:
        files.verify(progress)
        load_bundle(files)
    except BaseException:
        files.close()
        raise
    return files


def load_bundle(files: BundleFiles) -> Bundle:
    """Map a bundle from its open files, by their descriptors alone; they may be closed afterwards.

    Raises: BundleError in one sentence that names the file and the fault.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for name, shape in files.manifest.shapes().items():
        with named(files.path / name):
            dtype = files.manifest.dtype(name)
            arrays[name] = map_array(files.descriptors[name], files.size(name), shape, dtype)
            if name in _CHECKED:
                require_finite(arrays[name])
    with named(files.path / VOCABULARY_FILE):
        files.size(VOCABULARY_FILE)
        vocabulary = _map_vocabulary(files.descriptors[VOCABULARY_FILE], files.manifest.words)
    with named(files.path / TERMS_FILE):
        terms = _decode_terms(files.read(TERMS_FILE), files.manifest.clusters)
    return Bundle(
        path=files.path,
        digest=files.digest,
        manifest=files.manifest,
        vocabulary=vocabulary,
        word_vectors=arrays["word_vectors.npy"],
        word_weights=arrays["word_weights.npy"],
        ngram_vectors=arrays.get(NGRAM_VECTORS_FILE),
        components=arrays["components.npy"],
        centroids=arrays["centroids.npy"],
        distance_quantiles=arrays.get("distance_quantiles.npy"),
        terms=terms,
    )


def copy_vocabulary(files: BundleFiles) -> marisa_trie.Trie:
    """Read the words into memory, 4 bytes and more each; nothing stays mapped. Raises: BundleError."""
    with named(files.path / VOCABULARY_FILE):
        files.size(VOCABULARY_FILE)
        return marisa_trie.Trie().load(f"/proc/self/fd/{files.descriptors[VOCABULARY_FILE]}")


def _map_vocabulary(descriptor: int, words: int) -> marisa_trie.Trie:
    # By its descriptor and not its name, so that the file is the one that was checked, also when its name is gone.
    trie = marisa_trie.Trie().mmap(f"/proc/self/fd/{descriptor}")
    if len(trie) != words:
        raise ValueError(f"holds {len(trie)} words, the manifest says {words}")
    return trie


def _decode_terms(raw: bytes, clusters: int) -> tuple[tuple[str, ...], ...]:
    terms = msgspec.json.decode(raw, type=tuple[tuple[str, ...], ...])
    if len(terms) != clusters:
        raise ValueError(f"holds terms of {len(terms)} clusters, the manifest says {clusters}")
    return terms


def write_bundle(path: Path, model: Model, *, force: bool = False, progress: Progress = silent) -> None:
    """Publish `model` as the bundle at `path`, whole or not at all; `force` replaces an existing bundle.

    Memory beyond the model itself: one block of rows and the vocabulary. `progress` is told the bytes written.

    Raises: BundleError when the path is taken, a file cannot be written, or the model's arrays are not finite or do
    not fit together.
    """
    with publishing(path, force=force) as draft:
        try:
            _write(draft, model, progress)
        except ValueError as error:
            raise BundleError(f"{path}: cannot be written: {error}") from error


def _write(draft: Draft, model: Model, progress: Progress) -> None:
    arrays = model.arrays()
    empty = model.manifest({})
    for name, shape in empty.shapes().items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} would have the shape {arrays[name].shape} instead of {shape}")
    if any("\0" in word for word in model.words):
        raise ValueError("a word holds the character NUL, which ends words in the vocabulary")
    trie = marisa_trie.Trie(model.words)
    if len(trie) != len(model.words):
        raise ValueError(f"{len(model.words) - len(trie)} of the {len(model.words)} words occur twice")
    order = np.argsort(np.fromiter(map(trie.key_id, model.words), dtype=np.int64, count=len(trie)))

    draft.add(VOCABULARY_FILE, [trie.tobytes()])
    sizes = {name: math.prod(array.shape) * empty.dtype(name).itemsize for name, array in arrays.items()}
    report = _counter(progress, "write", sum(sizes.values()))
    for name, array in arrays.items():
        chunks = encode_array(array, order if name in _BY_WORD else None, empty.dtype(name))
        try:
            draft.add(name, map(report, chunks))
        except ValueError as error:
            raise ValueError(f"{name} {error}") from error
    # The two JSON files are decoded again, so that nothing is published that a reader would refuse.
    terms = msgspec.json.encode([list(terms) for terms in model.terms] or [[]] * len(model.centroids))
    _decode_terms(terms, len(model.centroids))
    draft.add(TERMS_FILE, [terms])
    manifest = encode_manifest(model.manifest(draft.files))
    decode_manifest(manifest)
    draft.add(MANIFEST_FILE, [manifest])


def _counter(
    progress: Progress, stage: str, total: int
) -> Callable[[bytes | memoryview], bytes | memoryview]:
    """Return a function that passes chunks on and reports how many bytes have passed."""
    done = 0

    def count(chunk: bytes | memoryview) -> bytes | memoryview:
        nonlocal done
        done = min(done + len(chunk), total)
        progress(stage, done, total)
        return chunk

    return count
