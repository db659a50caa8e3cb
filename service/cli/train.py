"""`scorepool train`: a corpus becomes a bundle."""

from pathlib import Path
from typing import Any

import click

from scoring.texts.corpus import STANDARD_INPUT, read_documents, texts_of
from scoring.texts.documents import ReadingOptions
from scoring.tokens.lost_words import report_lost_words
from scoring.training.train import TrainingOptions, train
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
@click.argument("corpus", type=PATH)
@BUNDLE_OUTPUT
@click.option(
    "--dimensions", default=100, show_default=True, type=click.IntRange(1, 2000), help="Of a vector."
)
@click.option("--epochs", type=click.IntRange(1), help="Passes over the corpus  [default: by its size]")
@clusters_option("auto: as many as two halves of the corpus agree on.")
@pooling_option(["mean", "sif", "tfidf"], default="tfidf", show_default=True)
@tokenizer_option(default="letters", show_default=True)
@SEED
@THREADS
@reading_options(ids=False)
@NAME
@FORCE
@input_errors()
def command(
    corpus: Path, output: Path, name: str | None, reading: ReadingOptions, *, force: bool, **options: Any
) -> None:
    """Train a bundle on CORPUS.

    CORPUS is a .txt with a document a line, a .jsonl or .ndjson with `text`, a .csv or .tsv with a column `text`,
    each also as .gz or .zst, a .parquet, a folder of .txt files, or - for JSON lines from standard input.
    """
    destination = BundleDestination(output, force)
    destination.check()
    with progress_bars() as report:
        training = TrainingOptions(
            name=name or ("corpus" if corpus == STANDARD_INPUT else model_name(corpus)), **options
        )
        documents = read_documents(corpus, reading)
        texts = report_lost_words(texts_of(documents), training.tokenizer, _warn_of_lost_words)
        summary = destination.publish(train(texts, training, report))
    click.echo(summary)


def _warn_of_lost_words(lost: str) -> None:
    click.echo(f"Warning: {lost}; --tokenizer letters finds these", err=True)
