"""`/metrics` needs no token; `/status` needs one with the scope `status`."""

import pytest

from tests.support.application import Service, token
from tests.support.asgi import code_of


def test_metrics_need_no_token(service: Service) -> None:
    """Prometheus scrapes without one."""
    reply = service.request("GET", "/metrics")

    assert (reply.status, reply.body) == (200, b"slots 1\n")
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_status_needs_a_token(service: Service) -> None:
    """Its answer shows the processes and the load."""
    assert code_of(service.request("GET", "/status")) == "missing_token"


def test_status_needs_the_scope(service: Service) -> None:
    """A token for scoring is not enough."""
    reply = service.request("GET", "/status", {"authorization": f"Bearer {token()}"})

    assert code_of(reply) == "insufficient_scope"


def test_a_token_with_the_scope_gets_the_status(service: Service) -> None:
    """The subject is recorded for the log."""
    reply = service.request("GET", "/status", {"authorization": f"Bearer {token(scope='status')}"})

    assert reply.json == {"slots": 1}
    assert service.recorder.over[-1].subject == "ann"


@pytest.mark.parametrize("path", ["/metrics", "/status"])
def test_both_pages_are_read_only(service: Service, path: str) -> None:
    """They do not support POST."""
    assert code_of(service.request("POST", path)) == "method_not_allowed"
