"""What happens to requests and slots is one line each that says enough and never too much."""

import logging

import pytest

from service.api.outcome import Facts, Outcome
from service.observability.log import EventLog, ServiceLog
from service.observability.log_format import encode_json
from service.observability.redaction import Redactor
from service.observability.request_record import RequestRecord
from tests.support.captured_log import CapturedLog


@pytest.fixture
def service(log: EventLog) -> ServiceLog:
    """Return the service's side of the log."""
    return ServiceLog(log)


def record(status: int = 200, code: str = "ok", outcome: Outcome | None = None) -> RequestRecord:
    """Return a request that took a quarter of a second."""
    return RequestRecord(
        "id-1",
        {},
        "POST",
        10.0,
        10.25,
        route="/score",
        status=status,
        code=code,
        subject="alice",
        client="192.0.2.7",
        outcome=outcome,
    )


def test_a_request_is_one_line_with_all_that_is_known(service: ServiceLog, collected: CapturedLog) -> None:
    """From its id to the time in each stage."""
    facts = Facts(documents=3, stages=(("decode", 0.5), ("embed", 1.5)))

    service.request(record(outcome=Outcome("ok", b"", facts, slot=1, queue_ms=0.25, attempts=1)))

    [line] = collected.events()
    assert line.pop("time")
    assert line == {
        "level": "info", "event": "request", "request_id": "id-1", "subject": "alice",
        "client": "192.0.2.7", "method": "POST",
        "route": "/score", "status": 200, "code": "ok", "documents": 3, "queue_ms": 0.25,
        "duration_ms": 250.0, "slot": 1, "attempts": 1, "decode_ms": 0.5, "embed_ms": 1.5,
    }  # fmt: skip


def test_a_request_that_was_refused_has_the_same_fields(service: ServiceLog, collected: CapturedLog) -> None:
    """With null for what there is not."""
    refused = record(401, "missing_token")
    refused.subject = refused.route = ""

    service.request(refused)

    [line] = collected.events()
    assert (line["code"], line["subject"], line["route"], line["documents"], line["slot"]) == (
        "missing_token", None, None, None, None,
    )  # fmt: skip


@pytest.mark.parametrize(("status", "level"), [(200, "info"), (503, "info"), (499, "info"), (500, "warning")])
def test_only_our_own_failures_are_warnings(
    service: ServiceLog, collected: CapturedLog, status: int, level: str
) -> None:
    """A refusal is what the service is meant to do."""
    service.request(record(status))

    assert collected.events()[0]["level"] == level


def test_a_subject_that_is_a_token_is_redacted(service: ServiceLog, collected: CapturedLog) -> None:
    """Whoever puts one there."""
    odd = record()
    odd.subject = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"

    service.request(odd)

    assert collected.events()[0]["subject"] == "[redacted]"


def test_the_end_of_a_worker_has_its_reason(service: ServiceLog, collected: CapturedLog) -> None:
    """And the evidence."""
    service.slot_ended(2, "memory", "exit status 86")

    [line] = collected.events()
    assert (line["event"], line["level"], line["slot"]) == ("slot_ended", "warning", 2)
    assert (line["reason"], line["detail"]) == ("memory", "exit status 86")


def test_a_worker_that_was_meant_to_end_is_no_warning(service: ServiceLog, collected: CapturedLog) -> None:
    """Nobody has to look."""
    service.slot_ended(2, "recycle", "SIGKILL")

    assert collected.events()[0]["level"] == "info"


def test_calls_are_no_news_of_a_slot(service: ServiceLog, collected: CapturedLog) -> None:
    """Its start, its readiness and its end are."""
    for state in ("starting", "ready", "busy", "ready", "busy", "killing", "dead"):
        service.slot_changed(0, state)

    assert [line["state"] for line in collected.events()] == ["starting", "ready", "killing", "dead"]


def test_a_fault_in_a_worker_is_an_error(service: ServiceLog, collected: CapturedLog) -> None:
    """With the request that it met."""
    service.faulted(1, "id-1", "ValueError at encoding.py:12")

    [line] = collected.events()
    assert (line["level"], line["request_id"]) == ("error", "id-1")


def test_a_worker_that_does_not_start_is_an_error(service: ServiceLog, collected: CapturedLog) -> None:
    """Somebody has to act."""
    service.start_failed(1, "BundleError: no such folder")

    assert (collected.events()[0]["level"], collected.events()[0]["event"]) == ("error", "slot_start_failed")


def test_only_a_loop_that_stood_still_is_news(service: ServiceLog, collected: CapturedLog) -> None:
    """Milliseconds are not."""
    service.loop_lagged(0.02)
    service.loop_lagged(0.2)

    assert [line["lag_ms"] for line in collected.events()] == [200.0]


@pytest.mark.parametrize(
    ("route", "status", "level"),
    [
        ("/livez", 200, "debug"),
        ("/readyz", 503, "debug"),
        ("/startupz", 503, "debug"),
        ("/metrics", 200, "debug"),
        ("/metrics", 500, "warning"),
        ("/livez", 405, "info"),
        ("/livez", 499, "info"),
        ("/info", 200, "info"),
        ("/score", 503, "info"),
    ],
)
def test_answers_to_probes_are_for_debugging(
    service: ServiceLog, collected: CapturedLog, route: str, status: int, level: str
) -> None:
    """Machines ask for them every few seconds; what went wrong with one is logged like any other request."""
    probed = record(status)
    probed.route = route

    service.request(probed)

    assert collected.events()[0]["level"] == level


def test_below_the_level_nothing_is_written(collected: CapturedLog) -> None:
    """Quiet means quiet."""
    service = ServiceLog(EventLog(collected, encode_json, Redactor(), logging.WARNING))

    service.request(record())

    assert collected.text == b""


def test_a_damaged_bundle_is_an_error_that_names_the_file(
    service: ServiceLog, collected: CapturedLog
) -> None:
    """Someone has to restore it."""
    service.bundle_damaged("terms.json", 1, 2, "has 1 bytes instead of 2")

    [line] = collected.events()
    assert line.pop("time")
    assert line == {
        "level": "error", "event": "bundle_damaged", "file": "terms.json", "size": 1, "expected": 2,
        "detail": "has 1 bytes instead of 2",
    }  # fmt: skip
