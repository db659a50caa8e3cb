"""The outcome of a request: its worker's answer, or the problem that its end without one is."""

from collections.abc import Mapping
from types import MappingProxyType

from service.api.outcome import Outcome
from service.api.problems import partial
from service.scheduling.events import End, Finish

# File names are for operators, in the log and in `/readyz`.
DAMAGED = "the model's files are damaged; requests are accepted again when they are restored"

# The response where the worker gave none: the problem's code and one sentence.
_PROBLEMS: Mapping[End, tuple[str, str]] = MappingProxyType(
    {
        End.EXPIRED: (
            "deadline_exceeded",
            "the answer was not ready in time; send fewer or shorter documents",
        ),
        End.DISCONNECTED: ("client_closed", "the client left"),
        End.CRASHED: ("worker_crashed", "this body ended two workers; it will be refused for a while"),
        End.LOST: (
            "worker_crashed",
            "the workers that ran it were killed, time and again; try again later",
        ),
        End.WITHDRAWN: ("no_workers", DAMAGED),
        End.STOPPED: ("draining", "the server is shutting down; try another"),
    }
)


def outcome_of(finish: Finish, now: float) -> Outcome:
    """Return what is answered, with how long it waited and ran, up to `now`."""
    job = finish.job
    if finish.outcome is not None:
        outcome = finish.outcome
    else:
        code, detail = _PROBLEMS[finish.end]
        outcome = Outcome(code, partial(detail))
    outcome.slot, outcome.attempts = job.slot, job.attempts
    outcome.queue_ms, outcome.run_ms = job.queue_ms(now), job.run_ms(now)
    return outcome
