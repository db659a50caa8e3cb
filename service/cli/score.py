"""Scores a corpus without a server: texts in, JSON lines out, each document as `/score` describes it."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import orjson

from scoring.bundle.bundle import open_bundle
from scoring.embedding.embedder import EmbeddedDocuments
from scoring.pipeline import Scorer, ScoringOptions
from scoring.progress import Progress
from service.worker.encoder import documents

#: Texts embedded between two steps of the progress bar.
CHUNK = 1_000


def score_texts(bundle: Path, texts: Iterable[str], neighbours: int, out: BinaryIO, report: Progress) -> None:
    """Write one JSON line for each of n texts to `out`; memory O(n·(d + m)).

    `neighbours` 0 leaves the comparison out, which is what takes long with many documents.

    Raises: BundleError when the bundle cannot be used.
    """
    options = ScoringOptions("neighbours", neighbours) if neighbours else ScoringOptions("none")
    scorer = Scorer(open_bundle(bundle))
    embedded = _embed(scorer, list(texts), report)
    report("cluster and compare", 0, 1)
    scores = scorer.score_vectors(embedded, options)
    report("cluster and compare", 1, 1)
    ids = [str(position) for position in range(len(embedded.tokens))]
    for done, document in enumerate(documents(ids, scores, vectors=False), start=1):
        out.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))
        if done % CHUNK == 0 or done == len(ids):
            report("write", done, len(ids))


@contextmanager
def opened_output(path: Path | None, *, force: bool) -> Iterator[BinaryIO]:
    """Yield where to write: standard output, or a file that appears at `path` only when it is complete.

    Raises: FileExistsError when `path` exists and `force` is not given, OSError when it cannot be written.
    """
    if path is None:
        yield sys.stdout.buffer
        return
    if path.exists() and not force:
        raise FileExistsError(17, "exists; --force replaces it", str(path))
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with draft.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _embed(scorer: Scorer, texts: list[str], report: Progress) -> EmbeddedDocuments:
    parts = []
    for start in range(0, len(texts), CHUNK):
        parts.append(scorer.embed(texts[start : start + CHUNK]))
        report("embed", min(start + CHUNK, len(texts)), len(texts))
    return EmbeddedDocuments.concatenate(parts)
