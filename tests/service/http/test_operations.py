"""`/metrics` and `/info` need no token; `/status` and `/reload` need one with a scope."""

import msgspec
import pytest

from service.errors import Refused
from tests.support.application import MODEL, RELOADED, Service, token
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


def reload_headers(scope: str = "admin") -> dict[str, str]:
    """Return the headers of a request to reload."""
    return {"authorization": f"Bearer {token(scope=scope)}"}


def test_a_reload_answers_with_both_digests(service: Service) -> None:
    """And with the seconds that it took, when it has ended."""
    reply = service.request("POST", "/reload", reload_headers())

    assert reply.status == 200
    assert reply.json == {
        "result": "reloaded",
        "old_digest": RELOADED.old_digest,
        "digest": RELOADED.digest,
        "seconds": 0.25,
    }
    assert service.recorder.over[-1].subject == "ann"


def test_a_reload_needs_the_scope_admin(service: Service) -> None:
    """That of `/status` is not enough."""
    assert code_of(service.request("POST", "/reload")) == "missing_token"
    assert code_of(service.request("POST", "/reload", reload_headers("status"))) == "insufficient_scope"


@pytest.mark.parametrize(
    ("code", "status"), [("reload_failed", 422), ("reload_running", 409), ("draining", 503)]
)
def test_a_reload_that_changes_nothing_is_a_problem(service: Service, code: str, status: int) -> None:
    """Its detail is what was wrong."""
    service.model.end = Refused(code, "why")

    reply = service.request("POST", "/reload", reload_headers())

    assert (reply.status, code_of(reply), reply.json["detail"]) == (status, code, "why")


def test_info_follows_the_model(service: Service) -> None:
    """Each answer is of the model that is served at that moment."""
    before = service.request("GET", "/info").json["model"]["digest"]
    other = msgspec.structs.replace(MODEL, digest=RELOADED.old_digest)
    service.model.info = service.model.info._replace(model=other)

    assert (before, service.request("GET", "/info").json["model"]["digest"]) == (
        MODEL.digest,
        RELOADED.old_digest,
    )
