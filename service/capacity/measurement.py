"""Measures what requests of one kind cost on this machine: the workers' part, the server's part, and memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import mean

from scoring.bundle.bundle import open_bundle
from scoring.bundle.files import opened_files
from scoring.progress import Progress
from service.capacity.calls import measure_calls
from service.capacity.costs import Costs, Memory, RequestKind, Requests
from service.capacity.server_costs import measure_server
from service.capacity.texts import MIN_TEXTS, made_texts, make_bodies
from service.limits import RequestLimits
from service.release import known_model
from service.scheduling.features import FeatureReader, Features

# How often the features of each body are read: what the server sees of it depends on chance.
_READINGS = 8


@dataclass(frozen=True, slots=True)
class Measurement:
    """What requests are like and cost on a machine with so many processors."""

    kind: RequestKind
    costs: Costs
    memory: Memory
    cpus: int


@dataclass(frozen=True, slots=True)
class Sample:
    """The requests to measure. texts: to take documents from; empty makes some of the bundle's words.

    documents: in a request. unknown: the share of made words that the model does not know. seconds: for how long each
    figure is measured.
    """

    documents: int
    texts: tuple[str, ...] = ()
    unknown: float = 0.05
    seed: int = 1
    seconds: float = 2.0


def measure(bundle: Path, sample: Sample, limits: RequestLimits, cpus: int, report: Progress) -> Measurement:
    """Measure for some ten times `sample.seconds`, and until processes have started.

    Raises: BundleError, StartError when the server cannot be started, ValueError when a worker refuses the requests.
    """
    model = open_bundle(bundle)
    texts = list(sample.texts) or made_texts(
        model, max(sample.documents, MIN_TEXTS), sample.unknown, sample.seed
    )
    bodies = tuple(make_bodies(texts, sample.documents))
    requests = Requests(bundle, bodies, limits, sample.seconds)
    calls = measure_calls(requests, cpus, report)
    server = measure_server(requests, mean(calls.calls[1]), report)
    body_bytes = sum(map(len, bodies)) // len(bodies)
    features = _features(bundle, bodies, limits.max_documents)
    costs = Costs(calls.calls, calls.slowdown, server.served_s, server.refused_s, server.handover_s)
    model_bytes = sum(record.size for record in model.manifest.files.values())
    return Measurement(
        RequestKind(sample.documents, body_bytes, calls.answer_bytes, features),
        costs,
        Memory(server.server_bytes, server.worker_bytes, model_bytes),
        cpus,
    )


def _features(bundle: Path, bodies: Sequence[bytes], max_documents: int) -> tuple[Features, ...]:
    """Return what a server reads from the bodies."""
    with opened_files(bundle) as files:
        reader = FeatureReader(max_documents, known_model(files), Random(0))  # noqa: S311 - where to look
    return tuple(reader.read(body, "score") for body in bodies for _ in range(_READINGS))
