"""What probes ask: is the process alive, has it started, does it want requests. No queue and no token.

Liveness depends on nothing but the event loop: a service that restarts because it is busy is never ready.
"""

from collections.abc import Callable

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from service.replies import Header, send_answer

# Returns None, or why not: starting, draining, no_workers.
Reason = Callable[[], str | None]

_JSON: Header = (b"content-type", b"application/json")
_RETRY: Header = (b"retry-after", b"1")


def probe(status: str, reason: Reason) -> ASGIApp:
    """Return an endpoint that answers 200 with `status`, or 503 with the reason there is at that moment."""
    good = orjson.dumps({"status": status})

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        wrong = reason()
        if wrong is None:
            await send_answer(send, 200, [_JSON], good)
        else:
            body = orjson.dumps({"status": "unavailable", "reason": wrong})
            await send_answer(send, 503, [_JSON, _RETRY], body)

    return answer
