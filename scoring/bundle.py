"""The model bundle: an immutable folder of flat files that any number of processes map read-only.

    manifest.json            what it is; sizes and checksums of the files below (manifest.py)
    vocabulary.marisa        the words; a word's id in the trie is its row in the two arrays that follow
    word_vectors.npy         (V, d)  final vectors
    word_weights.npy         (V,)    pooling weights
    ngram_vectors.npy        (B, d)  character n-grams of unknown words; absent when the model has none
    components.npy           (c, d)  directions that are removed from document vectors; c may be 0
    centroids.npy            (k, d)
    distance_quantiles.npy   (k, Q)  sorted training distances; absent when they are unknown
    terms.json               k lists of descriptive words

All arrays are little-endian float32 in C order. Nothing here is ever unpickled. A published bundle is never
changed in place: a file that shrank while it was mapped would kill its readers with SIGBUS.
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import marisa_trie
import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring.arrays import encode_array, map_array
from scoring.errors import BundleError
from scoring.manifest import (
    FORMAT,
    MANIFEST_FILE,
    TERMS_FILE,
    VOCABULARY_FILE,
    FileRecord,
    Manifest,
    Pooling,
    decode_manifest,
    encode_manifest,
)
from scoring.publishing import drafted
from scoring.tokens import MAX_TOKEN_LENGTH

# The arrays whose rows follow the words, and so are written in trie order.
_BY_WORD = ("word_vectors.npy", "word_weights.npy")
# Small enough to be checked at every opening; the large ones were checked when they were written.
_FINITE = ("components.npy", "centroids.npy", "distance_quantiles.npy")
# What is read whole, not mapped, stays small: a manifest or a list of terms beyond this is not ours.
_MAX_JSON_BYTES = 64 << 20
_LIBRARIES = ("scorepool", "gensim", "numpy", "scikit-learn", "marisa-trie")


@dataclass(frozen=True, eq=False)
class Model:
    """What a bundle is made of, in memory; training or importing builds it.

    V words, d dimensions, k clusters. `words` are distinct, in any order; `word_vectors` (V, d) and
    `word_weights` (V,) follow them (None: all ones). `unknown_weight` pools a token that is not among them;
    its vector comes from `ngram_vectors` (buckets, d), where there are any, hashed as fastText does for
    n-grams of `min_n` to `max_n` characters. `components` (c, d) are orthonormal. `distance_quantiles` (k, Q)
    are the training distances of each cluster at Q evenly spaced ranks, ascending. `created` comes from the
    caller's clock; left empty, equal models make equal bundles, byte for byte.
    """

    name: str
    words: Sequence[str]
    word_vectors: NDArray[np.float32]
    centroids: NDArray[np.float32]
    word_weights: NDArray[np.float32] | None = None
    unknown_weight: float = 1.0
    ngram_vectors: NDArray[np.float32] | None = None
    min_n: int = 0
    max_n: int = 0
    components: NDArray[np.float32] | None = None
    distance_quantiles: NDArray[np.float32] | None = None
    terms: Sequence[Sequence[str]] = ()
    pooling: Pooling = "mean"
    training: Mapping[str, Any] = field(default_factory=dict)
    created: str = ""


@dataclass(frozen=True, eq=False)
class Bundle:
    """An open bundle: read-only arrays whose word rows are in trie order.

    `digest` is `sha256:` and the hash of the manifest, and so stands for the content of every file.

    Opening costs milliseconds whatever the size; pages come in when they are touched, shared by all
    processes. It stays whole in memory when the folder is replaced or removed. Any process may open it; pass
    the path, not the object.
    """

    path: Path
    digest: str
    manifest: Manifest
    vocabulary: marisa_trie.Trie
    word_vectors: NDArray[np.float32]
    word_weights: NDArray[np.float32]
    ngram_vectors: NDArray[np.float32] | None
    components: NDArray[np.float32]
    centroids: NDArray[np.float32]
    distance_quantiles: NDArray[np.float32] | None
    terms: tuple[tuple[str, ...], ...]


def open_bundle(path: Path, *, verify: bool = False) -> Bundle:
    """Open the bundle at `path` after checking format, sizes, shapes and types.

    With `verify` the SHA-256 of every file is recomputed first (about a second per GB): once in a server, not
    per worker. All files are opened through one descriptor of the folder, so that a bundle replaced meanwhile
    is never mixed in.

    Raises: BundleError in one sentence that names the file and the fault.
    """
    with _named(path):
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with _opened(path, folder, MANIFEST_FILE) as file:
            raw = _read(*file)
            manifest = decode_manifest(raw)
        for name, record in manifest.files.items():
            with _opened(path, folder, name) as file:
                _check(*file, record, verify=verify)
        return _load(path, folder, raw, manifest)
    finally:
        os.close(folder)


def _load(path: Path, folder: int, raw: bytes, manifest: Manifest) -> Bundle:
    arrays: dict[str, NDArray[np.float32]] = {}
    for name, shape in manifest.shapes().items():
        with _opened(path, folder, name) as (descriptor, size):
            arrays[name] = map_array(descriptor, size, shape)
            if name in _FINITE and not np.isfinite(arrays[name]).all():
                raise ValueError("holds numbers that are not finite")
    with _opened(path, folder, VOCABULARY_FILE) as (descriptor, _):
        vocabulary = _map_vocabulary(descriptor, manifest.words)
    with _opened(path, folder, TERMS_FILE) as file:
        terms = _decode_terms(_read(*file), manifest.clusters)
    return Bundle(
        path=path,
        digest=f"sha256:{hashlib.sha256(raw).hexdigest()}",
        manifest=manifest,
        vocabulary=vocabulary,
        word_vectors=arrays["word_vectors.npy"],
        word_weights=arrays["word_weights.npy"],
        ngram_vectors=arrays.get("ngram_vectors.npy"),
        components=arrays["components.npy"],
        centroids=arrays["centroids.npy"],
        distance_quantiles=arrays.get("distance_quantiles.npy"),
        terms=terms,
    )


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn whatever is found wrong with a file into a BundleError that names it."""
    try:
        yield
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RuntimeError, msgspec.DecodeError) as error:
        raise BundleError(f"{path}: {error}") from error


@contextmanager
def _opened(path: Path, folder: int, name: str) -> Iterator[tuple[int, int]]:
    """Yield descriptor and size of one regular file of the bundle; links, pipes and devices are refused."""
    with _named(path / name):
        # O_NONBLOCK: a pipe of that name must not make the reader wait for a writer.
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("is no regular file")
            yield descriptor, status.st_size
        finally:
            os.close(descriptor)


def _read(descriptor: int, size: int) -> bytes:
    if size > _MAX_JSON_BYTES:
        raise ValueError(f"has {size} bytes, at most {_MAX_JSON_BYTES} are read")
    return os.pread(descriptor, size, 0)


def _check(descriptor: int, size: int, record: FileRecord, *, verify: bool) -> None:
    if size != record.size:
        raise ValueError(f"has {size} bytes instead of {record.size}; it was cut off or changed")
    if not verify:
        return
    with open(descriptor, "rb", closefd=False) as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != record.sha256:
            raise ValueError("does not have the checksum that the manifest says; it was damaged or changed")


def _map_vocabulary(descriptor: int, words: int) -> marisa_trie.Trie:
    # By its descriptor and not its name, so that it is the file that was checked.
    trie = marisa_trie.Trie().mmap(f"/proc/self/fd/{descriptor}")
    if len(trie) != words:
        raise ValueError(f"holds {len(trie)} words, the manifest says {words}")
    return trie


def _decode_terms(raw: bytes, clusters: int) -> tuple[tuple[str, ...], ...]:
    terms = msgspec.json.decode(raw, type=tuple[tuple[str, ...], ...])
    if len(terms) != clusters:
        raise ValueError(f"holds terms of {len(terms)} clusters, the manifest says {clusters}")
    return terms


def write_bundle(path: Path, model: Model, *, force: bool = False) -> None:
    """Publish `model` as the bundle at `path`, whole or not at all; `force` replaces an existing bundle.

    Peak memory is a block of rows beyond the model itself.

    Raises: BundleError when the path is taken, the disk refuses, or the model is not consistent and finite.
    """
    manifest = _describe(model)
    arrays = _arrays(model)
    trie = marisa_trie.Trie(model.words)
    _require_consistent(path, arrays, manifest)
    if len(trie) != len(model.words):
        raise BundleError(
            f"{path}: not written, {len(model.words) - len(trie)} of the model's words occur twice"
        )
    order = np.argsort(np.fromiter(map(trie.key_id, model.words), dtype=np.int64, count=len(trie)))
    with drafted(path, force=force) as draft:
        draft.add(VOCABULARY_FILE, [trie.tobytes()])
        for name, array in arrays.items():
            with _named(path / name):
                draft.add(name, encode_array(array, order if name in _BY_WORD else None))
        draft.add(TERMS_FILE, [msgspec.json.encode(model.terms or [[]] * manifest.clusters)])
        draft.add(MANIFEST_FILE, [encode_manifest(replace(manifest, files=dict(draft.files)))])


def _describe(model: Model) -> Manifest:
    """Return the manifest of `model`, still without files."""
    return Manifest(
        format=FORMAT,
        name=model.name,
        created=model.created,
        dimensions=model.word_vectors.shape[1],
        words=len(model.words),
        clusters=len(model.centroids),
        components=0 if model.components is None else len(model.components),
        quantiles=0 if model.distance_quantiles is None else model.distance_quantiles.shape[1],
        buckets=0 if model.ngram_vectors is None else len(model.ngram_vectors),
        min_n=model.min_n,
        max_n=model.max_n,
        pooling=model.pooling,
        unknown_weight=model.unknown_weight,
        max_token_length=MAX_TOKEN_LENGTH,
        libraries={name: version(name) for name in _LIBRARIES},
        training=dict(model.training),
        files={},
    )


def _arrays(model: Model) -> dict[str, NDArray[np.float32]]:
    """Return the arrays of `model` by file name, with ones and no components where it says nothing."""
    words, dimensions = model.word_vectors.shape
    arrays = {
        "word_vectors.npy": model.word_vectors,
        "word_weights.npy": np.ones(words, np.float32) if model.word_weights is None else model.word_weights,
        "components.npy": np.zeros((0, dimensions), np.float32)
        if model.components is None
        else model.components,
        "centroids.npy": model.centroids,
    }
    if model.ngram_vectors is not None:
        arrays["ngram_vectors.npy"] = model.ngram_vectors
    if model.distance_quantiles is not None:
        arrays["distance_quantiles.npy"] = model.distance_quantiles
    return arrays


def _require_consistent(path: Path, arrays: Mapping[str, NDArray[np.float32]], manifest: Manifest) -> None:
    for name, shape in manifest.shapes().items():
        if arrays[name].shape != shape:
            raise BundleError(f"{path}: not written, {name} would be {arrays[name].shape} instead of {shape}")
