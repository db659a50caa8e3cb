"""Nothing desynchronises a connection: what two parsers may read differently is refused, and ends it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import Server, running_server
from tests.support.smuggling import ATTACKS, Attack, Target, outcome_of, send


@pytest.fixture(scope="module")
def server(demo_bundle: Path) -> Iterator[Server]:
    """Run one server for all attacks."""
    with running_server(demo_bundle, scripted=False, workers=1, log_level="debug") as server:
        server.await_ready()
        yield server


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_every_answer_is_that_of_its_request(server: Server, attack: Attack) -> None:
    """The hidden request is never served, and the marked one once, or not at all behind a refusal."""
    number = ATTACKS.index(attack)
    target = Target(server.address, "", server.header_lines)

    answers, closed = send(attack, target, number)

    assert outcome_of(answers, number, closed=closed) == attack.outcome
    server.request("GET", "/livez", headers={"X-Request-ID": f"behind-{number}"})
    server.journal.await_events(event="request", request_id=f"behind-{number}")
    assert server.journal.find(event="request", request_id=f"hidden-{number}") == []
    assert len(server.journal.find(event="request", request_id=f"marked-{number}")) <= 1
