"""The relay: at least once, in order, each subscriber for itself; live views without a hole."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import cast

import asyncpg
import pytest

from cloud.events.errors import FollowerTooSlowError
from cloud.events.event import DomainEvent, RecordedEvent
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres.outbox_relay import OutboxReader, OutboxRelay, RelayPace
from tests.fakes.core import DEMO, OTHER, Core, add_organization, context_of, core_over

QUICK = RelayPace(sweep_s=0.2, first_pause_s=0.05, batch_count=10)
BOUND_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class BellRung(DomainEvent):
    number: int


@dataclass
class Listener:
    name: str
    broken: bool = False
    heard: list[RecordedEvent] = field(default_factory=list)
    more: asyncio.Event = field(default_factory=asyncio.Event)

    async def hear(self, event: RecordedEvent) -> None:
        if self.broken:
            self.more.set()
            raise ValueError("no ears")
        self.heard.append(event)
        self.more.set()

    async def until(self, count: int) -> list[int]:
        async with asyncio.timeout(BOUND_S):
            while len(self.heard) < count:
                self.more.clear()
                await self.more.wait()
        return [event.payload["number"] for event in self.heard]


@pytest.fixture
async def core(database: DatabaseUrls) -> AsyncIterator[Core]:
    await add_organization(database.owner, DEMO, "demo")
    await add_organization(database.owner, OTHER, "other")
    async with core_over(database.app) as opened:
        yield opened


async def ring(core: Core, *numbers: int, organization_id: str = DEMO) -> None:
    for number in numbers:
        async with core.transactions.begin(context_of(organization_id=organization_id)) as unit:
            unit.record(BellRung(number=number))


@pytest.mark.requirement("EVT")
async def test_a_restart_goes_on_where_it_stopped(core: Core, database: DatabaseUrls) -> None:
    first, second = Listener("dashboard"), Listener("dashboard")
    await ring(core, 1, 2)
    async with OutboxRelay(core.pool, database.app, [first], QUICK):
        assert await first.until(2) == [1, 2]
        await ring(core, 3)
        assert await first.until(3) == [1, 2, 3]
        async with asyncio.timeout(BOUND_S):
            reader = OutboxReader(core.pool)
            while (await reader.cursor(DEMO, "dashboard")).sequence < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    await ring(core, 4, 5)
    async with OutboxRelay(core.pool, database.app, [second], QUICK):
        assert await second.until(2) == [4, 5]


@pytest.mark.requirement("EVT")
async def test_a_failing_subscriber_waits_alone(core: Core, database: DatabaseUrls) -> None:
    deaf, well = Listener("deaf", broken=True), Listener("well")
    async with OutboxRelay(core.pool, database.app, [deaf, well], QUICK):
        await ring(core, 1, 2, 3)
        assert await well.until(3) == [1, 2, 3]
        async with asyncio.timeout(BOUND_S):
            await deaf.more.wait()
        deaf.broken = False
        assert await deaf.until(3) == [1, 2, 3]


class StumblingPool:
    """The real connections; their first questions end in what nobody foresaw."""

    def __init__(self, pool: asyncpg.Pool, *errors: Exception) -> None:
        self._pool = pool
        self._errors = list(errors)

    async def fetch(self, *asked: object) -> list[asyncpg.Record]:
        if self._errors:
            raise self._errors.pop(0)
        return list(await self._pool.fetch(*asked))

    def __getattr__(self, name: str) -> object:
        return getattr(self._pool, name)


@pytest.mark.requirement("EVT")
async def test_a_relay_hears_again_after_an_error_that_nobody_foresaw(
    core: Core, database: DatabaseUrls
) -> None:
    listener = Listener("dashboard")
    died = asyncpg.InternalClientError("cannot switch to state 13; another operation runs")
    pool = StumblingPool(core.pool, died, RuntimeError("no such state"))
    await ring(core, 1, 2)
    async with OutboxRelay(cast("asyncpg.Pool", pool), database.app, [listener], QUICK):
        assert await listener.until(2) == [1, 2]


@pytest.mark.requirement("EVT")
async def test_each_organization_has_its_own_cursor(core: Core, database: DatabaseUrls) -> None:
    listener = Listener("all")
    await ring(core, 1, 2)
    await ring(core, 7, organization_id=OTHER)
    async with OutboxRelay(core.pool, database.app, [listener], QUICK):
        await listener.until(3)
    heard = {(event.organization_id, event.sequence) for event in listener.heard}
    assert heard == {(DEMO, 1), (DEMO, 2), (OTHER, 1)}


@pytest.mark.requirement("EVT")
async def test_following_replays_and_goes_live_without_a_hole_or_a_double(
    core: Core, database: DatabaseUrls
) -> None:
    await ring(core, *range(1, 31))
    seen: list[int] = []
    async with OutboxRelay(core.pool, database.app, [], QUICK) as relay, asyncio.timeout(BOUND_S):
        writing = asyncio.create_task(ring(core, *range(31, 81)))
        async for event in relay.follow(DEMO, 4):
            seen.append(event.sequence)
            if event.sequence == 80:
                break
        await writing
    assert seen == list(range(5, 81))


@pytest.mark.requirement("EVT")
async def test_following_without_a_number_begins_with_the_next_event(
    core: Core, database: DatabaseUrls
) -> None:
    await ring(core, 1, 2)
    async with OutboxRelay(core.pool, database.app, [], QUICK) as relay, asyncio.timeout(BOUND_S):
        following = relay.follow(DEMO, None)
        coming = asyncio.ensure_future(anext(following))
        await asyncio.sleep(0.1)
        await ring(core, 9, organization_id=OTHER)
        await ring(core, 3)
        assert (await coming).payload == {"number": 3}


@pytest.mark.requirement("EVT")
async def test_a_follower_that_falls_far_behind_is_told_to_come_again(
    core: Core, database: DatabaseUrls
) -> None:
    pace = RelayPace(sweep_s=0.2, batch_count=10, lag_count=20)
    async with OutboxRelay(core.pool, database.app, [], pace) as relay, asyncio.timeout(BOUND_S):
        following = relay.follow(DEMO, 0)
        coming = asyncio.ensure_future(anext(following))
        await asyncio.sleep(0.1)
        await ring(core, 1)
        await coming
        await ring(core, *range(2, 41))
        with pytest.raises(FollowerTooSlowError, match="after=1"):
            await anext(following)
