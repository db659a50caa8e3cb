"""What a request to another service passes on to the requests that it causes: its id, its trace, its deadline."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

# What the service accepts; it would replace any other id by its own.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

# W3C Trace Context, 3.2, version 00 and what later versions keep of it.
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]*)?")

_TRACESTATE = re.compile(r"[ -~]{1,512}")


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that causes others. timeout_s: how long it may take from `began` on, None where it does not say."""

    request_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    timeout_s: float | None = None
    began: float = 0.0

    def limit(self, timeout_s: float) -> float:
        """Return the seconds that a call may take which would have `timeout_s` by itself; not positive: none."""
        if self.timeout_s is None:
            return timeout_s
        return min(timeout_s, self.timeout_s - (time.monotonic() - self.began))


_ORIGIN: ContextVar[Origin] = ContextVar("origin", default=Origin())  # noqa: B039  # it is frozen


@contextmanager
def passing_on(headers: Mapping[str, str]) -> Iterator[None]:
    """Pass the id, the trace and the deadline of the request with these headers on, in every call in the block.

    `X-Request-ID`, `traceparent` and `tracestate` are sent as they are; malformed ones are left out. The calls end
    when the time of `X-Request-Timeout-Ms` is over, which begins with the block.
    """
    given = {name.lower(): value for name, value in headers.items()}
    milliseconds = given.get("x-request-timeout-ms", "")
    token = _ORIGIN.set(
        Origin(
            _matching(given.get("x-request-id"), _REQUEST_ID),
            _matching(given.get("traceparent"), _TRACEPARENT),
            _matching(given.get("tracestate"), _TRACESTATE),
            int(milliseconds) / 1e3 if re.fullmatch("[0-9]{1,15}", milliseconds) else None,
            time.monotonic(),
        )
    )
    try:
        yield
    finally:
        _ORIGIN.reset(token)


def current_origin() -> Origin:
    """Return what the innermost `passing_on` around the caller passes on; nothing outside of one."""
    return _ORIGIN.get()


def _matching(value: str | None, pattern: re.Pattern[str]) -> str | None:
    return value if value is not None and pattern.fullmatch(value) else None
