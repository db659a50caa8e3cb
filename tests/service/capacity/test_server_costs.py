"""What the server's part costs is measured of a real one: tests/integration/test_capacity.py."""

from pathlib import Path

import pytest

from scoring.progress import silent
from service.capacity.costs import Requests
from service.capacity.server_costs import measure_server
from service.limits import RequestLimits


def test_requests_that_take_longer_than_they_are_measured_are_refused() -> None:
    """At once, with what to give: none would be scored in that time."""
    requests = Requests(Path("bundle"), (b"",), RequestLimits(), seconds=2.0)

    with pytest.raises(ValueError, match=r"takes a worker 5\.2 s; give --seconds 11 to"):
        measure_server(requests, 5.2, silent)
