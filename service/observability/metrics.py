"""The metrics of one server, by the names that dashboards rely on. Counted once, in the server process.

A counter grows at one place: in `RequestMetrics.ended` for what HTTP sees, in `PoolMetrics.called` and
`ScoringMetrics.finished` for what the pool does. Gauges are read from the pool's snapshot at each scrape.
Series exist from the start, so that a rate sees its first event, and no label takes a client's text.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from service.api.outcome import Outcome
from service.api.problems import FAILURES, PROBLEMS, REJECTIONS
from service.api.request import WORK_ROUTES
from service.api.response import SlotState
from service.api.scorer import Served
from service.observability.prometheus import OTHER, Counter, Histogram, format_labels, gauge
from service.observability.request_record import CLIENT_CLOSED, RequestRecord
from service.observability.status import Snapshot
from service.scheduling.events import RestartReason

# Other paths and methods never come to it, reloads and jobs are other routes, and a head that is too large is never a
# request.
WORK_STATUSES = sorted(
    {200, CLIENT_CLOSED, *(problem.status for problem in PROBLEMS.values())} - {404, 405, 409, 416, 431, 507}
)

PROBE_ROUTES = ("/livez", "/readyz", "/startupz", "/metrics")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})

RELOAD_RESULTS = ("reloaded", "unchanged", "failed")

STAGES = ("decode", "embed", "cluster", "similarity", "encode")

# A worker that a drain ends is not replaced, and not counted.
RESTART_REASONS = tuple(reason for reason in RestartReason if reason is not RestartReason.DRAIN)

# Seconds: from a refusal, under a millisecond, to the default deadline.
REQUEST_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

# Seconds: from one short document to what the largest body can take.
STAGE_BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)

# Seconds: probes are promised an answer within 0.1.
LAG_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)

BATCH_BOUNDS = (1, 2, 4, 8, 16, 32, 64)

RATIO_BOUNDS = (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1)


class RequestMetrics:
    """What HTTP sees: every request, its answer and its time."""

    def __init__(self) -> None:
        self._active = 0
        self._durations = Histogram(
            "http_server_request_duration_seconds",
            "Time from the end of a request's headers to the end of its answer.",
            REQUEST_BOUNDS,
            ("http_request_method", "http_route", "http_response_status_code"),
        )
        for route, status in product(WORK_ROUTES, WORK_STATUSES):
            self._durations.add_series("POST", route, status)
        for route in PROBE_ROUTES:
            self._durations.add_series("GET", route, 200)
        self._rejected = Counter(
            "scorepool_rejected_total", "Requests refused before work.", "code", REJECTIONS
        )
        self._failures = Counter(
            "scorepool_failures_total", "Admitted requests that did not succeed.", "code", FAILURES
        )

    def began(self) -> None:
        """Count a request that is being served from now on."""
        self._active += 1

    def ended(self, record: RequestRecord) -> None:
        """Count the end of a request, of every kind."""
        self._active -= 1
        method = record.method if record.method in METHODS else OTHER
        duration = record.ended - record.began
        self._durations.observe(duration, method, record.route or OTHER, record.status)
        if record.status == CLIENT_CLOSED:
            # Without a subject it left before it was admitted: nothing has failed.
            self._failures.add("client_closed", bool(record.subject))
        elif record.code != "ok":
            self.problem(record.code)

    def problem(self, code: str) -> None:
        """Count a problem that was answered, by an endpoint or by the connection itself."""
        (self._failures if code in FAILURES else self._rejected).add(code)

    def families(self) -> Iterator[str]:
        """Write them."""
        yield self._durations.text()
        yield gauge("http_server_active_requests", "Requests that are being served.", {"": self._active})
        yield self._rejected.text()
        yield self._failures.text()


class PoolMetrics:
    """What the pool does: calls, waits, deaths, and how late the event loop is."""

    def __init__(self) -> None:
        self._waits = Histogram(
            "scorepool_queue_duration_seconds", "How long requests waited for a worker.", REQUEST_BOUNDS
        )
        self._batches = Histogram(
            "scorepool_batch_jobs", "Requests that one call of a worker took together.", BATCH_BOUNDS
        )
        self._lags = Histogram("scorepool_event_loop_lag_seconds", "How late the event loop was.", LAG_BOUNDS)
        self._restarts = Counter(
            "scorepool_slot_restarts_total",
            "Workers that ended and were replaced.",
            "reason",
            RESTART_REASONS,
        )

    def called(self, waits_s: Sequence[float]) -> None:
        """Count a call of a worker: the seconds in the queue of each request of its batch."""
        self._batches.observe(len(waits_s))
        for wait_s in waits_s:
            self._waits.observe(wait_s)

    def slot_ended(self, reason: str) -> None:
        """Count a worker that is gone. One that a drain ended is not replaced, and not counted."""
        if reason in RESTART_REASONS:
            self._restarts.add(reason)

    def loop_lagged(self, lag_s: float) -> None:
        """Count by how many seconds the event loop was late."""
        self._lags.observe(lag_s)

    def families(self, snapshot: Snapshot) -> Iterator[str]:
        """Write them, with the gauges of the pool at this moment."""
        yield self._waits.text()
        yield self._batches.text()
        yield self._lags.text()
        yield self._restarts.text()
        yield gauge("scorepool_queue_jobs", "Requests that wait for a worker.", {"": snapshot.jobs})
        about = "Predicted work of what waits, in seconds of one worker."
        yield gauge("scorepool_queue_cost_seconds", about, {"": snapshot.cost_s})
        about = "Bytes of answers that are not with the kernel yet, predicted ones included."
        yield gauge("scorepool_answer_bytes", about, {"": snapshot.answer_bytes})
        states = {str(state): sum(slot.state == state for slot in snapshot.slots) for state in SlotState}
        yield gauge("scorepool_slots", "Slots by state.", _by("state", states))
        memory = {str(slot.slot): slot.memory_bytes for slot in snapshot.slots}
        about = "Private memory of each slot's worker."
        yield gauge("scorepool_worker_memory_bytes", about, _by("slot", memory))


class ServedModel(NamedTuple):
    """The model, or scorer, whose numbers these are.

    digest: as far as it is known before a worker says it. clusters: 0 for a scorer that has none. stages: of a call.
    """

    name: str
    digest: str
    clusters: int
    stages: tuple[str, ...] = STAGES


def served_model(served: Served) -> ServedModel:
    """Name what is served: the model of the built-in scorer, or the scorer."""
    clusters = 0 if served.model is None else served.model.clusters
    return ServedModel(served.name, served.digest, clusters, served.scorer.stages)


class ScoringMetrics:
    """What was scored: documents, how long the stages took, and where the documents fell."""

    def __init__(self, model: ServedModel) -> None:
        self._model = model
        self._stages = Histogram(
            "scorepool_stage_duration_seconds", "Time in each stage of scoring.", STAGE_BOUNDS, ("stage",)
        )
        self._stage_series = {stage: self._stages.series(stage) for stage in model.stages}
        about = "Share of a scored request's tokens that the vocabulary lacks."
        self._unknown = Histogram("scorepool_unknown_tokens_ratio", about, RATIO_BOUNDS)
        self._documents = Counter("scorepool_documents_total", "Documents scored.")
        self._pairs = Counter("scorepool_pairs_total", "Pairs of documents compared.")
        name, about = "scorepool_cluster_assignments_total", "Documents assigned to each cluster."
        self._clusters = Counter(name, about, "cluster", range(model.clusters))
        about = "Reloads by their results; a failed one has changed nothing."
        self._reloads = Counter("scorepool_reloads_total", about, "result", RELOAD_RESULTS)

    def reload_ended(self, result: str, model: ServedModel) -> None:
        """Count a reload; `model` is served now. The clusters of all models so far share their counters."""
        self._reloads.add(result)
        self._model = model
        self._stage_series = {stage: self._stages.series(stage) for stage in model.stages}
        self._clusters.extend(range(model.clusters))

    def reload_failed(self) -> None:
        """Count a reload that has changed nothing."""
        self._reloads.add("failed")

    def finished(self, outcome: Outcome) -> None:
        """Count what was done for a request, and its documents if it was completed."""
        facts = outcome.facts
        for stage, milliseconds in facts.stages:
            series = self._stage_series.get(stage) or self._stages.series(OTHER)
            series.observe(milliseconds / 1e3)
        if outcome.code != "ok":
            return
        self._documents.add(amount=facts.documents)
        self._pairs.add(amount=facts.pairs)
        if facts.tokens:
            self._unknown.observe(1 - facts.known / facts.tokens)
        for cluster, documents in facts.clusters:
            self._clusters.add(cluster, documents)

    def families(self, digest: str = "") -> Iterator[str]:
        """Write them; `digest` is what the workers serve, as they say it, where the model has none."""
        counters = (self._documents, self._reloads)
        of_models = (self._pairs, self._unknown, self._clusters) if self._model.clusters else ()
        for instrument in (self._stages, *counters, *of_models):
            yield instrument.text()
        labels = format_labels({"name": self._model.name, "digest": self._model.digest or digest})
        yield gauge("scorepool_model_info", "The model that is served.", {labels: 1})


def _by(label: str, values: Mapping[str, float]) -> dict[str, float]:
    return {format_labels({label: value}): number for value, number in values.items()}
