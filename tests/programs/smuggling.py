"""Sends requests that two parsers may read differently: `python -m tests.programs.smuggling [--bundle DIR]`.

Each goes directly to a server and through nginx and HAProxy (where they are installed, with the files in `deploy`),
with a hidden request in it and a marked one behind it. Other clients ask through the same proxy at once, which share
its connections to the server. A row for each, and what became of it; what is served twice, or answered to someone
else, is a FAULT, and then the exit status is 1.
"""

import argparse
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from tests.support.demo_bundle import given_or_demo_bundle
from tests.support.proxies import HAPROXY, NGINX, PREFIX, SETTINGS, Proxy, proxied
from tests.support.server import Server, running_server
from tests.support.smuggling import (
    ATTACKS,
    SILENCE_S,
    Answer,
    Attack,
    Target,
    outcome_of,
    read_answers,
    request,
    send,
)

# Clients that ask through a proxy behind each attack, on connections of their own.
OTHERS = 4


class Run:
    """One way to the server."""

    def __init__(self, name: str, target: Target, server: Server, *, direct: bool) -> None:
        self.name = name
        self._target = target
        self._server = server
        self._direct = direct

    def try_attack(self, attack: Attack, number: int) -> str:
        """Send an attack with a number of its own; return what became of it, with FAULT where that must not be."""
        answers, closed = send(attack, self._target, number)
        others = [self._ask(f"other-{number}-{each}") for each in range(OTHERS)]
        self._server.request("GET", "/livez", headers={"X-Request-ID": f"behind-{number}"})
        self._server.journal.await_events(event="request", request_id=f"behind-{number}")
        faults = [*self._foreign(answers, number), *self._served_otherwise(answers, number)]
        faults += [f"another client got {other}" for other in others if other]
        if self._direct and outcome_of(answers, number, closed=closed) != attack.outcome:
            faults.append(f"not {attack.outcome}")
        if faults:
            return f"FAULT {'; '.join(faults)}: {answers}"
        return outcome_of(answers, number, closed=closed) if self._direct else _described(answers, number)

    def _ask(self, request_id: str) -> str:
        """Send the request of another client; return what it got instead of its own answer, if anything."""
        with socket.create_connection(self._target.address) as client:
            client.settimeout(10 * SILENCE_S)
            client.sendall(request(self._target, request_id).encode())
            answers, _ = read_answers(client, request_id)
        return "" if answers == [Answer(200, request_id)] else str(answers)

    def _foreign(self, answers: list[Answer], number: int) -> Iterator[str]:
        """Yield the answers on the attack's connection that are not its own, or not in the order of its requests."""
        own = [f"attack-{number}", f"hidden-{number}", f"marked-{number}"]
        known = [answer.request_id for answer in answers if answer.request_id.endswith(f"-{number}")]
        if known != [each for each in own if each in known]:
            yield "answers out of order, or twice"
        yield from (
            f"answer of {answer.request_id}" for answer in answers if answer.request_id.startswith("other-")
        )

    def _served_otherwise(self, answers: list[Answer], number: int) -> Iterator[str]:
        """Yield the requests that the server has served twice, or without their sender knowing of them."""
        answered = {answer.request_id for answer in answers}
        for name in ("attack", "hidden", "marked"):
            request_id = f"{name}-{number}"
            served = len(self._server.journal.find(event="request", request_id=request_id))
            if served > 1:
                yield f"{name} was served {served} times"
            if name == "hidden" and served and request_id not in answered:
                yield "hidden was served, and its answer is lost"
        for each in range(OTHERS):
            served = len(self._server.journal.find(event="request", request_id=f"other-{number}-{each}"))
            if served != 1:
                yield f"the request of another client was served {served} times"


def _described(answers: list[Answer], number: int) -> str:
    """Return what a proxy has answered: whose answers they are, and the status of those that are its own."""
    words = []
    for answer in answers:
        name, _, whose = answer.request_id.partition("-")
        words.append(
            name if whose == str(number) else f"{'service' if answer.request_id else 'proxy'} {answer.status}"
        )
    return ", ".join(words) or "no answer"


@contextmanager
def all_runs(bundle: Path) -> Iterator[list[Run]]:
    """Run a server, and the proxies that are installed, with one connection each to it where that can be set."""
    settings = {**SETTINGS, "drain_delay_s": 0, "workers": 1, "log_level": "debug"}
    with ExitStack() as stack:
        server = stack.enter_context(running_server(bundle, scripted=False, **settings))  # type: ignore[arg-type]
        server.await_ready()
        runs = [Run("direct", Target(server.address, "", server.header_lines), server, direct=True)]
        for proxy in (NGINX, HAPROXY):
            if shutil.which(proxy.name) is None:
                print(f"{proxy.name} is not installed")
                continue
            address = stack.enter_context(proxied(proxy, server, replaced=_one_connection(proxy))).address
            runs.append(Run(proxy.name, Target(address, PREFIX, server.header_lines), server, direct=False))
        yield runs


def _one_connection(proxy: Proxy) -> dict[str, str]:
    """Return what makes clients share a proxy's connection to the server: also with those whose first request it is."""
    return {"keepalive 32;": "keepalive 1;"} if proxy is NGINX else {"http-reuse safe": "http-reuse always"}


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="send requests that two parsers may read differently")
    parser.add_argument("--bundle", type=Path)
    given = parser.parse_args()
    faults, numbers = 0, count()
    with given_or_demo_bundle(given.bundle) as bundle, all_runs(bundle) as runs:
        print(" | ".join(["attack".ljust(40), *(run.name.ljust(24) for run in runs)]))
        for attack in ATTACKS:
            outcomes = [run.try_attack(attack, next(numbers)) for run in runs]
            faults += sum(outcome.startswith("FAULT") for outcome in outcomes)
            print(
                " | ".join([attack.name.ljust(40), *(outcome.ljust(24) for outcome in outcomes)]), flush=True
            )
    print(f"{len(ATTACKS)} attacks, {len(runs)} ways, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
