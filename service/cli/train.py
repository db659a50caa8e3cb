"""`scorepool train`: a corpus becomes a bundle."""

from pathlib import Path
from typing import Any

import click

from scoring.training.corpus import read_corpus
from scoring.training.train import TrainingOptions, train
from service.cli.input_errors import input_errors
from service.cli.options import (
    BUNDLE_OUTPUT,
    ENCODING,
    FORCE,
    NAME,
    PATH,
    SEED,
    THREADS,
    clusters_option,
    pooling_option,
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
@clusters_option("auto: chosen by silhouette.")
@pooling_option(["mean", "sif"], default="sif", show_default=True)
@tokenizer_option(default="letters", show_default=True)
@SEED
@THREADS
@ENCODING
@NAME
@FORCE
@input_errors()
def command(
    corpus: Path, output: Path, name: str | None, encoding: str, *, force: bool, **options: Any
) -> None:
    """Train a bundle on CORPUS.

    CORPUS is a .txt with a document a line, a .jsonl with `text`, or a folder of .txt files.
    """
    destination = BundleDestination(output, force)
    destination.check()
    with progress_bars() as report:
        training = TrainingOptions(name=name or corpus.stem, **options)
        summary = destination.publish(train(read_corpus(corpus, encoding), training, report))
    click.echo(summary)
