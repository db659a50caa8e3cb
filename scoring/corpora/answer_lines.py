"""The lines of the answer: of a part's documents, and of the pairs whose first document is in it."""

import numpy as np
import orjson
from numpy.typing import NDArray

from scoring.clustering import Assignment
from scoring.corpora.corpus import Corpus
from scoring.corpora.documents import Names
from scoring.corpora.records import Records
from scoring.corpora.tiles import PairHits
from scoring.embedding.embedder import EmbeddedDocuments
from scoring.lines import Json, documents, shortest
from scoring.pipeline import Scores
from scoring.similarity.neighbours import Neighbours

_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY


def document_lines(corpus: Corpus, part: int, groups: Records | None = None) -> bytes:
    """Return a JSON line for each document of a part, as in `/score`; with `duplicates` where groups are given."""
    arrays = corpus.records("embed").arrays(part)
    first, count = int(arrays["first"][0]), len(arrays["tokens"])
    embedded = EmbeddedDocuments(*(arrays[name] for name in ("doc_vectors", "tokens", "known", "present")))
    assignment = Assignment(arrays["labels"], arrays["distance"], arrays["margin"])
    options = corpus.plan.options
    near = _neighbours(corpus, first, count) if options.similarity == "neighbours" else None
    scores = Scores(embedded, assignment, arrays.get("outlier"), (), near, None, None)
    own = np.arange(first, first + count)
    names = _names(corpus).look_up(own if near is None else np.append(own, near.indices[near.indices >= 0]))
    ids = [names[position] for position in own.tolist()]
    lines = list(documents(ids, scores, vectors=options.vectors, names=names))
    if groups is not None:
        _add_groups(corpus, lines, own, groups)
    if options.new is not None:
        _add_new(corpus, lines, own)
    return b"".join(orjson.dumps(line, option=_LINE) for line in lines)


def pair_lines(corpus: Corpus, number: int) -> bytes:
    """Return a JSON line for each pair that the documents of the answer's part `number` own.

    The first document owns a pair and is "a"; where a corpus is compared with another, the new document.
    """
    records = corpus.records("pairs")
    start, stop = records.rows(0, "bounds", number, number + 2).tolist()
    a, b, similarity = (records.rows(0, name, start, stop) for name in PairHits._fields)
    if corpus.plan.base is not None and not corpus.plan.options.append:
        a, b = b, a
    names = _names(corpus).look_up(np.concatenate((a, b)))
    columns = zip(a.tolist(), b.tolist(), *shortest(similarity), strict=True)
    return b"".join(
        orjson.dumps({"a": names[one], "b": names[other], "similarity": value}, option=_LINE)
        for one, other, value in columns
    )


def _add_groups(corpus: Corpus, lines: list[Json], own: NDArray[np.int64], groups: Records) -> None:
    """Add to each line its group of near-duplicates; null for a document that has none."""
    representative, size, link = (
        groups.rows(0, name, int(own[0]), int(own[-1]) + 1)
        for name in ("representative", "size", "weakest_link")
    )
    names = _names(corpus).look_up(representative)
    columns = zip(lines, representative.tolist(), size.tolist(), *shortest(link), strict=True)
    for line, first, count, weakest in columns:
        line["duplicates"] = None
        if count > 1:
            line["duplicates"] = {
                "group": first,
                "representative": names[first],
                "size": count,
                "weakest_link": weakest,
            }


def _add_new(corpus: Corpus, lines: list[Json], own: NDArray[np.int64]) -> None:
    """Add to each line whether no document of the base is like it.

    It is null for documents of the base themselves, and for one without a vector.
    """
    before = own - corpus.plan.first_document
    if before[0] < 0:
        for line in lines:
            line["new"] = None
        return
    seen = corpus.records("pairs").rows(0, "seen", int(before[0]), int(before[-1]) + 1)
    for line, like in zip(lines, seen.tolist(), strict=True):
        line["new"] = None if line["cluster"] is None else not like


def _names(corpus: Corpus) -> Names:
    """Return the names of all documents that are listed."""
    folders = [corpus.folder]
    if corpus.plan.base is not None and not corpus.plan.options.append:
        folders.insert(0, corpus.base.folder)
    return Names(*folders)


def _neighbours(corpus: Corpus, first: int, count: int) -> Neighbours:
    """Return the neighbours, by position in the corpus, of `count` documents from `first` on."""
    m, size = corpus.plan.options.neighbours, corpus.plan.block_documents
    slots = corpus.records("arrange").rows(0, "slots", first, first + count)
    indices, similarities = np.full((count, m), -1), np.zeros((count, m), np.float32)
    listed = np.flatnonzero(slots >= 0)
    blocks, rows = np.divmod(slots[listed], size)
    for block in np.unique(blocks).tolist():
        here = blocks == block
        lists = corpus.final_rows(block, rows[here])
        indices[listed[here]], similarities[listed[here]] = lists.positions, lists.similarities
    return Neighbours(indices, similarities)
