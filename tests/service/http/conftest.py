"""Fixtures of the HTTP tests."""

from pathlib import Path

import pytest

from tests.support.application import Service


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """Return the application over a fake pool, with bodies of at most 1,000 bytes."""
    return Service(tmp_path, max_body_bytes=1_000)
