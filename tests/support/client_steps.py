"""Drives a call of the client by hand: what it is told, one after the other, and what it does in between."""

import json
from collections.abc import Iterable, Mapping
from random import Random
from types import MappingProxyType
from typing import Any

from scorepool_client.circuit import Circuit, CircuitPolicy
from scorepool_client.exchange import Call, Exchange, FetchToken, Loss, Reply, Send, Shared, Sleep, Step
from scorepool_client.retry import RetryBudget, RetryPolicy
from scorepool_client.testing import FakeClock
from scorepool_client.tokens import TokenCache, TokenGiver

Outcome = Reply | Loss


def reply(
    status: int, code: str = "", headers: Mapping[str, str] = MappingProxyType({}), **members: Any
) -> Reply:
    """Return an answer; with a code it is a problem."""
    body = {"code": code, "status": status, **members} if code else members
    kind = "application/problem+json" if code else "application/json"
    return Reply(status, {"content-type": kind, **headers}, json.dumps(body).encode())


class Driver:
    """Does the steps of calls with the given outcomes, and records the steps.

    Each call takes from the same outcomes. `takes_s`: how long each request takes on the clock.
    """

    def __init__(
        self,
        outcomes: Iterable[Outcome],
        *,
        retry: RetryPolicy | None = None,
        circuit: CircuitPolicy | None = None,
        token: TokenGiver | None = "a-token",
        takes_s: float = 0.0,
    ) -> None:
        retry = retry or RetryPolicy()
        self.clock = FakeClock()
        self.budget = RetryBudget(retry)
        self.circuit = Circuit(circuit or CircuitPolicy(), Random(1))
        self.tokens = TokenCache(token)
        self.steps: list[Step] = []
        self._shared = Shared(self.clock, Random(1), retry, self.budget, self.circuit, self.tokens)
        self._outcomes = iter(outcomes)
        self._takes_s = takes_s

    @property
    def sent(self) -> list[Send]:
        """Return the requests that were sent."""
        return [step for step in self.steps if isinstance(step, Send)]

    @property
    def slept(self) -> list[float]:
        """Return the waits."""
        return [step.seconds for step in self.steps if isinstance(step, Sleep)]

    def exchange(self, call: Call | None = None) -> Exchange:
        """Return a call that is not done yet."""
        return Exchange(self._shared, call or Call("POST", "/score", b"{}", 10.0))

    def run(self, call: Call | None = None) -> Reply:
        """Do a call. Raises: what it raises."""
        steps = self.exchange(call).steps()
        answer: Any = None
        try:
            while True:
                step = steps.send(answer)
                self.steps.append(step)
                answer = self._do(step)
        except StopIteration as done:
            result: Reply = done.value
            return result

    def _do(self, step: Step) -> Any:
        if isinstance(step, Send):
            self.clock.sleep(self._takes_s)
            return next(self._outcomes)
        if isinstance(step, FetchToken):
            return self.tokens.store(str(self.tokens.fetch()))
        assert isinstance(step, Sleep)
        self.clock.sleep(step.seconds)
        return None
