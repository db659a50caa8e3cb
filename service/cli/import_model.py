"""`scorepool import`: an existing fastText model becomes a bundle."""

from pathlib import Path
from typing import Any

import click

from scoring.importers.importing import build_model, import_centroids, import_fasttext
from scoring.texts.corpus import read_documents, texts_of
from scoring.texts.documents import ReadingOptions
from scoring.training.fit import FittingOptions
from service.cli.input_errors import input_errors
from service.cli.options import (
    BUNDLE_OUTPUT,
    FORCE,
    NAME,
    PATH,
    SEED,
    THREADS,
    TOKENIZER,
    clusters_option,
    pooling_option,
    reading_options,
)
from service.cli.output import BundleDestination
from service.cli.progress import progress_bars


@click.command()
@click.option(
    "--fasttext", required=True, type=PATH, metavar="FILE", help="Facebook .bin, .vec, or gensim's."
)
@BUNDLE_OUTPUT
@click.option("--centroids", type=PATH, metavar="FILE.npy", help="An existing K-Means: (k, d) floats.")
@clusters_option("Fitted to --corpus; auto: chosen by silhouette.")
@click.option("--corpus", type=PATH, metavar="FILE", help="Texts for --clusters and for --pooling sif.")
@pooling_option("mean")
@TOKENIZER
@SEED
@THREADS
@reading_options(ids=False)
@NAME
@click.option("--trust-pickle", is_flag=True, help="Load a gensim-saved model: a pickle can run any code.")
@FORCE
@input_errors()
def command(
    fasttext: Path,
    output: Path,
    centroids: Path | None,
    corpus: Path | None,
    reading: ReadingOptions,
    name: str | None,
    *,
    trust_pickle: bool,
    force: bool,
    **options: Any,
) -> None:
    """Make a bundle of an existing fastText model and a K-Means.

    Without --corpus the bundle has neither terms nor outlier quantiles.
    """
    destination = BundleDestination(output, force)
    destination.check()
    with progress_bars() as report:
        texts = None if corpus is None else texts_of(read_documents(corpus, reading))
        vectors = import_fasttext(fasttext, trust_pickle=trust_pickle)
        dimensions = vectors.word_vectors.shape[1]
        existing = None if centroids is None else import_centroids(centroids, dimensions)
        fitting = FittingOptions(name or fasttext.stem, **options)
        model = build_model(vectors, fitting, texts=texts, centroids=existing, progress=report)
        summary = destination.publish(model)
    click.echo(summary)
