"""`scorepool import`: an existing fastText model becomes a bundle."""

from dataclasses import dataclass
from pathlib import Path

from scoring.importers.importing import build_model, import_centroids, import_fasttext
from scoring.progress import Progress
from scoring.training.corpus import read_corpus
from scoring.training.fit import FittingOptions
from service.cli.output import BundleDestination


@dataclass(frozen=True, slots=True)
class ModelSource:
    """The files that an import reads.

    fasttext: the model. A gensim-saved one is a pickle and is loaded only with `trust_pickle`.
    centroids: an existing K-Means as `.npy`; without it, clusters are fitted to the corpus.
    corpus: texts in `encoding`; without it the bundle has neither terms nor outlier quantiles.
    """

    fasttext: Path
    trust_pickle: bool = False
    centroids: Path | None = None
    corpus: Path | None = None
    encoding: str = "utf-8"


def import_bundle(
    source: ModelSource, destination: BundleDestination, options: FittingOptions, report: Progress
) -> str:
    """Import a model, publish its bundle, and return a summary to print.

    Raises: ScoringError when a file cannot be used or the destination cannot be written.
    """
    destination.check()
    vectors = import_fasttext(source.fasttext, trust_pickle=source.trust_pickle)
    centroids = None
    if source.centroids is not None:
        centroids = import_centroids(source.centroids, vectors.word_vectors.shape[1])
    texts = None if source.corpus is None else read_corpus(source.corpus, source.encoding)
    model = build_model(vectors, options, texts=texts, centroids=centroids, progress=report)
    return destination.publish(model)
