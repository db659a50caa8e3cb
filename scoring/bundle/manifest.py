"""The manifest of a bundle: its counts and settings, which files belong to it, and their sizes and checksums.

It is read first and parsed before anything is checked. So every field has a type and a range, and a file name that
the format does not have never becomes a path.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from scoring.bundle.npy import MAX_MAGNITUDE
from scoring.tokens.names import TokenizerName
from scoring.tokens.segmenters import Segment, SegmenterName, is_installed, package_of, segment_by
from scoring.tokens.tokenizer import Tokenizer

# Increased whenever an older reader would misread what is written now.
FORMAT = 2
MANIFEST_FILE = "manifest.json"
VOCABULARY_FILE = "vocabulary.marisa"
NGRAM_VECTORS_FILE = "ngram_vectors.npy"
TERMS_FILE = "terms.json"
WORD_VECTORS_FILE = "word_vectors.npy"
# The large files, which can be stored in half the bytes.
_STORED_BY_PRECISION = (WORD_VECTORS_FILE, NGRAM_VECTORS_FILE)

Pooling = Literal["mean", "sif", "fasttext"]
#: Of the vectors of words and n-grams; all other arrays are float32.
Precision = Literal["float32", "float16"]
_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**40)]
_Positive = Annotated[int, msgspec.Meta(ge=1, lt=2**40)]


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Size in bytes and SHA-256 (hexadecimal) of one file of a bundle."""

    size: _Count
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class UnknownRate:
    """How many words of the training documents were unknown to a model that had not seen the document.

    share: of all tokens, more than 0 and less than 1. correlation: between the tokens of a document, 0 to 1; 0 where
    each token is unknown by itself, more where some documents have many unknown words and others few.
    """

    share: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    correlation: Annotated[float, msgspec.Meta(ge=0, le=1)]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The counts and settings of a bundle; the shapes of its arrays follow from the counts.

    created: an ISO 8601 time, or empty. quantiles: distance quantiles per cluster, 0 where the training distances are
    unknown. buckets: rows of n-gram vectors, 0 for a model without n-grams. min_n, max_n: characters of an n-gram.
    unknown_weight: the pooling weight of unknown words, but with `fasttext` each has its own. max_token_length: in
    characters. segmenter: what separates words in scripts without spaces; only `letters` has one. unknown_rate: None
    where it is not known. libraries: the versions that wrote the bundle. training: facts about the training, for
    people; nothing reads them. precision: how the vectors of words and n-grams are stored.
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
    segmenter: SegmenterName | None
    unknown_weight: Annotated[float, msgspec.Meta(ge=0, le=MAX_MAGNITUDE)]
    max_token_length: _Positive
    unknown_rate: UnknownRate | None
    libraries: dict[str, str]
    training: dict[str, Any]
    files: dict[str, FileRecord]
    precision: Precision = "float32"

    def make_tokenizer(self, segment: Segment | None = None) -> Tokenizer:
        """Return the tokenizer that the model was made with, or with `segment` in place of its segmenter."""
        if segment is None and self.segmenter is not None:
            segment = segment_by(self.segmenter)
        return Tokenizer(self.tokenizer, self.max_token_length, segment)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every array file that this bundle must have."""
        shapes: dict[str, tuple[int, ...]] = {
            WORD_VECTORS_FILE: (self.words, self.dimensions),
            "word_weights.npy": (self.words,),
            "components.npy": (self.components, self.dimensions),
            "centroids.npy": (self.clusters, self.dimensions),
        }
        if self.buckets:
            shapes[NGRAM_VECTORS_FILE] = (self.buckets, self.dimensions)
        if self.quantiles:
            shapes["distance_quantiles.npy"] = (self.clusters, self.quantiles)
        return shapes

    def dtype(self, name: str) -> np.dtype[np.floating[Any]]:
        """Return the type of the numbers in an array file."""
        return np.dtype("<f2" if self.precision == "float16" and name in _STORED_BY_PRECISION else "<f4")


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
    if (manifest.segmenter is not None) != (manifest.tokenizer == "letters"):
        raise ValueError(f"has the segmenter {manifest.segmenter} with the tokenizer {manifest.tokenizer}")
    if manifest.segmenter is not None and not is_installed(manifest.segmenter):
        (package,) = package_of(manifest.segmenter)
        raise ValueError(
            f"its texts were segmented by {package}, which is not installed here: pip install {package}"
        )
    expected = {*manifest.shapes(), VOCABULARY_FILE, TERMS_FILE}
    for name in sorted(expected ^ set(manifest.files)):
        raise ValueError(f"does not list {name}" if name in expected else f"lists the unknown file {name!r}")
    return manifest


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the manifest as indented JSON; equal manifests give equal bytes."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=2) + b"\n"
