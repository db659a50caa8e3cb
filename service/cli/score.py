"""`scorepool score`: scores a corpus without a server. Texts in; one JSON line a document out, as in `/score`."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import click
import orjson

from scoring.bundle.bundle import open_bundle
from scoring.embedding.embedder import EmbeddedDocuments
from scoring.pipeline import Scorer, ScoringOptions
from scoring.progress import Progress
from scoring.training.corpus import read_corpus
from service.cli.input_errors import input_errors
from service.cli.options import ENCODING, FORCE, PATH
from service.cli.output import open_output
from service.cli.progress import progress_bars
from service.worker.encoder import documents

# Documents between two steps of the progress bar.
CHUNK_DOCUMENTS = 1_000


@click.command()
@click.argument("input", type=PATH)
@click.option("--bundle", required=True, type=PATH, envvar="SCOREPOOL_BUNDLE", help="The bundle's folder.")
@click.option(
    "--neighbours",
    default=5,
    show_default=True,
    type=click.IntRange(0, 100),
    help="Of each document; 0 compares nothing.",
)
@ENCODING
@click.option("--output", type=PATH, metavar="FILE", help="Write there  [default: standard output]")
@FORCE
@input_errors()
def command(
    input: Path, bundle: Path, neighbours: int, encoding: str, output: Path | None, *, force: bool
) -> None:
    """Score the documents of INPUT without a server.

    It writes one JSON line for each document.
    """
    with progress_bars() as report, open_output(output, force=force) as out:
        score_texts(bundle, read_corpus(input, encoding), neighbours, out, report)


def score_texts(bundle: Path, texts: Iterable[str], neighbours: int, out: BinaryIO, report: Progress) -> None:
    """Write one JSON line for each of n texts to `out`. Memory is O(n·(d + m)) for m neighbours of each.

    With `neighbours` 0 the documents are not compared. The comparison takes O(n²·d), most of the time
    when there are many documents.

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
        if done % CHUNK_DOCUMENTS == 0 or done == len(ids):
            report("write", done, len(ids))


def _embed(scorer: Scorer, texts: list[str], report: Progress) -> EmbeddedDocuments:
    chunks = []
    for start in range(0, len(texts), CHUNK_DOCUMENTS):
        chunks.append(scorer.embed(texts[start : start + CHUNK_DOCUMENTS]))
        report("embed", min(start + CHUNK_DOCUMENTS, len(texts)), len(texts))
    return EmbeddedDocuments.concatenate(chunks)
