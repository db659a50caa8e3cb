"""The manifest of a bundle: its counts and settings, which files belong to it, and their sizes and checksums.

It is read first and parsed before anything is checked. So every field has a type and a range, and a file name that
the format does not have never becomes a path.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from scoring.bundle.npy import MAX_MAGNITUDE
from scoring.tokens.names import TokenizerName
from scoring.tokens.tokenizer import Tokenizer

# Increased whenever an older reader would misread what is written now.
FORMAT = 2
MANIFEST_FILE = "manifest.json"
VOCABULARY_FILE = "vocabulary.marisa"
NGRAM_VECTORS_FILE = "ngram_vectors.npy"
TERMS_FILE = "terms.json"

Pooling = Literal["mean", "sif", "fasttext"]
_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**40)]
_Positive = Annotated[int, msgspec.Meta(ge=1, lt=2**40)]


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Size in bytes and SHA-256 (hexadecimal) of one file of a bundle."""

    size: _Count
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The counts and settings of a bundle; the shapes of its arrays follow from the counts.

    created: an ISO 8601 time, or empty. quantiles: distance quantiles per cluster, 0 where the training distances are
    unknown. buckets: rows of n-gram vectors, 0 for a model without n-grams. min_n, max_n: characters of an n-gram.
    unknown_weight: the pooling weight of unknown words, but with `fasttext` each has its own. max_token_length: in
    characters. libraries: the versions that wrote the bundle. training: facts about the training, for people; nothing
    reads them.
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
    tokenizer: TokenizerName
    unknown_weight: Annotated[float, msgspec.Meta(ge=0, le=MAX_MAGNITUDE)]
    max_token_length: _Positive
    libraries: dict[str, str]
    training: dict[str, Any]
    files: dict[str, FileRecord]

    def make_tokenizer(self) -> Tokenizer:
        """Return the tokenizer that the model was made with."""
        return Tokenizer(self.tokenizer, self.max_token_length)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every array file that this bundle must have; all are float32."""
        shapes: dict[str, tuple[int, ...]] = {
            "word_vectors.npy": (self.words, self.dimensions),
            "word_weights.npy": (self.words,),
            "components.npy": (self.components, self.dimensions),
            "centroids.npy": (self.clusters, self.dimensions),
        }
        if self.buckets:
            shapes[NGRAM_VECTORS_FILE] = (self.buckets, self.dimensions)
        if self.quantiles:
            shapes["distance_quantiles.npy"] = (self.clusters, self.quantiles)
        return shapes


@dataclass(frozen=True)
class _Version:
    """The one field that every format has, newer ones included."""

    format: int


def decode_manifest(raw: bytes) -> Manifest:
    """Return the manifest in `raw`.

    Raises: ValueError when `raw` is no JSON or of a newer format, a field has a wrong type or value, or the files
    are not those of the format.
    """
    try:
        version = msgspec.json.decode(raw, type=_Version).format
        if version > FORMAT:
            raise ValueError(
                f"made by a newer scorepool; it has format {version}, this one reads format {FORMAT}"
            )
        if version < FORMAT:
            raise ValueError(
                f"made by an older scorepool; it has format {version}, this one reads format {FORMAT}: "
                "train or import the model again"
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
