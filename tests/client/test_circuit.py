"""The circuit by itself."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from scorepool_client.circuit import PROBE_S, Circuit, CircuitPolicy


def opened(policy: CircuitPolicy, now: float = 0.0) -> Circuit:
    """Return a circuit that has just opened."""
    circuit = Circuit(policy, Random(2))
    for _ in range(policy.threshold):
        circuit.fail(now)
    assert circuit.state == "open"
    return circuit


def test_only_failures_in_a_row_open_it() -> None:
    """An answer in between begins anew."""
    circuit = Circuit(CircuitPolicy(threshold=2), Random(2))

    for _ in range(5):
        circuit.fail(0.0)
        circuit.succeed()

    assert circuit.state == "closed"


def test_one_call_probes_at_a_time() -> None:
    """The others are told to come back soon."""
    circuit = opened(CircuitPolicy())
    later = circuit.enter(0.0)

    assert circuit.enter(later) == 0.0
    assert circuit.state == "probing"
    assert circuit.enter(later) == PROBE_S


def test_a_failure_that_began_before_does_not_prolong_it() -> None:
    """Calls that were on their way when it opened."""
    circuit = opened(CircuitPolicy())
    wait = circuit.enter(0.0)

    circuit.fail(0.1)

    assert circuit.enter(wait) == 0.0


def test_threshold_0_never_opens_it() -> None:
    """For those who want none."""
    circuit = Circuit(CircuitPolicy(threshold=0), Random(2))

    for _ in range(1000):
        circuit.fail(0.0)

    assert circuit.enter(0.0) == 0.0


@given(probes=st.integers(1, 1100))
def test_waits_double_up_to_the_most(probes: int) -> None:
    """Their second half is random; the two bounds hold for any number of probes that failed."""
    policy = CircuitPolicy(first_wait_s=0.5, max_wait_s=15.0)
    circuit, now = opened(policy), 0.0

    for number in range(probes):
        wait = circuit.enter(now)
        longest = min(15.0, 0.5 * 2.0 ** min(number, 10))
        assert longest / 2 <= wait + 1e-6
        assert wait <= longest + 1e-6
        now += wait
        while wait := circuit.enter(now):  # what rounding leaves
            now += wait
        circuit.fail(now)
