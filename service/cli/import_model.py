"""`scorepool import`: an existing fastText model becomes a bundle."""

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click

from scoring.bundle.manifest import Pooling, Precision
from scoring.importers.centroids import import_centroids, require_dimensions
from scoring.importers.conventions import LIBRARIES, Convention, Library, choose
from scoring.importers.importing import ImportOptions, build_model, import_fasttext
from scoring.texts.corpus import begun, read_documents, texts_of
from scoring.texts.documents import ReadingOptions
from scoring.tokens.lost_words import report_lost_words
from scoring.tokens.names import TokenizerName
from scoring.training.cluster_count import CountOrAuto
from scoring.training.fit import POOLING_BY_FREQUENCY, FittingOptions
from scoring.training.word_vectors import WordVectors
from service.cli.input_errors import input_errors
from service.cli.options import (
    BUNDLE_OUTPUT,
    FORCE,
    NAME,
    PATH,
    SEED,
    THREADS,
    clusters_option,
    model_name,
    pooling_option,
    reading_options,
    tokenizer_option,
)
from service.cli.output import BundleDestination
from service.cli.progress import progress_bars


@click.command()
@click.option(
    "--fasttext", required=True, type=PATH, metavar="FILE", help=".bin, .ftz, .vec, word2vec's, or gensim's."
)
@BUNDLE_OUTPUT
@click.option("--centroids", type=PATH, metavar="FILE", help="An existing K-Means: .npy, .skops, .joblib.")
@clusters_option("Fitted to --corpus; auto: as many as its halves agree on.")
@click.option("--corpus", type=PATH, metavar="FILE", help="Texts for --clusters and for --pooling sif|tfidf.")
@click.option(
    "--like",
    type=click.Choice(LIBRARIES),
    help="Tokenizer and pooling of a library's users  [default: of the library whose file it is]",
)
@tokenizer_option(show_default="that of --like, or what the words show")
@pooling_option(get_args(Pooling), show_default="that of --like")
@SEED
@THREADS
@reading_options(ids=False)
@NAME
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Keep the N most frequent words.")
@click.option(
    "--precision",
    type=click.Choice(get_args(Precision)),
    default="float32",
    show_default=True,
    help="How vectors are stored; float16 takes half the space, and embedding twice the time.",
)
@click.option("--trust-pickle", is_flag=True, help="Load a pickled model or K-Means, which can run any code.")
@FORCE
@input_errors()
def command(
    fasttext: Path,
    output: Path,
    centroids: Path | None,
    corpus: Path | None,
    reading: ReadingOptions,
    name: str | None,
    limit: int | None,
    precision: Precision,
    *,
    trust_pickle: bool,
    force: bool,
    like: Library | None,
    tokenizer: TokenizerName | None,
    pooling: Pooling | None,
    **options: Any,
) -> None:
    """Make a bundle of an existing fastText model and a K-Means.

    Without --corpus the bundle has neither terms nor outlier quantiles.
    """
    _check_clusters(centroids, corpus, options["clusters"], pooling)
    destination = BundleDestination(output, force)
    destination.check()
    with progress_bars() as report:
        # Before the model, which may take minutes.
        texts = None if corpus is None else begun(texts_of(read_documents(corpus, reading)))
        existing = None if centroids is None else import_centroids(centroids, trust_pickle=trust_pickle)
        vectors = import_fasttext(fasttext, ImportOptions(limit, trust_pickle), report)
        _warn(*vectors.warnings)
        if centroids is not None and existing is not None:
            require_dimensions(centroids, existing, vectors.word_vectors.shape[1])
        convention = _choose(vectors, like, tokenizer, pooling)
        called = name or model_name(fasttext)
        fitting = FittingOptions(called, convention.pooling, convention.tokenizer, **options)
        if texts is not None:
            texts = report_lost_words(texts, convention.tokenizer, _warn_of_lost_words)
        model = build_model(vectors, fitting, texts=texts, centroids=existing, progress=report)
        summary = destination.publish(replace(model, precision=precision), report)
    click.echo(summary)


def _check_clusters(
    centroids: Path | None, corpus: Path | None, clusters: CountOrAuto, pooling: Pooling | None
) -> None:
    """Refuse a number of clusters beside those that exist, and what needs a corpus without one. Raises: UsageError."""
    if corpus is None and centroids is None:
        raise click.UsageError("a bundle needs clusters: give --centroids, or a --corpus to fit them to")
    if corpus is None and pooling in POOLING_BY_FREQUENCY:
        raise click.UsageError(f"pooling by {pooling} needs a --corpus, for the frequencies of words")
    if centroids is not None and clusters != "auto":
        raise click.UsageError("--centroids have their own number of clusters; leave out --clusters")


def _choose(
    vectors: WordVectors, like: Library | None, tokenizer: TokenizerName | None, pooling: Pooling | None
) -> Convention:
    """Return the tokenizer and the pooling, and say on standard error what was chosen, and where it may be wrong."""
    choice = choose(vectors, like=like, tokenizer=tokenizer, pooling=pooling)
    click.echo(choice.describe(), err=True)
    _warn(*choice.warnings())
    return choice.convention


def _warn_of_lost_words(lost: str) -> None:
    _warn(f"{lost}; cut the corpus as the texts of the model were, or say by --tokenizer how that was done")


def _warn(*warnings: str) -> None:
    for warning in warnings:
        click.echo(f"Warning: {warning}", err=True)
