"""Everything on the way of an event is killed again and again: none lost, none doubled, in order.

The order and the moments come from a seed, which a failure shows; KYNDOF_SEED replays it.
"""

import asyncio

import pytest

from tests.seeds import chance
from tests.simulators.whole_floor import WholeFloor, schedule

pytestmark = pytest.mark.requirement("BUF", "MQT", "SYN")


async def killed(folder, kills) -> None:
    async with WholeFloor.start(folder) as floor:
        floor.producer.start()
        arrived = await floor.until_committed(100)
        for number, (victim, pause_s) in enumerate(schedule(chance(), kills)):
            if number % 2 == 0:
                # Two by two, so that one is killed while another is still coming back.
                arrived = await floor.until_committed(arrived + 20)
            await asyncio.sleep(pause_s)
            await floor.kill(victim)
            print(f"killed {victim} after {pause_s:.2f} s with {arrived} committed", flush=True)
        # Who was killed last must work again as well.
        arrived = await floor.committed()
        await floor.until_committed(arrived + 200)
        outcome = await floor.whole()
        print(f"{len(outcome.ok)} ok, {len(outcome.unknown)} given up before their commit")


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_whoever_is_killed_no_promised_event_is_lost_or_doubled(folder) -> None:
    few = {"agent": 5, "producer": 5, "broker": 5, "serve": 4, "backend": 3, "postmaster": 2}
    await killed(folder, few)


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_fifty_kills_of_each_lose_and_double_nothing(folder) -> None:
    many = {"agent": 50, "producer": 50, "broker": 20, "serve": 20, "backend": 15, "postmaster": 5}
    await killed(folder, many)
