"""What a server needs of the scorer that its settings name: its description, and how workers open it."""

import os
from pathlib import Path
from random import Random
from typing import NamedTuple

from scoring.bundle.bundle import copy_vocabulary, open_verified
from scoring.bundle.files import BundleFiles
from scoring.bundle.manifest import NGRAM_VECTORS_FILE, Manifest
from service.api.response import ModelInfo
from service.api.scorer import ScorerDescription
from service.ipc.bundle_handle import BundleHandle
from service.limits import PoolLimits
from service.scheduling.call_cost import SizePredictor
from service.scheduling.features import KnownModel, KnowsWord
from service.scheduling.prediction import DocumentPredictor, Predictor
from service.scorers.declaration import declare
from service.scorers.description import describe, describe_apart
from service.scorers.handler import ScorerSource
from service.scorers.reference import DOCUMENTS
from service.settings import Settings


class ServedScorer(NamedTuple):
    """A scorer that is ready to be served.

    source: opens it in workers. bundle, model, known: of the built-in scorer, None for any other.
    """

    description: ScorerDescription
    source: ScorerSource
    bundle: BundleHandle | None = None
    model: ModelInfo | None = None
    known: KnownModel | None = None

    def predictor(self, limits: PoolLimits, random: Random) -> Predictor:
        """Return what predicts the costs and answers of its requests."""
        if self.known is not None:
            return DocumentPredictor(limits.max_documents, self.known, random)
        return SizePredictor(limits.batch_jobs, self.description.costs)


def prepare_scorer(settings: Settings) -> ServedScorer:
    """Describe the scorer of the settings; blocks, for another than the built-in one at most `load_timeout_s`.

    The current folder is searched for its module first, in workers and where it is described, never in this process.
    Raises: ScorerError; for the built-in scorer BundleError.
    """
    if settings.scorer is None:
        assert settings.bundle is not None
        return serve_documents(settings, open_verified(settings.bundle))
    folder = Path(os.getcwd())  # noqa: PTH109 - as it is named, also where it is a link
    model = None if settings.model is None else settings.model.absolute()
    description = describe_apart(settings.scorer, folder, model, settings.load_timeout_s)
    arguments = () if model is None else (model,)
    source = ScorerSource(settings.scorer, arguments, str(folder), description.preload, description.file)
    return ServedScorer(description, source)


def serve_documents(settings: Settings, files: BundleFiles) -> ServedScorer:
    """Return the built-in scorer over a bundle's open `files`, which every worker, whenever it starts, is given.

    Raises: BundleError.
    """
    description = describe(declare(DOCUMENTS))
    bundle = BundleHandle(files)
    source = ScorerSource(DOCUMENTS, (bundle, settings.limits), preload=description.preload)
    known = KnownModel(word_test(files), files.manifest.dimensions)
    return ServedScorer(description, source, bundle, model_info(files.manifest, files.digest), known)


def word_test(files: BundleFiles) -> KnowsWord:
    """Return a test whether a word costs a worker only a look-up: one that the model knows, as most are.

    Without n-gram vectors every word does. The vocabulary is copied, some bytes a word: the event loop must not wait
    for a disk, and a file that is truncated while it is mapped would end the server. Raises: BundleError.
    """
    if NGRAM_VECTORS_FILE not in files.manifest.files:
        return lambda word: True
    contains: KnowsWord = copy_vocabulary(files).__contains__
    return contains


def model_info(manifest: Manifest, digest: str) -> ModelInfo:
    """Return what `/info` says of the model with this manifest."""
    return ModelInfo(
        name=manifest.name,
        digest=digest,
        dimensions=manifest.dimensions,
        clusters=manifest.clusters,
        pooling=manifest.pooling,
    )
