"""What `scorepool train` and `scorepool import` do: read, build, date, publish, and say what came out."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from scoring.bundle.bundle import write_bundle
from scoring.bundle.model import Model
from scoring.bundle.publish import require_free
from scoring.importers.importing import build_model, import_centroids, import_fasttext
from scoring.progress import Progress
from scoring.training.corpus import read_corpus
from scoring.training.fit import FittingOptions
from scoring.training.train import TrainingOptions, train
from service.cli.inspect import describe_bundle


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a bundle is published; an existing one is replaced only with `force`."""

    path: Path
    force: bool = False


def train_bundle(
    corpus: Path, encoding: str, to: Destination, options: TrainingOptions, report: Progress
) -> str:
    """Train on `corpus`, publish the bundle and return a summary for people.

    Raises: ScoringError for a corpus that cannot be used or a destination that cannot be written.
    """
    require_free(to.path, force=to.force)
    return _publish(train(read_corpus(corpus, encoding), options, report), to)


@dataclass(frozen=True, slots=True)
class Source:
    """What an import is made from: a model's file, and centroids, texts, or both for its clusters."""

    model: Path
    trust_pickle: bool
    centroids: Path | None
    texts: Iterable[str] | None


def import_bundle(source: Source, to: Destination, options: FittingOptions, report: Progress) -> str:
    """Import a model, publish the bundle and return a summary for people.

    Raises: ScoringError for a model or corpus that cannot be used or a destination that cannot be written.
    """
    require_free(to.path, force=to.force)
    vectors = import_fasttext(source.model, trust_pickle=source.trust_pickle)
    centroids = None
    if source.centroids is not None:
        centroids = import_centroids(source.centroids, vectors.word_vectors.shape[1])
    model = build_model(vectors, options, texts=source.texts, centroids=centroids, progress=report)
    return _publish(model, to)


def _publish(model: Model, to: Destination) -> str:
    # The convention of reproducible builds: whoever wants equal bytes from equal input says what time it is.
    moment = float(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    created = datetime.fromtimestamp(moment, tz=UTC).isoformat(timespec="seconds")
    write_bundle(to.path, replace(model, created=created), force=to.force)
    return f"{to.path} is ready:\n\n{describe_bundle(to.path, verify=False)}"
