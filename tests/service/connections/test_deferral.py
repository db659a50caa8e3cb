"""A bounded number of requests begin in one turn of the event loop; the others begin in later turns."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from service.connections.deferral import MANY, OLDEST_EVERY, StartDeferral, WaitingStarts


@given(st.lists(st.integers(0, 12), min_size=1, max_size=MANY // 12), st.integers(1, 5))
def test_requests_begin_in_order_and_a_bounded_number_in_a_turn(arrivals: list[int], per_turn: int) -> None:
    """This holds whether they arrive in one turn or in several, as long as few wait."""

    async def scenario() -> None:
        deferral = StartDeferral(per_turn)
        begun: list[int] = []
        turns: list[int] = []
        number = 0

        def begin(number: int) -> None:
            begun.append(number)
            turns[-1] += 1

        def arrive(number: int) -> None:
            if deferral.start(lambda: begin(number)):
                begin(number)

        for count in arrivals:
            turns.append(0)
            for _ in range(count):
                arrive(number)
                number += 1
            await asyncio.sleep(0)
        while len(begun) < number:
            turns.append(0)
            await asyncio.sleep(0)

        assert begun == list(range(number))
        # The requests deferred from one turn and those that arrive in the next can be counted as one turn here.
        assert max(turns) <= 2 * per_turn

    asyncio.run(scenario())


@given(st.lists(st.integers(0, 40), max_size=30))
def test_whatever_waits_begins_once(batches: list[int]) -> None:
    """However many wait, and in whatever order they begin."""
    waiting: WaitingStarts[int] = WaitingStarts()
    added: list[int] = []
    taken: list[int] = []
    for batch in batches:
        for _ in range(batch):
            waiting.add(len(added))
            added.append(len(added))
        taken += [waiting.take() for _ in range(min(4, len(waiting)))]
    taken += [waiting.take() for _ in range(len(waiting))]

    assert sorted(taken) == added


def test_while_many_wait_the_newest_begin_and_now_and_then_the_oldest() -> None:
    """All that can begin at once would be late in the order of arrival; and none may wait for ever."""
    waiting: WaitingStarts[int] = WaitingStarts()
    for number in range(MANY + OLDEST_EVERY):
        waiting.add(number)

    taken = [waiting.take() for _ in range(OLDEST_EVERY)]

    newest = MANY + OLDEST_EVERY - 1
    assert taken == [*range(newest, newest - OLDEST_EVERY + 1, -1), 0]
    assert waiting.take() == 1


def test_requests_up_to_the_limit_begin_at_once() -> None:
    """Only the third of three is deferred when two may begin in a turn."""

    async def scenario() -> None:
        deferral = StartDeferral(2)

        assert deferral.start(lambda: None)
        assert deferral.start(lambda: None)
        assert not deferral.start(lambda: None)

    asyncio.run(scenario())
