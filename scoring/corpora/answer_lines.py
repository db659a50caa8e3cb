"""The lines of the answer: of a part's documents, and of the pairs whose first document is in it."""

import numpy as np
import orjson

from scoring.clustering import Assignment
from scoring.corpora.corpus import Corpus
from scoring.corpora.documents import Names
from scoring.embedding.embedder import EmbeddedDocuments
from scoring.lines import documents
from scoring.pipeline import Scores
from scoring.similarity.neighbours import Neighbours

_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY


def document_lines(corpus: Corpus, part: int) -> bytes:
    """Return a JSON line for each document of a part, as in `/score`."""
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
    return b"".join(
        orjson.dumps(line, option=_LINE)
        for line in documents(ids, scores, vectors=options.vectors, names=names)
    )


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
