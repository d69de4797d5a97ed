"""A line that flaps, a cloud that waits, a fleet and a backlog: everything arrives once."""

import asyncio
import json
import statistics
import time

import asyncpg
import psutil
import pytest

from tests.fakes.floor import until
from tests.seeds import chance
from tests.simulators.cloud_site import CloudSite
from tests.simulators.fleet import fleet
from tests.simulators.network import NetworkProxy
from tests.simulators.sample_events import fill_outbox
from tests.simulators.whole_floor import STATION, WholeFloor

pytestmark = pytest.mark.requirement("BUF", "SYN")
UP_S, DOWN_S = 3.0, 2.0


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_a_slow_and_then_a_half_open_line_to_the_cloud_lose_nothing(folder) -> None:
    async with WholeFloor.start(folder) as floor:
        floor.producer.start()
        await floor.until_committed(50)
        connects = floor.line.connects
        floor.line.faults.delay_s, floor.line.faults.jitter_s = 0.2, 0.3
        floor.line.faults.rate_bytes_per_s = 200_000
        stood_at = await floor.committed()
        await floor.until_committed(stood_at + 200)
        assert floor.line.connects - connects <= 4, "slow is not gone"
        floor.line.faults.delay_s = floor.line.faults.jitter_s = 0.0
        floor.line.faults.rate_bytes_per_s = 0
        # Nobody is told that the other half is gone. Silence may last 15 s; the rest of the bound
        # is this machine's.
        link = floor.agent.home / "link.json"
        floor.line.faults.swallow = True
        await until(lambda: not json.loads(link.read_text())["cloud"], 45)
        stood_at = await floor.committed()
        floor.line.faults.swallow = False
        await floor.until_committed(stood_at + 50)
        await floor.whole()


async def flapping(floor: WholeFloor, rounds: int) -> list[int]:
    """Let the line be up and down in turns; how many events got across each time it was up."""
    got = []
    for _ in range(rounds):
        before = await floor.committed()
        await asyncio.sleep(UP_S)
        got.append(await floor.committed() - before)
        floor.line.faults.refuse = True
        await floor.line.cut()
        await asyncio.sleep(DOWN_S)
        floor.line.faults.refuse = False
    return got


async def survives_flapping(folder, rounds) -> None:
    async with WholeFloor.start(folder) as floor:
        floor.producer.start()
        await floor.until_committed(50)
        connects, began_s = floor.line.connects, time.monotonic()
        got = await flapping(floor, rounds)
        lasted_s = time.monotonic() - began_s
        outcome = await floor.whole()
        sent_twice = await floor.site.ask("SELECT sum(duplicates) FROM station_cursors")
        print(f"across in each window: {got}; {floor.line.connects - connects} connects")
        assert statistics.median(got) > 0, "nothing got across while the line was up"
        # Three channels' worth of connects a second would be a storm.
        assert floor.line.connects - connects <= 2 * lasted_s
        assert sent_twice[0][0] <= 0.1 * len(outcome.ok) + 500


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_a_flapping_line_gets_on_whenever_it_is_up(folder) -> None:
    await survives_flapping(folder, rounds=6)


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_ten_minutes_of_flapping_get_everything_across(folder) -> None:
    await survives_flapping(folder, rounds=120)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_a_cloud_whose_log_is_locked_is_waited_for(folder) -> None:
    async with WholeFloor.start(folder) as floor:
        floor.producer.start()
        await floor.until_committed(100)
        connection = await asyncpg.connect(floor.site.postgres.url("postgres", "kyndof"))
        connects = floor.line.connects
        agent = psutil.Process(floor.agent.child.pid)
        before_mb = agent.memory_info().rss / 1e6
        try:
            async with connection.transaction():
                await connection.execute("LOCK TABLE station_events IN ACCESS EXCLUSIVE MODE")
                stood_at = await floor.unlocked_count(connection)
                await asyncio.sleep(8)
                assert await floor.unlocked_count(connection) == stood_at
        finally:
            await connection.close()
        grown_mb = agent.memory_info().rss / 1e6 - before_mb
        await floor.until_committed(stood_at + 50)
        await floor.whole()
        print(f"{grown_mb:.0f} MB more, {floor.line.connects - connects} connects")
        assert grown_mb < 40, "what waits lies in memory"
        assert floor.line.connects - connects <= 8, "a slow cloud is no reason to connect anew"


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_a_whole_fleet_comes_back_at_once(folder) -> None:
    async with (
        CloudSite.start(folder / "cloud") as site,
        NetworkProxy("127.0.0.1", site.settings.grpc.port) as line,
        fleet(site, folder, 200, line.port, chance()) as stations,
    ):
        for station in stations:
            station.make(20)
        await until(lambda: all(s.uplink.committed() == 20 for s in stations), 300)
        line.faults.refuse = True
        await line.cut()
        for station in stations:
            station.make(20)
        await asyncio.sleep(5)
        line.faults.refuse = False
        await until(lambda: all(s.uplink.committed() == 40 for s in stations), 300)
        rows = await site.ask("SELECT count(*), count(DISTINCT event_id) FROM station_events")
        assert tuple(rows[0]) == (200 * 40, 200 * 40)


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_the_present_overtakes_a_million(folder) -> None:
    count = 1_000_000
    async with WholeFloor.start(folder, KYNDOF_OUTBOX__MAX_MB="4096") as floor:
        floor.agent.stop()
        floor.producer.truth.touch()
        made = await asyncio.to_thread(
            fill_outbox, floor.station / "outbox.db", count, STATION, "backlog"
        )
        floor.agent.start()
        floor.producer.start()
        most_mb, agent = 0.0, psutil.Process(floor.agent.child.pid)
        async with asyncio.timeout(3000):
            while True:
                most_mb = max(most_mb, agent.memory_info().rss / 1e6)
                rows = await floor.site.ask(
                    "SELECT count(*) FROM station_events WHERE producer_id = 'backlog'"
                )
                if rows[0][0] >= count:
                    break
                await asyncio.sleep(1)
        print(f"the agent took {most_mb:.0f} MB at most")
        assert most_mb < 300
        distinct = await floor.site.ask(
            "SELECT count(DISTINCT event_id) FROM station_events WHERE producer_id = 'backlog'"
        )
        assert distinct[0][0] == len(set(made)) == count
