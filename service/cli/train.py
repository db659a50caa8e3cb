"""`scorepool train`: a corpus becomes a bundle."""

from pathlib import Path

from scoring.progress import Progress
from scoring.training.corpus import read_corpus
from scoring.training.train import TrainingOptions, train
from service.cli.output import BundleDestination


def train_bundle(
    corpus: Path, encoding: str, destination: BundleDestination, options: TrainingOptions, report: Progress
) -> str:
    """Train a model on the texts in `corpus`, publish its bundle, and return a summary to print.

    Raises: ScoringError when the corpus cannot be used or the destination cannot be written.
    """
    destination.check()
    return destination.publish(train(read_corpus(corpus, encoding), options, report))
