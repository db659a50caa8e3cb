"""`scorepool score`: scores a corpus, here or by a service. Texts in; one JSON line a document out, as in `/score`."""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

import click
import orjson
from click.core import ParameterSource

from scoring.bundle.bundle import open_bundle
from scoring.embedding.embedder import EmbeddedDocuments
from scoring.lines import documents
from scoring.pipeline import Scorer, ScoringOptions
from scoring.progress import Progress
from scoring.training.corpus import read_corpus
from service.cli.input_errors import InputError, input_errors
from service.cli.options import ENCODING, FORCE, PATH, FiniteRange, jwt_secret
from service.cli.output import open_output
from service.cli.progress import progress_bars

# Documents between two steps of the progress bar.
CHUNK_DOCUMENTS = 1_000


@click.command()
@click.argument("input", type=PATH)
@click.option("--bundle", type=PATH, envvar="SCOREPOOL_BUNDLE", help="Score here, with this bundle.")
@click.option("--url", help="Let the service there score; needs `pip install scorepool-client`.")
@click.option(
    "--neighbours",
    type=click.IntRange(0, 100),
    help="Of each document; 0 compares nothing. With --url all documents must fit into one request  "
    "[default: 5, with --url 0]",
)
@ENCODING
@click.option("--output", type=PATH, metavar="FILE", help="Write there  [default: standard output]")
@FORCE
@click.option(
    "--token", envvar="SCOREPOOL_TOKEN", help="With --url  [default: signed with SCOREPOOL_JWT_SECRET]"
)
@click.option(
    "--timeout",
    default=30.0,
    show_default=True,
    type=FiniteRange(0.1),
    metavar="SECONDS",
    help="With --url: of each request, with its retries.",
)
@input_errors()
@click.pass_context
def command(
    ctx: click.Context,
    input: Path,
    bundle: Path | None,
    url: str | None,
    neighbours: int | None,
    encoding: str,
    output: Path | None,
    *,
    force: bool,
    token: str | None,
    timeout: float,
) -> None:
    """Score the documents of INPUT, here or by a service.

    It writes one JSON line for each document. With --url, INPUT may be - for JSON lines from standard input, and JSON
    lines keep their "id".
    """
    named = ctx.get_parameter_source("bundle") is ParameterSource.COMMANDLINE
    if (url is None and bundle is None) or (url is not None and named):
        raise click.UsageError("give --bundle to score here, or --url to let a service score")
    if url is not None:
        remote = _remote()
        scorer = remote.RemoteScorer(url, token, jwt_secret(), neighbours or 0, timeout)
        with progress_bars() as report, open_output(output, force=force) as out:
            failure = scorer.score(remote.read_documents(input, encoding), out, report)
        if failure is not None:
            raise failure
        return
    assert bundle is not None
    with progress_bars() as report, open_output(output, force=force) as out:
        score_texts(
            bundle, read_corpus(input, encoding), 5 if neighbours is None else neighbours, out, report
        )


def _remote() -> ModuleType:
    try:
        return import_module("service.cli.score_remotely")
    except ModuleNotFoundError as error:
        if error.name != "scorepool_client":
            raise
        raise InputError("--url needs the client; install it: pip install scorepool-client") from error


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
