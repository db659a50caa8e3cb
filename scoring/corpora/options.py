"""What is asked of a corpus, as it is decoded from a request or a command, and kept in the corpus's folder."""

from typing import Annotated, Literal

import msgspec

SimilarityKind = Literal["neighbours", "pairs", "none"]
Linkage = Literal["components", "complete"]

Cosine = Annotated[float, msgspec.Meta(ge=-1, le=1)]

#: Pairs kept on disk, 20 bytes each; beyond, the least similar are counted and not listed.
MAX_PAIRS = 10_000_000


class CorpusOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to find.

    similarity: `neighbours` lists the most similar documents of each, `neighbours` many; `pairs` lists the pairs of at
    least `threshold`; `none` compares nothing (but for `duplicates`).
    max_pairs: how many pairs are kept, the most similar.
    vectors: put `vector` into each document's line.
    duplicates: the least cosine of near-duplicates, which are grouped; None groups nothing. linkage: `components`
    chains (A like B, B like C: one group even where A is unlike C), `complete` has every two of a group alike.
    against: the folder of a finished corpus to compare with. append: the answer is for both together; otherwise each
    new document is compared with the finished corpus only. new: with `against`, mark the documents that are less
    similar than this to all of the finished corpus.
    """

    similarity: SimilarityKind = "neighbours"
    neighbours: Annotated[int, msgspec.Meta(ge=1, le=100)] = 5
    threshold: Cosine = 0.8
    max_pairs: Annotated[int, msgspec.Meta(ge=1)] = MAX_PAIRS
    vectors: bool = False
    duplicates: Cosine | None = None
    linkage: Linkage = "components"
    against: str | None = None
    append: bool = False
    new: Cosine | None = None

    def __post_init__(self) -> None:
        """Check options that go together. Raises: ValueError, in one sentence."""
        if self.against is None and (self.append or self.new is not None):
            raise ValueError("append and new go with against, the corpus to compare with")

    @property
    def pairs_from(self) -> float | None:
        """The least cosine of the pairs that are kept; None when no pairs are."""
        wanted = [self.threshold] if self.similarity == "pairs" else []
        wanted += [] if self.duplicates is None else [self.duplicates]
        return min(wanted, default=None)

    @property
    def compares(self) -> bool:
        """Whether documents are compared at all."""
        return self.similarity == "neighbours" or self.pairs_from is not None or self.new is not None
