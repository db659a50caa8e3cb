"""So many requests begin in one turn of the loop, and none is forgotten."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from service.connections.deferral import StartDeferral


@given(st.lists(st.integers(0, 12), min_size=1, max_size=8), st.integers(1, 5))
def test_everybody_begins_in_order_and_so_many_in_a_turn(arrivals: list[int], per_turn: int) -> None:
    """Whether they come at once or in several turns."""

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
        # What is let in at the end of one turn and what comes in the next may fall between the same two looks.
        assert max(turns) <= 2 * per_turn

    asyncio.run(scenario())


def test_nobody_waits_when_few_come() -> None:
    """The usual case."""

    async def scenario() -> None:
        deferral = StartDeferral(2)

        assert deferral.start(lambda: None)
        assert deferral.start(lambda: None)
        assert not deferral.start(lambda: None)

    asyncio.run(scenario())
