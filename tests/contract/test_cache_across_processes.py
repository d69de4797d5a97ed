"""The cache in two processes' shape: two caches over one database, with Redis and without."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

from cloud.events.event import RecordedEvent
from cloud.infrastructure.cache.bells import Bell, PostgresBell, RedisBell
from cloud.infrastructure.cache.cached_persons import CachedActivePersons
from cloud.infrastructure.cache.cached_rights import CachedRights
from cloud.infrastructure.cache.layered_cache import CacheBounds, LayeredCache
from cloud.infrastructure.cache.outdating import CacheOutdating
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.hot_store.redis_link import RedisLink
from cloud.infrastructure.postgres.active_persons import PostgresActivePersons
from cloud.infrastructure.postgres.pool import open_pool
from cloud.infrastructure.registry_files.document import read_schema
from cloud.infrastructure.registry_files.org_files import read_matrix
from cloud.infrastructure.telemetry.metrics import Metrics
from cloud.permissions.queries import ListMyRights, RegistryProblem
from cloud.permissions.rabsic import Matrix
from tests.fakes.core import DEMO, OTHER, SetClock, add_organization, context_of
from tests.fakes.office import BUYER, FRIEND, LEAD, OFFICE
from tests.redis import RedisForTests, running_redis

BOUND_S = 30


@dataclass
class Truth:
    """What is cached: a number that counts how often it was asked."""

    value: int = 1
    asked: int = 0
    gate: asyncio.Event | None = None

    async def load(self) -> int:
        self.asked += 1
        value = self.value
        if self.gate:
            await self.gate.wait()
        return value


@dataclass
class Process:
    cache: LayeredCache
    bell: Bell
    truth: Truth

    async def get(self, organization_id: str = DEMO) -> int:
        return int(await self.cache.get("numbers", organization_id, "one", self.truth.load))

    async def until(self, expected: int) -> None:
        async with asyncio.timeout(BOUND_S):
            while await self.get() != expected:  # noqa: ASYNC110  a line of another process
                await asyncio.sleep(0.01)

    async def until_listening(self, *, listening: bool = True) -> None:
        async with asyncio.timeout(BOUND_S):
            while self.bell.listening != listening:  # noqa: ASYNC110  a line of another process
                await asyncio.sleep(0.01)


@dataclass
class Cloud:
    truth: Truth
    pool: asyncpg.Pool
    stack: AsyncExitStack
    url: str
    redis: RedisForTests | None = None
    processes: list[Process] = field(default_factory=list)

    async def process(self) -> Process:
        link = RedisLink(self.redis.url) if self.redis else None
        bell = RedisBell(link) if link else PostgresBell(self.pool, self.url)
        cache = LayeredCache(bell, link)
        if link:
            self.stack.push_async_callback(link.close)
        await self.stack.enter_async_context(bell.open())
        process = Process(cache, bell, self.truth)
        await process.until_listening()
        return process


@pytest.fixture(params=["notify", "redis"])
async def cloud(request, database: DatabaseUrls, tmp_path) -> AsyncIterator[Cloud]:
    async with AsyncExitStack() as stack:
        pool = await open_pool(database.app)
        stack.push_async_callback(pool.close)
        cloud = Cloud(Truth(), pool, stack, database.app)
        if request.param == "redis":
            cloud.redis = await stack.enter_async_context(running_redis(tmp_path))
        yield cloud


@pytest.mark.requirement("CCH")
async def test_a_change_is_known_in_both_processes(cloud: Cloud) -> None:
    here, there = await cloud.process(), await cloud.process()
    assert await here.get() == await there.get() == await here.get() == await there.get() == 1
    # Redis serves the second process; without it each asks once.
    assert cloud.truth.asked == (1 if cloud.redis else 2)
    cloud.truth.value = 2
    await here.cache.outdated("numbers", DEMO)
    begun = asyncio.get_running_loop().time()
    assert await here.get() == 2
    await there.until(2)
    print(f"\nknown in the other process after {asyncio.get_running_loop().time() - begun:.4f} s")


@pytest.mark.requirement("CCH")
async def test_organizations_share_no_entry(cloud: Cloud) -> None:
    process = await cloud.process()
    assert await process.get(DEMO) == 1
    cloud.truth.value = 2
    assert await process.get(OTHER) == 2
    assert await process.get(DEMO) == 1
    await process.cache.outdated("numbers", OTHER)
    cloud.truth.value = 3
    assert (await process.get(DEMO), await process.get(OTHER)) == (1, 3)


@pytest.mark.requirement("CCH")
async def test_a_reading_that_began_before_a_change_is_not_kept(cloud: Cloud) -> None:
    here, there = await cloud.process(), await cloud.process()
    cloud.truth.gate = asyncio.Event()
    reading = asyncio.create_task(here.get())
    async with asyncio.timeout(BOUND_S):
        while not cloud.truth.asked:  # noqa: ASYNC110  a line of another process
            await asyncio.sleep(0.01)
    cloud.truth.value = 2
    await there.cache.outdated("numbers", DEMO)
    cloud.truth.gate.set()
    assert await reading == 1
    await here.until(2)
    assert await there.get() == 2


@pytest.mark.requirement("CCH")
async def test_a_cut_line_leaves_nothing_that_may_be_old(cloud: Cloud) -> None:
    here = await cloud.process()
    assert await here.get() == 1
    cloud.truth.value = 2
    if cloud.redis:
        cloud.redis.kill()
    else:
        await cloud.pool.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = current_user AND query LIKE 'LISTEN%'"
        )
    await here.until(2)
    if cloud.redis:
        await here.until_listening(listening=False)
        await cloud.redis.start()
    await here.until_listening()
    assert await here.get() == 2


@pytest.mark.requirement("CCH")
async def test_memory_is_bounded_by_count_of_characters_and_by_time() -> None:
    class Always:
        listening = True

        def heard_by(self, hearer) -> None:
            pass

        async def ring(self, text: str) -> None:
            pass

    now_s = 0.0
    bounds = CacheBounds(largest_count=5000, process_s=10)
    cache = LayeredCache(Always(), None, bounds, monotonic_s=lambda: now_s)
    asked: list[str] = []

    async def get(key: str, size: int = 900) -> None:
        async def load() -> str:
            asked.append(key)
            return "x" * size

        await cache.get("texts", DEMO, key, load)
        assert cache.held_count <= 5000

    for number in range(20):
        await get(str(number))
    await get("19")
    await get("0")
    await get("huge", 6000)
    await get("huge", 6000)
    assert asked == [*map(str, range(20)), "0", "huge", "huge"]
    assert cache.hit_ratio("texts") == pytest.approx(1 / 24)
    now_s = 10
    await get("19")
    assert asked[-1] == "19"

    async def jobs() -> dict[str, dict[str, int]]:
        return {"ai-agent-tasks": {"failed": 3}}

    page = (await Metrics(cache, jobs).page()).decode()
    assert 'kyndof_cache_answers_total{level="process",region="texts"} 1.0' in page
    assert 'kyndof_cache_answers_total{level="miss",region="texts"} 24.0' in page
    assert 'kyndof_cache_hit_ratio{region="texts"} 0.04' in page
    assert 'kyndof_jobs{queue="ai-agent-tasks",state="failed"} 3' in page


@pytest.mark.requirement("CCH", "IAM")
async def test_a_person_who_left_is_gone_from_the_cache(
    cloud: Cloud, database: DatabaseUrls
) -> None:
    login = "worker@demo.example"
    await add_organization(database.owner, DEMO, "demo", login)
    await add_organization(database.owner, OTHER, "other")
    here, there = await cloud.process(), await cloud.process()
    persons = [
        CachedActivePersons(process.cache, PostgresActivePersons(cloud.pool))
        for process in (here, there)
    ]
    for known in persons:
        assert await known.is_active(DEMO, login)
        assert not await known.is_active(OTHER, login)
    async with cloud.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('kyndof.organization', $1, true)", DEMO)
        await connection.execute("UPDATE persons SET active = false")
    left = RecordedEvent(
        organization_id=DEMO, sequence=1, event_id="evt_1", type="member_removed",
        occurred_at=SetClock().now(), payload={},
    )  # fmt: skip
    await CacheOutdating(here.cache).hear(left)
    async with asyncio.timeout(BOUND_S):
        for known in persons:
            while await known.is_active(DEMO, login):  # noqa: ASYNC110  a line of another process
                await asyncio.sleep(0.01)


@dataclass
class OneMatrix:
    """One domain's matrix, replaced by whoever edits it."""

    text: str
    number: int = 1

    def matrix(self, organization_id: str, domain: str) -> Matrix | None:
        schema = read_schema(Path("registry/schemas/org.schema.json"))
        return read_matrix("org/office.yml", self.text, schema)

    def domains(self, organization_id: str) -> tuple[str, ...]:
        return ("office",)

    def version(self, organization_id: str) -> str:
        return str(self.number)

    def problems(self, organization_id: str) -> tuple[RegistryProblem, ...]:
        return ()


@pytest.mark.requirement("CCH", "RAB")
async def test_what_somebody_may_do_is_known_and_forgotten_everywhere(
    cloud: Cloud, database: DatabaseUrls
) -> None:
    clock, ask = SetClock(), ListMyRights()
    await add_organization(database.owner, DEMO, "demo", BUYER, LEAD, FRIEND)
    await add_organization(database.owner, OTHER, "other")
    matrices = OneMatrix(OFFICE)
    here, there = await cloud.process(), await cloud.process()
    ways = [CachedRights(process.cache, cloud.pool, matrices, clock) for process in (here, there)]

    async def actions(way: CachedRights, login: str) -> set[tuple[str, str]] | None:
        found = await way.listed(ask, context_of(login))
        return None if found is None else {(one.action, one.lent_by) for one in found}

    for way in (*ways, *ways):
        assert ("buy_cloth", "") in (await actions(way, BUYER) or ())
        assert await actions(way, FRIEND) == set()
        assert await way.listed(ask, context_of(LEAD, organization_id=OTHER)) is None
        assert await way.listed(ask, context_of(LEAD, scopes=frozenset({"read"}))) is None
    assert here.cache.counted["user_rights", "process"] == 3
    assert 0 < here.cache.hit_ratio("user_rights") < 1

    async def changed(sql: str, event: str) -> None:
        async with cloud.pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT set_config('kyndof.organization', $1, true)", DEMO)
            await connection.execute(sql)
        heard = RecordedEvent(
            organization_id=DEMO, sequence=1, event_id="evt_1", type=event,
            occurred_at=clock.now(), payload={},
        )  # fmt: skip
        await CacheOutdating(here.cache).hear(heard)

    async def until(login: str, expected: set[tuple[str, str]] | None) -> None:
        async with asyncio.timeout(BOUND_S):
            for way in ways:
                while await actions(way, login) != expected:  # noqa: ASYNC110  another process
                    await asyncio.sleep(0.01)

    lending = (
        "INSERT INTO delegations (organization_id, delegation_id, giver, taker, actions, ids,"
        " begins_at, ends_at, reason) VALUES ('{}', 'del_{}', '{}', '{}', ARRAY['buy_cloth'],"
        " ARRAY[]::text[], '2026-03-02 10:00Z', '2026-03-02 11:00Z', 'x')"
    )
    await changed(lending.format(DEMO, "0" * 26, LEAD, FRIEND), "authority_delegated")
    await until(FRIEND, set())
    clock.advance(minutes=61)
    await until(FRIEND, {("buy_cloth", LEAD)})
    clock.advance(hours=1)
    await until(FRIEND, set())
    clock.advance(minutes=-30)
    await changed("UPDATE delegations SET ended_at = '2026-03-02 09:00Z'", "delegation_revoked")
    await until(FRIEND, set())
    # Positions come by file: the version is another one, so nothing old is found.
    matrices.text = OFFICE.replace("buyer@demo.example", FRIEND)
    matrices.number += 1
    assert ("buy_cloth", "") in (await actions(ways[1], FRIEND) or ())
    assert await actions(ways[1], BUYER) == set()
    await changed(f"UPDATE persons SET active = false WHERE login = '{FRIEND}'", "member_removed")  # noqa: S608
    await until(FRIEND, None)
