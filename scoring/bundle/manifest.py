"""The manifest of a bundle: what it is, which files belong to it, and what each must weigh and hash to.

It is the first file that is read, and the only one that is parsed before anything was checked; so every field
has a type and a range, and a file name that the format does not know never becomes a path.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from scoring.bundle.npy import MAX_MAGNITUDE

# Raised whenever a reader of before would misread what is written now.
FORMAT = 1
MANIFEST_FILE = "manifest.json"
VOCABULARY_FILE = "vocabulary.marisa"
TERMS_FILE = "terms.json"

Pooling = Literal["mean", "sif"]
_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**40)]
_Positive = Annotated[int, msgspec.Meta(ge=1, lt=2**40)]


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Size in bytes and SHA-256 (hexadecimal) of one file of a bundle."""

    size: _Count
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything about a bundle but its arrays; the counts are the shapes of the arrays.

    `quantiles` is the number of distance quantiles per cluster, 0 where the training distances are unknown;
    `buckets` is 0 for a model without character n-grams. `created` is an ISO 8601 time or empty. `libraries`
    says which versions wrote the bundle, `training` holds whatever facts the builder found worth keeping.
    """

    format: _Positive
    name: str
    created: str
    dimensions: _Positive
    words: _Positive
    clusters: _Positive
    components: _Count
    quantiles: _Count
    buckets: _Count
    min_n: _Count
    max_n: _Count
    pooling: Pooling
    unknown_weight: Annotated[float, msgspec.Meta(ge=0, le=MAX_MAGNITUDE)]
    max_token_length: _Positive
    libraries: dict[str, str]
    training: dict[str, Any]
    files: dict[str, FileRecord]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every array file that this bundle must have; all are float32."""
        shapes: dict[str, tuple[int, ...]] = {
            "word_vectors.npy": (self.words, self.dimensions),
            "word_weights.npy": (self.words,),
            "components.npy": (self.components, self.dimensions),
            "centroids.npy": (self.clusters, self.dimensions),
        }
        if self.buckets:
            shapes["ngram_vectors.npy"] = (self.buckets, self.dimensions)
        if self.quantiles:
            shapes["distance_quantiles.npy"] = (self.clusters, self.quantiles)
        return shapes


@dataclass(frozen=True)
class _Version:
    """The one field that every format, however new, has."""

    format: int


def decode_manifest(raw: bytes) -> Manifest:
    """Return the manifest in `raw`.

    Raises: ValueError when it is no JSON, of a newer format, has a wrong type or value, or lists other files
    than the format has.
    """
    try:
        version = msgspec.json.decode(raw, type=_Version).format
        if version > FORMAT:
            raise ValueError(
                f"made by a newer scorepool; it has format {version}, this one reads up to {FORMAT}"
            )
        manifest = msgspec.json.decode(raw, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"is no manifest: {error}") from error
    expected = {*manifest.shapes(), VOCABULARY_FILE, TERMS_FILE}
    for name in sorted(expected ^ set(manifest.files)):
        raise ValueError(f"does not list {name}" if name in expected else f"lists the unknown file {name!r}")
    return manifest


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the manifest as indented JSON; equal manifests give equal bytes."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=2) + b"\n"
