"""One call: what is sent again and when, what ends it, and what is passed on. No network, no waiting."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count, cycle, repeat

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorepool_client import (
    AuthenticationError,
    CircuitOpenError,
    CircuitPolicy,
    ConnectionLostError,
    DeadlineExceededError,
    InvalidRequestError,
    OverloadedError,
    RetryPolicy,
    ScorepoolError,
    ServerError,
    UnreachableError,
    passing_on,
)
from scorepool_client.exchange import Call, FetchToken, Loss, LossKind, Reply
from scorepool_client.passing_on import current_origin
from tests.support.client_steps import Driver, Outcome, reply
from tests.support.tokens import SECRET

GOOD = reply(200)
REFUSED = Loss(LossKind.UNREACHABLE, "connection refused")
STALE = Loss(LossKind.STALE, "closed")
LOST = Loss(LossKind.LOST, "reset")
LATE = Loss(LossKind.TIMEOUT, "read")
FULL = reply(503, "overloaded", {"retry-after": "2"})

# The clock counts from a million seconds.
ROUNDING_S = 1e-6

PATIENT = Call("POST", "/score", b"{}", 10.0, patient=True)


def test_an_answer_ends_the_call() -> None:
    """One request, no waiting."""
    driver = Driver([GOOD])

    assert driver.run() == GOOD
    assert len(driver.steps) == 1


@pytest.mark.parametrize("outcome", [REFUSED, STALE, FULL, reply(429, "quota_exceeded"), reply(503)])
def test_what_cannot_have_been_done_is_sent_again(outcome: Outcome) -> None:
    """No connection, a kept connection that was closed, and refusals before any work."""
    driver = Driver([outcome, GOOD])

    assert driver.run() == GOOD
    assert len(driver.sent) == 2


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (LOST, ConnectionLostError),
        (LATE, DeadlineExceededError),
        (reply(500, "worker_crashed"), ServerError),
        (reply(502), ServerError),
        (reply(504, "deadline_exceeded"), DeadlineExceededError),
        (reply(422, "invalid_option"), InvalidRequestError),
        (reply(413, "too_many_documents"), InvalidRequestError),
        (reply(401, "invalid_token"), AuthenticationError),
        (reply(403, "insufficient_scope"), AuthenticationError),
    ],
)
def test_what_may_have_been_done_is_not_sent_again(outcome: Outcome, error: type[ScorepoolError]) -> None:
    """Each has its exception, with the number of requests."""
    driver = Driver([outcome])

    with pytest.raises(error) as caught:
        driver.run()

    assert caught.value.attempts == len(driver.sent) == 1
    assert caught.value.request_id == driver.sent[0].headers["X-Request-ID"]


def test_a_closed_connection_is_tried_once_again() -> None:
    """A second one in a call is no coincidence."""
    driver = Driver([STALE, STALE])

    with pytest.raises(ConnectionLostError):
        driver.run()

    assert len(driver.sent) == 2


def test_retry_after_is_a_least_wait_with_jitter_on_top() -> None:
    """No wait is shorter than what the service asks for, and two clients do not wait equally long."""
    driver = Driver([FULL, FULL, FULL, GOOD])

    driver.run()

    assert all(2.0 <= wait <= 2.0 + 0.1 * 2**number for number, wait in enumerate(driver.slept))
    assert len(set(driver.slept)) == 3


def test_a_call_gives_up_after_its_retries() -> None:
    """The last refusal is what the caller gets, with what the service said."""
    driver = Driver(repeat(FULL))

    with pytest.raises(OverloadedError) as caught:
        driver.run()

    error = caught.value
    assert (error.code, error.status, error.retry_after_s, error.attempts) == ("overloaded", 503, 2.0, 4)


@given(
    retry_after=st.integers(0, 20),
    timeout=st.floats(0.1, 30),
    takes=st.floats(0, 3),
    patient=st.booleans(),
    kind=st.sampled_from(["full", "refused", "both"]),
)
def test_nothing_is_sent_or_awaited_past_the_deadline(
    *, retry_after: int, timeout: float, takes: float, patient: bool, kind: str
) -> None:
    """Whatever the service asks for; each request is told what is left."""
    full = reply(503, "overloaded", {"retry-after": str(retry_after)})
    outcomes: dict[str, list[Outcome]] = {"full": [full], "refused": [REFUSED], "both": [REFUSED, full]}
    driver = Driver(cycle(outcomes[kind]), takes_s=takes)
    begin = driver.clock.now

    with pytest.raises(ScorepoolError):
        driver.run(Call("POST", "/score", b"{}", timeout, patient=patient))

    assert driver.clock.now - begin <= timeout + takes + ROUNDING_S
    assert all(0 < send.time_s <= timeout + ROUNDING_S for send in driver.sent)
    assert all(int(send.headers["X-Request-Timeout-Ms"]) <= max(1, send.time_s * 1e3) for send in driver.sent)


@given(calls=st.integers(1, 60), ratio=st.floats(0, 1), tokens=st.floats(0, 20))
def test_the_budget_bounds_all_retries_together(calls: int, ratio: float, tokens: float) -> None:
    """A service that refuses everything gets no more than the calls, a share of them, and the bucket."""
    policy = RetryPolicy(budget_ratio=ratio, budget_tokens=tokens, budget_per_s=0.0)
    driver = Driver(repeat(reply(503)), retry=policy)

    for _ in range(calls):
        with pytest.raises(OverloadedError):
            driver.run()

    assert len(driver.sent) <= calls + ratio * calls + tokens


def test_a_patient_call_waits_for_the_budget() -> None:
    """It repeats more often than `max_retries`, once a second, until its deadline."""
    driver = Driver(repeat(reply(503)), retry=RetryPolicy(budget_tokens=1.0, max_backoff_s=0.1))

    with pytest.raises(OverloadedError):
        driver.run(PATIENT)

    assert 8 <= len(driver.sent) <= 11


def test_the_circuit_opens_and_a_probe_closes_it() -> None:
    """Calls fail at once while the service is down, and the first that finds it again lets all through."""
    policy = CircuitPolicy(threshold=3)
    driver = Driver([REFUSED] * 3 + [GOOD] * 2, circuit=policy, retry=RetryPolicy(max_retries=0))
    for _ in range(3):
        with pytest.raises(UnreachableError):
            driver.run()

    with pytest.raises(CircuitOpenError) as caught:
        driver.run()
    assert len(driver.sent) == 3
    assert caught.value.retry_after_s is not None
    driver.clock.sleep(caught.value.retry_after_s)

    assert driver.run() == driver.run() == GOOD
    assert driver.circuit.state == "closed"


def test_a_patient_call_waits_for_the_circuit() -> None:
    """A restart of the service costs a large set some waiting and no part."""
    driver = Driver([REFUSED] * 6 + [GOOD], circuit=CircuitPolicy(threshold=3))

    assert driver.run(PATIENT) == GOOD


def test_a_cancelled_probe_does_not_block_the_next_one() -> None:
    """The next call may be the probe."""
    driver = Driver([REFUSED, GOOD], circuit=CircuitPolicy(threshold=1), retry=RetryPolicy(max_retries=0))
    with pytest.raises(UnreachableError):
        driver.run()
    driver.clock.sleep(1.0)
    cancelled = driver.exchange().steps()
    next(cancelled)

    cancelled.close()

    assert driver.run() == GOOD


def test_a_refusal_does_not_open_the_circuit() -> None:
    """A service that says 503 is there."""
    driver = Driver(repeat(reply(503)), circuit=CircuitPolicy(threshold=2), retry=RetryPolicy(max_retries=0))

    for _ in range(20):
        with pytest.raises(OverloadedError):
            driver.run()

    assert driver.circuit.state == "closed"


def test_a_proxy_that_finds_no_service_opens_the_circuit() -> None:
    """Its 502 is no problem document."""
    driver = Driver(repeat(Reply(502, {"content-type": "text/html"}, b"<h1>Bad Gateway</h1>")))

    for _ in range(5):
        with pytest.raises(ServerError, match="http_502"):
            driver.run()

    with pytest.raises(CircuitOpenError):
        driver.run()


def test_a_key_in_use_is_waited_for_as_long_as_there_is_time() -> None:
    """An earlier attempt is still served: that is no overload, and takes no retry and no budget."""
    call = Call("POST", "/jobs", b"", 3600.0, repeatable=True)
    driver = Driver([*[reply(409, "key_in_use")] * 500, GOOD])
    before = repr(driver.budget)

    assert driver.run(call) == GOOD
    assert (len(driver.sent), repr(driver.budget)) == (501, before)
    assert min(driver.slept) >= 1.0
    impatient = Driver(repeat(reply(409, "key_in_use")))
    with pytest.raises(InvalidRequestError, match="key_in_use"):
        impatient.run(replace(call, timeout_s=60.0))
    assert 50 <= len(impatient.sent) <= 60


def counting_tokens() -> Callable[[], str]:
    """Return a function that gives another token each time; they last for ever."""
    numbers = count(1)
    return lambda: jwt.encode({"exp": 9e9, "jti": str(next(numbers))}, SECRET)


def test_a_refused_token_is_renewed_once() -> None:
    """The same call is sent again with another token; a second refusal is the caller's."""
    driver = Driver([reply(401, "invalid_token"), GOOD, GOOD], token=counting_tokens())
    assert driver.run() == GOOD
    assert driver.run() == GOOD
    first, second, third = [send.headers["Authorization"] for send in driver.sent]
    assert first != second == third

    driver = Driver(repeat(reply(401, "invalid_token")), token=counting_tokens())
    with pytest.raises(AuthenticationError):
        driver.run()
    assert len(driver.sent) == 2


def test_a_function_of_tokens_that_fails_is_an_exception_of_the_tree() -> None:
    """Its own exception is the cause."""
    steps = Driver([], token=counting_tokens()).exchange().steps()
    assert next(steps) == FetchToken(None)

    with pytest.raises(AuthenticationError, match="no_token") as caught:
        steps.send(OSError("no issuer"))

    assert isinstance(caught.value.__cause__, OSError)


def test_a_token_that_no_header_carries_is_not_shown() -> None:
    """The message does not hold the token."""
    with pytest.raises(AuthenticationError) as caught:
        Driver([], token="se cret\nx: y").run()

    assert "cret" not in repr(caught.value)


def test_ids_trace_and_deadline_are_passed_on() -> None:
    """What the request brought that causes the call, in every attempt."""
    headers = {
        "X-Request-ID": "ours-17",
        "Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate": "a=b",
        "X-Request-Timeout-Ms": "1500",
    }
    driver = Driver([reply(503), GOOD])

    with passing_on(headers):
        driver.run(Call("POST", "/score", b"{}", 10.0, origin=current_origin()))

    for send in driver.sent:
        assert send.headers["X-Request-ID"] == "ours-17"
        assert send.headers["traceparent"] == headers["Traceparent"]
        assert send.headers["tracestate"] == "a=b"
        assert 0 < int(send.headers["X-Request-Timeout-Ms"]) <= 1500


def test_malformed_ids_and_traces_are_left_out() -> None:
    """They could end the call, or put a second header into it."""
    with passing_on({"X-Request-ID": "a b", "traceparent": "00-1\r\nX: y", "X-Request-Timeout-Ms": "soon"}):
        origin = current_origin()

    assert (origin.request_id, origin.traceparent, origin.timeout_s) == (None, None, None)
    assert current_origin().request_id is None
