"""`scorepool score`: scores a corpus, here, on a cluster or by a service: one JSON line a document, as in `/score`."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import click
import orjson
from click.core import ParameterSource

from scoring.bundle.bundle import open_bundle
from scoring.corpora.local import prepare, run_plan
from scoring.corpora.options import CorpusOptions
from scoring.corpora.results import result_file
from scoring.embedding.embedder import EmbeddedDocuments
from scoring.lines import documents as encoded
from scoring.pipeline import Scorer, ScoringOptions
from scoring.progress import Progress
from scoring.texts.corpus import STANDARD_INPUT, read_documents
from scoring.texts.documents import Document, ReadingLimits, ReadingOptions
from scoring.texts.ids import identified
from service.cli.input_errors import input_errors
from service.cli.optional_parts import import_with_client, import_with_dask
from service.cli.options import FORCE, PATH, FiniteRange, jwt_secret, reading_options
from service.cli.output import open_output
from service.cli.progress import progress_bars

# Documents between two steps of the progress bar.
CHUNK_DOCUMENTS = 1_000
#: Up to so many documents are held in memory; the blocks and files of more are worth their overhead, about a second.
IN_MEMORY_DOCUMENTS = 5_000

# Documents and how many neighbours of each to find; the lines go to the file.
Score = Callable[[Iterable[Document], int, BinaryIO, Progress], None]


@click.command()
@click.argument("input", type=PATH)
@click.option("--bundle", type=PATH, envvar="SCOREPOOL_BUNDLE", help="Score here, with this bundle.")
@click.option("--url", help="Let the service there score; needs `pip install scorepool-client`.")
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Score on the Dask cluster with its scheduler at tcp://HOST:PORT, or on local:N processes; "
    "needs `pip install scorepool[cluster]`.",
)
@click.option(
    "--neighbours",
    type=click.IntRange(0, 100),
    help="Of each document; 0 compares nothing. With --url all documents must fit into one request  "
    "[default: 5, with --url 0]",
)
@reading_options(ids=True)
@click.option(
    "--processes",
    default=1,
    show_default=True,
    type=click.IntRange(1, 256),
    help="That score here; the answer is the same.",
)
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
    cluster: str | None,
    neighbours: int | None,
    reading: ReadingOptions,
    processes: int,
    output: Path | None,
    *,
    force: bool,
    token: str | None,
    timeout: float,
) -> None:
    """Score the documents of INPUT, here, on a cluster or by a service.

    INPUT is read as by `scorepool train`. It writes one JSON line for each document, with its id: the member or column
    `id`, the path of a file in a folder, or its position, from 0.
    """
    named = ctx.get_parameter_source("bundle") is ParameterSource.COMMANDLINE
    if (url is None and bundle is None) or (url is not None and (named or cluster is not None)):
        raise click.UsageError("give --bundle to score here or on a cluster, or --url to let a service score")
    if url is not None:
        remote = import_with_client("service.cli.score_remotely")
        scorer = remote.RemoteScorer(url, token, jwt_secret(), neighbours or 0, timeout)
        with progress_bars() as report, open_output(output, force=force) as out:
            failure = scorer.score(remote.documents_to_send(input, _documents(input, reading)), out, report)
        if failure is not None:
            raise failure
        return
    assert bundle is not None
    score = (
        partial(score_documents, bundle, processes=processes)
        if cluster is None
        else _cluster(cluster, bundle)
    )
    with progress_bars() as report, open_output(output, force=force) as out:
        score(_documents(input, reading), 5 if neighbours is None else neighbours, out, report)


def _documents(input: Path, reading: ReadingOptions) -> Iterator[Document]:
    name = "standard input" if input == STANDARD_INPUT else str(input)
    return identified(read_documents(input, reading), name, ReadingLimits().id_characters)


def _cluster(address: str, bundle: Path) -> Score:
    module = import_with_dask("service.cli.score_on_cluster")
    score: Score = module.ClusterScorer(address, bundle).score
    return score


def score_documents(
    bundle: Path,
    documents: Iterable[Document],
    neighbours: int,
    out: BinaryIO,
    report: Progress,
    *,
    processes: int = 1,
) -> None:
    """Write one JSON line for each of n documents to `out`, the same for any number of processes.

    With `neighbours` m = 0 the documents are not compared. The comparison takes O(n²·d), most of the time when there
    are many documents. More than IN_MEMORY_DOCUMENTS are kept in a temporary folder, about 8·d + 12·m bytes each and
    their texts, so memory is bounded.

    Raises: BundleError when the bundle cannot be used; TextFault when a document cannot be read; OSError.
    """
    rest = iter(documents)
    first = list(islice(rest, IN_MEMORY_DOCUMENTS + 1))
    if len(first) <= IN_MEMORY_DOCUMENTS:
        _score_at_once(bundle, first, neighbours, out, report)
        return
    options = CorpusOptions("neighbours", neighbours) if neighbours else CorpusOptions("none")
    named = ((str(document.id), document.text) for document in chain(first, rest))
    with TemporaryDirectory(prefix="scorepool-") as folder:
        prepare(bundle, named, Path(folder), options)
        run_plan(bundle, Path(folder), processes=processes, progress=report)
        result = result_file(Path(folder))
        out.writelines(result.read(0, result.size))


def _score_at_once(
    bundle: Path, documents: Iterable[Document], neighbours: int, out: BinaryIO, report: Progress
) -> None:
    options = ScoringOptions("neighbours", neighbours) if neighbours else ScoringOptions("none")
    scorer = Scorer(open_bundle(bundle))
    ids, embedded = _embed(scorer, documents, report)
    report("cluster and compare", 0, 1)
    scores = scorer.score_vectors(embedded, options)
    report("cluster and compare", 1, 1)
    for done, document in enumerate(encoded(ids, scores, vectors=False), start=1):
        out.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))
        if done % CHUNK_DOCUMENTS == 0 or done == len(ids):
            report("write", done, len(ids))


def _embed(
    scorer: Scorer, documents: Iterable[Document], report: Progress
) -> tuple[list[str], EmbeddedDocuments]:
    ids: list[str] = []
    chunks = []
    rest = iter(documents)
    while chunk := list(islice(rest, CHUNK_DOCUMENTS)):
        ids.extend(str(document.id) for document in chunk)
        chunks.append(scorer.embed([document.text for document in chunk]))
        report("embed", len(ids), len(ids))
    return ids, EmbeddedDocuments.concatenate(chunks)
