"""The routes of jobs where the service keeps none."""

import json
from pathlib import Path

import pytest

from service.api.job import JOB_ROUTES
from tests.support.application import Service


@pytest.mark.parametrize("path", JOB_ROUTES)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_without_a_folder_there_are_no_jobs(tmp_path: Path, method: str, path: str) -> None:
    """And the answer says which setting is missing."""
    reply = Service(tmp_path).request(method, path)

    assert reply.status == 404
    assert "state_dir" in json.loads(reply.body)["detail"]
