"""What is served, opened whole: how its workers are made, and what the server itself knows of it.

    open_release   bundle: verify ─→ open files ──┬─→ handlers, trial   for the workers
                   scorer: describe in a process ─┴─→ info, known       for the server

A server has one release at a time, that of its start or of its last reload.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from random import Random

import msgspec
import orjson

from scoring.bundle.bundle import copy_vocabulary, open_verified
from scoring.bundle.files import BundleFiles
from scoring.bundle.manifest import NGRAM_VECTORS_FILE, TERMS_FILE, Manifest
from scoring.progress import Progress, silent
from service.api.response import ModelInfo
from service.api.scorer import Served
from service.ipc.bundle_handle import BundleHandle
from service.limits import PoolLimits
from service.pool.process import Trial
from service.scheduling.call_cost import SizePredictor
from service.scheduling.features import KnownModel, KnowsWord, segment_known
from service.scheduling.prediction import DocumentPredictor, Predictor
from service.scorers.declaration import declare
from service.scorers.description import describe, describe_apart
from service.scorers.handler import ScorerSource
from service.scorers.reference import DOCUMENTS
from service.settings import Settings
from service.worker.main import HandlerFactory

# Words of each of the two documents that a worker has to score before it takes over.
_TRIAL_WORDS = 20


@dataclass(frozen=True, slots=True)
class Release:
    """What is served from one moment on.

    handlers: make what answers, in a worker. info: what is said of it. known: of the built-in scorer, what costs and
    sizes are predicted with. bundle: the open files that the handlers are made of, where there are any. trial: what a
    new worker must answer.
    """

    handlers: HandlerFactory
    info: Served
    known: KnownModel | None = None
    bundle: BundleHandle | None = None
    trial: Trial = ()

    @property
    def folder(self) -> str:
        """Where the modules of the scorer are searched for first; empty for the built-in one."""
        folder: str = getattr(self.handlers, "folder", "")
        return folder

    def predictor(self, limits: PoolLimits, random: Random) -> Predictor:
        """Return what predicts the costs and answers of requests."""
        if self.known is not None:
            return DocumentPredictor(limits.max_documents, self.known, random)
        return SizePredictor(limits.batch_jobs, self.info.scorer.costs)

    def close(self) -> None:
        """Close the files of a release that is not served."""
        if self.bundle is not None:
            self.bundle.close()


def open_release(
    settings: Settings, handlers: HandlerFactory | None = None, progress: Progress = silent
) -> Release:
    """Open what the settings name, with every check; blocks for about a second per GB of a bundle.

    A scorer that is not the built-in one is described in a process of its own, in at most `load_timeout_s`. The current
    folder is searched for its module first, there and in workers, never in this process. `handlers` replace those of
    the release, for tests. `progress` is told in bytes.

    Raises: BundleError in one sentence that names the file and the fault; ScorerError with file, line and cause.
    """
    if settings.scorer is not None:
        return _scorer_release(settings, settings.scorer, handlers)
    assert settings.bundle is not None
    files = open_verified(settings.bundle, progress)
    try:
        bundle = BundleHandle(files)
        description = describe(declare(DOCUMENTS))
        return Release(
            handlers or ScorerSource(DOCUMENTS, (bundle, settings.limits), preload=description.preload),
            Served(description, model_info(files.manifest, files.digest)),
            known_model(files),
            bundle,
            _trial(files, settings),
        )
    except BaseException:
        files.close()
        raise


def _scorer_release(settings: Settings, reference: str, handlers: HandlerFactory | None) -> Release:
    folder = Path(os.getcwd())  # noqa: PTH109 - as it is named, also where it is a link
    model = None if settings.model is None else settings.model.absolute()
    description = describe_apart(reference, folder, model, settings.load_timeout_s)
    arguments = () if model is None else (model,)
    source = ScorerSource(reference, arguments, str(folder), description.preload, description.file)
    return Release(handlers or source, Served(description))


def model_info(manifest: Manifest, digest: str) -> ModelInfo:
    """Return what is said of the model with this manifest."""
    return ModelInfo(
        name=manifest.name,
        digest=digest,
        dimensions=manifest.dimensions,
        clusters=manifest.clusters,
        pooling=manifest.pooling,
        tokenizer=manifest.tokenizer,
    )


def known_model(files: BundleFiles) -> KnownModel:
    """Return what predictions need to know of a model. Raises: BundleError.

    Known is a word that costs a worker only a look-up; without n-gram vectors every word does. The vocabulary is
    copied, some bytes a word: the event loop must not wait for a disk, and a file that is truncated while it is mapped
    would end the server. For the loop's sake the tokenizer's tables are made here, and ICU is not loaded.
    """
    manifest = files.manifest
    knows_word: KnowsWord = lambda word: True  # noqa: E731 - a function without a name
    if NGRAM_VECTORS_FILE in manifest.files:
        knows_word = copy_vocabulary(files).__contains__
    tokenizer = manifest.make_tokenizer(segment_known(knows_word))
    tokenizer.load_tables()
    return KnownModel(knows_word, manifest.dimensions, manifest.clusters, tokenizer)


def _trial(files: BundleFiles, settings: Settings) -> Trial:
    """Return a request with two documents of the model's own words, as far as the limits allow; all is computed."""
    words = list(islice(_words(files), 2 * _TRIAL_WORDS))
    texts = [" ".join(half).encode()[: settings.max_document_bytes] for half in (words[::2], words[1::2])]
    documents = [text.decode(errors="ignore") for text in texts][: settings.max_documents]
    return ((orjson.dumps({"documents": documents, "vectors": True}), "score"),)


def _words(files: BundleFiles) -> Iterator[str]:
    """Yield words that the model knows: those that describe its clusters, or any."""
    terms = msgspec.json.decode(files.read(TERMS_FILE), type=list[list[str]])
    yield from chain.from_iterable(terms)
    if not any(terms):
        vocabulary = copy_vocabulary(files)
        yield from map(vocabulary.restore_key, range(len(vocabulary)))
