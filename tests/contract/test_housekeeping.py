"""What has expired is removed, everybody's own and nothing else."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace

import asyncpg
import pytest

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.jobs.housekeeping import HousekeepingWorker, remove_expired
from cloud.infrastructure.jobs.queues import QueuePlace
from cloud.infrastructure.postgres.pool import open_pool
from tests.fakes.core import DEMO, OTHER, add_organization

pytestmark = pytest.mark.requirement("DBS")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_LINK = """INSERT INTO login_links (organization_id, token_hash, login, expires_at)
           VALUES ($1, $2, 'lead', now() + $3)"""
_SESSION = """INSERT INTO web_sessions (organization_id, session_hash, web_session_id, login,
                                        created_at, expires_at)
              VALUES ($1, $2, 'web_' || upper(substr(md5($2::bytea), 1, 26)), 'lead',
                      now() - interval '60 days', now() + $3)"""
_KEY = """INSERT INTO idempotency_keys (organization_id, user_login, key, payload_hash, created_at)
          VALUES ($1, 'lead', encode($2, 'hex'), 'h', now() + $3)"""


@pytest.fixture
async def pool(database: DatabaseUrls) -> AsyncIterator[asyncpg.Pool]:
    for organization, code in ((DEMO, "demo"), (OTHER, "other")):
        await add_organization(database.owner, organization, code)
    opened = await open_pool(database.app)
    yield opened
    await opened.close()


async def insert(
    pool: asyncpg.Pool, organization: str, *rows: tuple[str, bytes, timedelta]
) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('kyndof.organization', $1, true)", organization)
        for statement, name, offset in rows:
            await connection.execute(statement, organization, name, offset)


async def kept(pool: asyncpg.Pool, organization: str) -> set[str]:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('kyndof.organization', $1, true)", organization)
        rows = await connection.fetch(
            """SELECT encode(token_hash, 'escape') AS name FROM login_links
               UNION ALL SELECT encode(session_hash, 'escape') FROM web_sessions
               UNION ALL SELECT encode(decode(key, 'hex'), 'escape') FROM idempotency_keys"""
        )
    return {row["name"] for row in rows}


EXPIRED = (
    (_LINK, b"old link", -2 * DAY),
    (_SESSION, b"old session", -HOUR),
    (_KEY, b"old key", -31 * DAY),
)
FRESH = (
    (_LINK, b"used an hour ago", -HOUR),
    (_LINK, b"new link", HOUR),
    (_SESSION, b"open session", HOUR),
    (_KEY, b"last week's key", -7 * DAY),
)


async def test_what_has_expired_goes_and_the_rest_stays(pool: asyncpg.Pool) -> None:
    await insert(pool, DEMO, *EXPIRED, *FRESH)
    await insert(pool, OTHER, (_LINK, b"theirs, old", -2 * DAY), (_LINK, b"theirs", HOUR))
    assert await remove_expired(pool) == 4
    assert await kept(pool, DEMO) == {name.decode() for _, name, _ in FRESH}
    assert await kept(pool, OTHER) == {"theirs"}
    assert await remove_expired(pool) == 0


async def test_the_job_says_how_much_it_removed_and_two_at_once_agree(
    database: DatabaseUrls, pool: asyncpg.Pool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kyndof.jobs")
    await insert(pool, DEMO, *EXPIRED, *FRESH)
    place = QueuePlace(kind="postgres", url=database.jobs)
    worker = HousekeepingWorker(place, pool)
    job = SimpleNamespace(
        name="remove-expired", data=None, id="1", attemptsMade=0, updateProgress=None
    )
    told = await asyncio.gather(worker._process(job, ""), worker._process(job, ""))
    assert sum(answer["removed"] for answer in told) == len(EXPIRED)
    assert await kept(pool, DEMO) == {name.decode() for _, name, _ in FRESH}
    assert [record.message for record in caplog.records] == ["expired rows are gone"] * 2


async def test_a_job_ended_in_the_middle_removes_all_of_an_organization_or_nothing(
    pool: asyncpg.Pool,
) -> None:
    await insert(pool, DEMO, EXPIRED[1], FRESH[1])
    blocker = await pool.acquire()
    try:
        async with blocker.transaction():
            await blocker.execute("SELECT set_config('kyndof.organization', $1, true)", DEMO)
            await blocker.execute("SELECT 1 FROM web_sessions FOR UPDATE")
            pending = asyncio.create_task(remove_expired(pool))
            await asyncio.sleep(0.3)
            assert not pending.done()
            pending.cancel()
            await asyncio.gather(pending, return_exceptions=True)
    finally:
        await pool.release(blocker)
    assert await kept(pool, DEMO) == {"old session", "new link"}
    assert await remove_expired(pool) == 1
