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

All arrays are little-endian float32 in C order. Nothing here is ever unpickled. A published bundle is never
changed in place: a file that shrank while it was mapped would kill its readers with SIGBUS.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import marisa_trie
import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring.bundle.manifest import (
    MANIFEST_FILE,
    TERMS_FILE,
    VOCABULARY_FILE,
    FileRecord,
    Manifest,
    decode_manifest,
    encode_manifest,
)
from scoring.bundle.model import Model
from scoring.bundle.npy import encode_array, map_array, require_finite
from scoring.bundle.publish import Draft, publishing
from scoring.errors import BundleError
from scoring.progress import Progress, silent

# The arrays with a row for each word, which are written in the order of the words' ids.
_BY_WORD = ("word_vectors.npy", "word_weights.npy")
# Arrays that are checked for finite numbers at every opening, which takes no time as they are small; the large ones
# are checked when they are written.
_CHECKED = ("components.npy", "centroids.npy", "distance_quantiles.npy")
# The manifest and the terms are read into memory; no real ones are larger.
_MAX_JSON_BYTES = 64 << 20
# Bytes read at a time while a checksum is computed.
_HASH_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class Bundle:
    """An open bundle: read-only arrays, those by word in the order of the words' ids.

    digest: `sha256:` and the hash of the manifest, which holds the checksums of all other files, so equal digests
    mean equal content. terms: k lists of words.

    Pages are read when they are first touched and shared by all processes. The bundle stays readable when its
    folder is replaced or removed. To give it to another process, pass the path, not the object.
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


def open_bundle(path: Path, *, verify: bool = False, progress: Progress = silent) -> Bundle:
    """Open the bundle at `path` after checking format, sizes, shapes and types: milliseconds for any size.

    With `verify` the SHA-256 of every file is recomputed first, which takes about a second per GB and reports
    `progress` in bytes; a server does it once, not in every worker. All files are opened through one descriptor of
    the folder, so files of a bundle that replaces this one meanwhile are never mixed in.

    Raises: BundleError in one sentence that names the file and the fault.
    """
    with _named(path):
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with _opened(path, folder, MANIFEST_FILE) as file:
            raw = _read(*file)
            manifest = decode_manifest(raw)
        if verify:
            _verify(path, folder, manifest, progress)
        return _load(path, folder, raw, manifest)
    finally:
        os.close(folder)


def _verify(path: Path, folder: int, manifest: Manifest, progress: Progress) -> None:
    """Raise BundleError unless every file has the checksum that the manifest says."""
    total = sum(record.size for record in manifest.files.values())
    done = 0
    for name, record in manifest.files.items():
        with _opened(path, folder, name, record) as (descriptor, _):
            digest = hashlib.sha256()
            while block := os.read(descriptor, _HASH_CHUNK_BYTES):
                digest.update(block)
                done += len(block)
                progress("verify", done, total)
            if digest.hexdigest() != record.sha256:
                raise ValueError(
                    "does not have the checksum that the manifest says; it was damaged or changed"
                )


def _load(path: Path, folder: int, raw: bytes, manifest: Manifest) -> Bundle:
    files = manifest.files
    arrays: dict[str, NDArray[np.float32]] = {}
    for name, shape in manifest.shapes().items():
        with _opened(path, folder, name, files[name]) as (descriptor, size):
            arrays[name] = map_array(descriptor, size, shape)
            if name in _CHECKED:
                require_finite(arrays[name])
    with _opened(path, folder, VOCABULARY_FILE, files[VOCABULARY_FILE]) as (descriptor, _):
        vocabulary = _map_vocabulary(descriptor, manifest.words)
    with _opened(path, folder, TERMS_FILE, files[TERMS_FILE]) as file:
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
    """Turn an error that the file at `path` causes into a BundleError that names the file."""
    try:
        yield
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RuntimeError, msgspec.DecodeError) as error:
        raise BundleError(f"{path}: {error}") from error


@contextmanager
def _opened(
    path: Path, folder: int, name: str, record: FileRecord | None = None
) -> Iterator[tuple[int, int]]:
    """Yield the descriptor and size of a file of the bundle; refuse links, pipes, devices and other sizes."""
    with _named(path / name):
        # O_NONBLOCK: if the file is a pipe, opening it must not wait for a writer.
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("is no regular file")
            if record and status.st_size != record.size:
                raise ValueError(
                    f"has {status.st_size} bytes instead of {record.size}; it was cut off or changed"
                )
            yield descriptor, status.st_size
        finally:
            os.close(descriptor)


def _read(descriptor: int, size: int) -> bytes:
    if size > _MAX_JSON_BYTES:
        raise ValueError(f"has {size} bytes, at most {_MAX_JSON_BYTES} are read")
    return os.pread(descriptor, size, 0)


def _map_vocabulary(descriptor: int, words: int) -> marisa_trie.Trie:
    # By its descriptor and not its name, so that the file is the one that was checked.
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

    Memory beyond the model itself: one block of rows and the vocabulary.

    Raises: BundleError when the path is taken, a file cannot be written, or the model's arrays are not finite or do
    not fit together.
    """
    with publishing(path, force=force) as draft:
        try:
            _write(draft, model)
        except ValueError as error:
            raise BundleError(f"{path}: cannot be written: {error}") from error


def _write(draft: Draft, model: Model) -> None:
    arrays = model.arrays()
    for name, shape in model.manifest({}).shapes().items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} would have the shape {arrays[name].shape} instead of {shape}")
    if any("\0" in word for word in model.words):
        raise ValueError("a word holds the character NUL, which ends words in the vocabulary")
    trie = marisa_trie.Trie(model.words)
    if len(trie) != len(model.words):
        raise ValueError(f"{len(model.words) - len(trie)} of the {len(model.words)} words occur twice")
    order = np.argsort(np.fromiter(map(trie.key_id, model.words), dtype=np.int64, count=len(trie)))

    draft.add(VOCABULARY_FILE, [trie.tobytes()])
    for name, array in arrays.items():
        try:
            draft.add(name, encode_array(array, order if name in _BY_WORD else None))
        except ValueError as error:
            raise ValueError(f"{name} {error}") from error
    # The two JSON files are decoded again, so that nothing is published that a reader would refuse.
    terms = msgspec.json.encode([list(terms) for terms in model.terms] or [[]] * len(model.centroids))
    _decode_terms(terms, len(model.centroids))
    draft.add(TERMS_FILE, [terms])
    manifest = encode_manifest(model.manifest(draft.files))
    decode_manifest(manifest)
    draft.add(MANIFEST_FILE, [manifest])
