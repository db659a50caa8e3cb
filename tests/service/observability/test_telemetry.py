"""Each event reaches the metrics, the last minute and the log, once."""

import json
import logging

import pytest

from service.api.outcome import Facts, Outcome
from service.observability.log import EventLog, ServiceLog
from service.observability.log_format import encode_json
from service.observability.metrics import ServedModel
from service.observability.prometheus import gauge
from service.observability.redaction import Redactor
from service.observability.request_record import RequestRecord
from service.observability.status import Snapshot
from service.observability.telemetry import Telemetry
from service.pool.observer import Observer
from tests.support.prometheus_samples import Samples, differences, parse_samples, without_buckets

EMPTY = Snapshot(slots=(), jobs=0, cost_s=0.0, subjects=0)


class Lines:
    """A writer that keeps what it is given."""

    def __init__(self) -> None:
        self.dropped = 0
        self.written: list[bytes] = []

    def write(self, line: bytes) -> None:
        self.written.append(line)


@pytest.fixture
def lines() -> Lines:
    """Return a writer."""
    return Lines()


@pytest.fixture
def telemetry(lines: Lines) -> Telemetry:
    """Return the telemetry of a server that does not run."""
    log = ServiceLog(EventLog(lines, encode_json, Redactor(), logging.INFO))
    return Telemetry(ServedModel("demo", "sha256:00", 3), log, lambda: 1000.0)


def samples(telemetry: Telemetry) -> Samples:
    """Read the metrics."""
    return parse_samples(telemetry.metrics(EMPTY))


def test_it_is_an_observer_of_the_pool(telemetry: Telemetry) -> None:
    """Also for the type checker."""
    observer: Observer = telemetry

    observer.refused("overloaded")


def test_a_request_is_counted_and_logged_once(telemetry: Telemetry, lines: Lines) -> None:
    """In each place where somebody looks for it."""
    outcome = Outcome("ok", b"", Facts(documents=2, pairs=1))
    record = RequestRecord("id", {}, "POST", 999.0, 999.5, "/score", 200, "ok", "alice", outcome)
    before = samples(telemetry)

    telemetry.began(record)
    telemetry.finished("alice", outcome)
    telemetry.ended(record)

    change = without_buckets(differences(before, samples(telemetry)))
    assert change == {
        'http_server_request_duration_seconds_count{http_request_method="POST",http_route="/score",'
        'http_response_status_code="200"}': 1,
        "scorepool_documents_total": 2,
        "scorepool_pairs_total": 1,
    }
    assert json.loads(telemetry.status(EMPTY))["last_minute"]["documents"] == 2
    assert [json.loads(line)["event"] for line in lines.written] == ["request"]


def test_a_refusal_by_the_pool_is_counted_with_its_answer(telemetry: Telemetry) -> None:
    """Once, and not where it arose as well."""
    record = RequestRecord("id", {}, "POST", 999.0, 999.5, "/score", 503, "overloaded", "alice")

    telemetry.refused("overloaded")
    telemetry.ended(record)

    assert samples(telemetry)['scorepool_rejected_total{code="overloaded"}'] == 1


def test_the_death_of_a_worker_is_counted_and_logged(telemetry: Telemetry, lines: Lines) -> None:
    """With the same reason."""
    telemetry.slot_ended(1, "crash", "SIGKILL")

    assert samples(telemetry)['scorepool_slot_restarts_total{reason="crash"}'] == 1
    assert json.loads(lines.written[0])["reason"] == "crash"


def test_a_lagging_loop_is_counted_and_told(telemetry: Telemetry) -> None:
    """In the metrics and in the status."""
    telemetry.loop_lagged(0.05)

    assert samples(telemetry)["scorepool_event_loop_lag_seconds_count"] == 1
    assert json.loads(telemetry.status(EMPTY))["loop_lag_ms"]["max"] == 50.0


def test_lost_log_lines_are_counted(telemetry: Telemetry, lines: Lines) -> None:
    """Somebody who looks for a line must know that some are missing."""
    lines.dropped = 5

    assert samples(telemetry)["scorepool_log_lines_dropped_total"] == 5


def test_no_two_families_have_the_same_name(telemetry: Telemetry) -> None:
    """And each says what it counts and of which type it is."""
    text = telemetry.metrics(EMPTY).decode()

    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names)) == 21
    assert text.count("# HELP") == 21


def test_metrics_of_other_parts_are_written_too(telemetry: Telemetry) -> None:
    """They are asked for at each scrape."""
    numbers = iter((1, 2))
    telemetry.register(lambda: iter([gauge("connections", "Open connections.", {"": next(numbers)})]))

    assert [samples(telemetry)["connections"] for _ in range(2)] == [1, 2]


class Traces:
    """A tracer that knows one trace."""

    def ended(self, record: RequestRecord) -> str:
        return "0af7"

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("route", "trace_id"), [("/score", "0af7"), ("/livez", None)])
def test_scoring_is_traced_and_probes_are_not(lines: Lines, route: str, trace_id: str | None) -> None:
    """The log's line says which trace it belongs to."""
    log = ServiceLog(EventLog(lines, encode_json, Redactor(), logging.DEBUG))
    telemetry = Telemetry(ServedModel("demo", "sha256:00", 3), log, lambda: 1000.0, Traces())

    telemetry.ended(RequestRecord("id", {}, "POST", 999.0, 999.5, route, 200))

    assert json.loads(lines.written[0]).get("trace_id") == trace_id
