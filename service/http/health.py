"""What probes ask: is the process alive, has it started, does it want requests. No queue and no token.

Liveness depends on nothing but the event loop: a service that restarts because it is busy is never ready.
"""

from collections.abc import Callable

import orjson
from starlette.types import Receive, Scope, Send

from service.http.responses import Header, send_answer

# Returns None, or why not: starting, draining, no_workers.
Reason = Callable[[], str | None]

_JSON: Header = (b"content-type", b"application/json")
_RETRY: Header = (b"retry-after", b"1")


class Probe:
    """Answers 200 with a status, or 503 with the reason that there is at that moment."""

    def __init__(self, status: str, reason: Reason) -> None:
        self._good = orjson.dumps({"status": status})
        self._reason = reason

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one probe."""
        reason = self._reason()
        if reason is None:
            await send_answer(send, 200, [_JSON], self._good)
        else:
            body = orjson.dumps({"status": "unavailable", "reason": reason})
            await send_answer(send, 503, [_JSON, _RETRY], body)
