"""Each metric moves when, and only when, what it counts has happened."""

import pytest

from service.api.outcome import Facts, Outcome
from service.api.problems import PROBLEMS
from service.observability.metrics import (
    REQUEST_BOUNDS,
    PoolMetrics,
    RequestMetrics,
    ScoringMetrics,
    ServedModel,
)
from service.observability.request_record import RequestRecord
from service.observability.status import SlotSnapshot, Snapshot
from tests.support.prometheus_samples import Samples, differences, parse_samples, without_buckets

FACTS = Facts(
    documents=4,
    pairs=6,
    tokens=20,
    known=15,
    stages=(("decode", 2.0), ("encode", 3.0)),
    clusters=((1, 3), (2, 1)),
)

EMPTY = Snapshot(slots=(), jobs=0, cost_s=0.0, subjects=0)

REQUEST = "http_server_request_duration_seconds_count"


def record(
    status: int, code: str = "ok", *, method: str = "POST", route: str = "/score", subject: str = "alice"
) -> RequestRecord:
    """Return a request that took a quarter of a second."""
    return RequestRecord(
        "id", {}, method, began=10.0, ended=10.25, route=route, status=status, code=code, subject=subject
    )


def requests(metrics: RequestMetrics) -> Samples:
    """Read what is written."""
    return parse_samples("".join(metrics.families()).encode())


def scoring(metrics: ScoringMetrics) -> Samples:
    """Read what is written."""
    return parse_samples("".join(metrics.families()).encode())


def pool(metrics: PoolMetrics, snapshot: Snapshot = EMPTY) -> Samples:
    """Read what is written."""
    return parse_samples("".join(metrics.families(snapshot)).encode())


def series(method: str, route: str, status: int) -> str:
    """Name the count of a series of requests."""
    labels = f'http_request_method="{method}",http_route="{route}",http_response_status_code="{status}"'
    return f"{REQUEST}{{{labels}}}"


def test_expected_requests_have_series_at_zero() -> None:
    """A dashboard shows a route before its first request."""
    metrics = RequestMetrics()

    assert requests(metrics)[series("GET", "/livez", 200)] == 0
    assert requests(metrics)[series("POST", "/score", 504)] == 0


def test_a_request_is_active_until_it_ends() -> None:
    """However it ends."""
    metrics = RequestMetrics()
    metrics.began()
    metrics.began()

    metrics.ended(record(500, "internal_error"))

    assert requests(metrics)["http_server_active_requests"] == 1


def test_a_success_counts_a_request_and_nothing_else() -> None:
    """No refusal and no failure."""
    metrics = RequestMetrics()
    metrics.began()
    before = requests(metrics)

    metrics.ended(record(200))

    change = without_buckets(differences(before, requests(metrics)))
    assert change == {series("POST", "/score", 200): 1, "http_server_active_requests": -1}


@pytest.mark.parametrize(
    "code", [code for code, problem in PROBLEMS.items() if problem.status not in {500, 504}]
)
def test_a_refusal_is_counted_by_its_code(code: str) -> None:
    """As rejected, and not as a failure."""
    metrics = RequestMetrics()
    before = requests(metrics)

    metrics.ended(record(PROBLEMS[code].status, code))

    change = {
        key: value for key, value in differences(before, requests(metrics)).items() if "scorepool" in key
    }
    assert change == {f'scorepool_rejected_total{{code="{code}"}}': 1}


@pytest.mark.parametrize("code", ["worker_crashed", "internal_error", "deadline_exceeded"])
def test_a_failure_is_counted_by_its_code(code: str) -> None:
    """As failed, and not as rejected."""
    metrics = RequestMetrics()
    before = requests(metrics)

    metrics.ended(record(PROBLEMS[code].status, code))

    change = {
        key: value for key, value in differences(before, requests(metrics)).items() if "scorepool" in key
    }
    assert change == {f'scorepool_failures_total{{code="{code}"}}': 1}


def test_a_client_that_left_is_a_failure_with_status_499() -> None:
    """Whatever had become of its request until then."""
    metrics = RequestMetrics()

    metrics.ended(record(499, "deadline_exceeded"))

    after = requests(metrics)
    assert after['scorepool_failures_total{code="client_closed"}'] == 1
    assert after['scorepool_failures_total{code="deadline_exceeded"}'] == 0
    assert after[series("POST", "/score", 499)] == 1


def test_a_client_that_left_before_it_was_known_has_not_failed() -> None:
    """Nothing was admitted."""
    metrics = RequestMetrics()

    metrics.ended(record(499, subject=""))

    assert requests(metrics)['scorepool_failures_total{code="client_closed"}'] == 0


def test_methods_and_paths_of_clients_make_no_series() -> None:
    """Whatever is asked for, one series for what is not known."""
    metrics = RequestMetrics()

    for number in range(100):
        metrics.ended(record(404, "not_found", method=f"BREW{number}", route=""))

    assert requests(metrics)[series("_OTHER", "_OTHER", 404)] == 100
    assert len(requests(metrics)) - len(requests(RequestMetrics())) == len(REQUEST_BOUNDS) + 3


def test_a_completed_request_counts_what_was_scored() -> None:
    """Documents, pairs, stages in seconds, unknown tokens and clusters."""
    metrics = ScoringMetrics(ServedModel("demo", "sha256:00", 3))

    metrics.finished(Outcome("ok", b"", FACTS))

    after = scoring(metrics)
    assert (after["scorepool_documents_total"], after["scorepool_pairs_total"]) == (4, 6)
    assert after['scorepool_stage_duration_seconds_sum{stage="encode"}'] == 0.003
    assert after["scorepool_unknown_tokens_ratio_sum"] == 0.25
    assert after['scorepool_cluster_assignments_total{cluster="1"}'] == 3


def test_a_request_that_did_not_complete_counts_its_stages_alone() -> None:
    """Time was spent, but nothing was scored."""
    metrics = ScoringMetrics(ServedModel("demo", "sha256:00", 3))
    before = scoring(metrics)

    metrics.finished(Outcome("invalid_document", b"", Facts(documents=4, stages=(("decode", 2.0),))))

    change = without_buckets(differences(before, scoring(metrics)))
    assert change == {'scorepool_stage_duration_seconds_count{stage="decode"}': 1}


def test_documents_without_tokens_have_no_share_of_unknown_ones() -> None:
    """Nothing is divided by zero."""
    metrics = ScoringMetrics(ServedModel("demo", "sha256:00", 3))

    metrics.finished(Outcome("ok", b"", Facts(documents=1)))

    assert scoring(metrics)["scorepool_unknown_tokens_ratio_count"] == 0


def test_every_series_of_scoring_exists_from_the_start() -> None:
    """Each stage and each cluster at zero, and which model it is."""
    after = scoring(ScoringMetrics(ServedModel('a "demo"', "sha256:00", 2)))

    assert after['scorepool_cluster_assignments_total{cluster="1"}'] == 0
    assert after['scorepool_stage_duration_seconds_count{stage="similarity"}'] == 0
    assert after['scorepool_model_info{name="a "demo"",digest="sha256:00"}'] == 1


def test_a_call_counts_its_batch_and_each_wait() -> None:
    """Three requests in one call are one batch of three."""
    metrics = PoolMetrics()

    metrics.called([0.1, 0.2, 0.3])

    after = pool(metrics)
    assert (after["scorepool_batch_jobs_count"], after["scorepool_batch_jobs_sum"]) == (1, 3)
    assert after["scorepool_queue_duration_seconds_count"] == 3


def test_a_worker_that_ended_is_counted_by_its_reason() -> None:
    """And those that a drain ends are not: nothing replaces them."""
    metrics = PoolMetrics()
    before = pool(metrics)

    metrics.slot_ended("memory")
    metrics.slot_ended("drain")

    assert differences(before, pool(metrics)) == {'scorepool_slot_restarts_total{reason="memory"}': 1}


def test_the_pool_is_read_when_asked() -> None:
    """Gauges are what the snapshot says, with a series for each state."""
    slots = (SlotSnapshot(0, 71, "busy", 5, 1, 4096), SlotSnapshot(1, None, "backoff", 0, 9, 0))

    after = pool(PoolMetrics(), Snapshot(slots, 7, 1.5, subjects=2, answer_bytes=12))

    assert (after["scorepool_queue_jobs"], after["scorepool_queue_cost_seconds"]) == (7, 1.5)
    assert after["scorepool_answer_bytes"] == 12
    assert (after['scorepool_slots{state="busy"}'], after['scorepool_slots{state="ready"}']) == (1, 0)
    assert after['scorepool_worker_memory_bytes{slot="0"}'] == 4096


def test_a_late_event_loop_is_observed() -> None:
    """In seconds."""
    metrics = PoolMetrics()

    metrics.loop_lagged(0.004)

    assert pool(metrics)['scorepool_event_loop_lag_seconds_bucket{le="0.005"}'] == 1
