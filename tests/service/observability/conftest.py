"""Fixtures of the observability tests."""

import logging

import pytest

from service.observability.log import EventLog
from service.observability.log_format import encode_json
from service.observability.redaction import Redactor
from tests.support.captured_log import CapturedLog


@pytest.fixture
def collected() -> CapturedLog:
    """Return a writer that keeps the lines of `log`."""
    return CapturedLog()


@pytest.fixture
def log(collected: CapturedLog) -> EventLog:
    """Return a log of every level."""
    return EventLog(collected, encode_json, Redactor(), logging.DEBUG)
