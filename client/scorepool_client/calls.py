"""The calls that a client offers, each as the steps that `Client` and `AsyncClient` do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from scorepool_client.circuit import Circuit, CircuitPolicy
from scorepool_client.clock import Clock, SystemClock
from scorepool_client.exchange import Call, Exchange, Shared, Steps
from scorepool_client.parts import Part, PartRequest
from scorepool_client.passing_on import current_origin
from scorepool_client.request import AnyDocument, Options, encode_request
from scorepool_client.results import Info, ScoreResult, read_info, read_matrix, read_result
from scorepool_client.retry import RetryBudget, RetryPolicy
from scorepool_client.tokens import TokenCache, TokenGiver

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

# The seconds of a call, retries included, where its caller does not say: a request of some hundred documents takes
# some tens of milliseconds, and the service lets none wait for more than 5 s before it starts.
DEFAULT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What seldom has to be changed about a client.

    timeout_s: of a call that does not say. max_connections: at one time; further calls wait for one.
    clock, rng: for tests, see `scorepool_client.testing`.
    """

    timeout_s: float = DEFAULT_TIMEOUT_S
    max_connections: int = 100
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    circuit: CircuitPolicy = field(default_factory=CircuitPolicy)
    clock: Clock = field(default_factory=SystemClock)
    rng: Random = field(default_factory=Random)


class Calls:
    """Makes the steps of calls; `tokens`, `circuit` and the retry budget are shared by all of them."""

    def __init__(self, token: TokenGiver | None, settings: ClientSettings) -> None:
        self.clock = settings.clock
        self.tokens = TokenCache(token)
        self.circuit = Circuit(settings.circuit, settings.rng)
        self.timeout_s = settings.timeout_s
        budget = RetryBudget(settings.retry)
        self._shared = Shared(settings.clock, settings.rng, settings.retry, budget, self.circuit, self.tokens)

    def score(
        self, documents: Sequence[AnyDocument], options: Options, timeout_s: float | None
    ) -> Steps[ScoreResult]:
        """Score the documents of one request."""
        exchange = self._exchange("/score", encode_request(documents, options), timeout_s)
        reply = yield from exchange.steps()
        return read_result(reply.body, exchange.request_id, exchange.attempts)

    def matrix(
        self, documents: Sequence[AnyDocument], timeout_s: float | None
    ) -> Steps["NDArray[numpy.float32]"]:
        """Compare every document with every other."""
        body = encode_request(documents, Options("matrix"))
        exchange = self._exchange("/score", body, timeout_s, accept="application/x-npy")
        reply = yield from exchange.steps()
        return read_matrix(reply.body, exchange.request_id, exchange.attempts)

    def score_part(self, part: PartRequest, timeout_s: float | None) -> Steps[Part]:
        """Score one part of a large set. What goes wrong is in the part that is returned."""
        exchange = self._exchange("/score", part.body, timeout_s, patient=True)
        return (yield from part.outcome_of(exchange))

    def info(self, timeout_s: float | None, *, patient: bool = False) -> Steps[Info]:
        """Ask what the service is and what its limits are."""
        exchange = self._exchange("/info", None, timeout_s, patient=patient)
        reply = yield from exchange.steps()
        return read_info(reply.body, exchange.request_id, exchange.attempts)

    def exchange(self, call: Call) -> Exchange:
        """Return a call on its way; its time begins now."""
        return Exchange(self._shared, call)

    def backoff(self, failures: int) -> float:
        """Return the random wait after so many failures in a row of what is kept up for long."""
        return self._shared.retry.backoff(failures, self._shared.rng)

    def _exchange(
        self,
        path: str,
        body: bytes | None,
        timeout_s: float | None,
        *,
        accept: str = "application/json",
        patient: bool = False,
    ) -> Exchange:
        timeout_s = self.timeout_s if timeout_s is None else timeout_s
        method = "GET" if body is None else "POST"
        call = Call(method, path, body, timeout_s, accept, patient, current_origin())
        return Exchange(self._shared, call)
