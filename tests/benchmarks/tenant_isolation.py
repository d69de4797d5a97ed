"""Queries of many organizations mixed through one pool: how often does one see another's row?

No query names an organization: row-level security alone keeps them apart. Every fifth transaction
is rolled back, some are cancelled in the middle, and some ask without an organization.
"""

import asyncio
import contextlib
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from ulid import ULID

from cloud.infrastructure.embedded.postgres import DatabaseUrls, EmbeddedPostgres
from cloud.infrastructure.postgres.migration import migrate
from cloud.infrastructure.postgres.pool import open_pool
from tests.benchmarks.report import Report, arguments

SIZES = (1, 2, 3, 5, 8, 13, 20)
ORGANIZATIONS = tuple(f"org_{ULID()}" for _ in range(10))
ROWS_PER_ORGANIZATION = 20
_SET = "SELECT set_config('kyndof.organization', $1, true)"
_FILL = (
    "INSERT INTO organizations (organization_id, code, name_ko, name_en)"
    " VALUES ($1, lower(right($1, 12)), $1, $1)",
    "INSERT INTO organization_heads (organization_id, event_sequence, audit_sequence)"
    " VALUES ($1, 20, 20)",
    "INSERT INTO persons SELECT $1, 'usr_' || right($1, 24) || lpad(n::text, 2, '0'),"
    " n || '@' || $1, $1, $1, right($1, 24) || lpad(n::text, 2, '0')"
    " FROM generate_series(1, 20) n",
    "INSERT INTO events SELECT $1, n, 'evt_' || right($1, 24) || lpad(n::text, 2, '0'), 'rung',"
    " now(), now(), '{}' FROM generate_series(1, 20) n",
    "INSERT INTO audit_log SELECT $1, n, now(), now(), 'u', 'web', 'ring', $1, 'done', '', '{}',"
    " sha256('x') FROM generate_series(1, 20) n",
    "INSERT INTO executions SELECT $1, 'u', n::text, now(), '', '', '{}'"
    " FROM generate_series(1, 20) n",
    "INSERT INTO idempotency_keys SELECT $1, 'u', n::text, 'h', now()"
    " FROM generate_series(1, 20) n",
)
QUERIES = (
    "SELECT organization_id FROM persons",
    "SELECT organization_id FROM events WHERE recorded_at > now() - interval '1 day'",
    "SELECT organization_id FROM events ORDER BY sequence DESC LIMIT 50",
    "SELECT organization_id FROM audit_log",
    "SELECT organization_id FROM executions e JOIN idempotency_keys k"
    " USING (organization_id, user_login, key)",
    "SELECT h.organization_id FROM organization_heads h LEFT JOIN events e USING (organization_id)"
    " WHERE e.sequence = 3",
    "SELECT DISTINCT organization_id FROM events UNION ALL SELECT organization_id FROM persons",
)


@dataclass(slots=True)
class Count:
    """What was asked and what was seen."""

    queries: int = 0
    rows: int = 0
    leaks: int = 0
    missed: int = 0
    cancelled: int = 0
    nobody: int = 0


async def fill(owner_url: str) -> None:
    """Give every organization the same number of rows in every table that is asked."""
    connection = await asyncpg.connect(owner_url)
    try:
        for organization_id in ORGANIZATIONS:
            async with connection.transaction():
                await connection.execute(_SET, organization_id)
                for statement in _FILL:
                    await connection.execute(statement, organization_id)
    finally:
        await connection.close()


async def ask(pool: asyncpg.Pool, chance: random.Random, count: Count) -> None:
    """Ask one question as a random organization, or as nobody."""
    organization_id = chance.choice((*ORGANIZATIONS, ""))
    query, turned_back = chance.choice(QUERIES), chance.random() < 0.2
    async with pool.acquire() as connection:
        transaction = connection.transaction(readonly=chance.random() < 0.5)
        await transaction.start()
        try:
            if organization_id:
                await connection.execute(_SET, organization_id)
            if chance.random() < 0.01:
                await _cancelled(connection, count)
                return
            rows = await connection.fetch(query)
        finally:
            with contextlib.suppress(asyncpg.PostgresError):
                await (transaction.rollback() if turned_back else transaction.commit())
    count.queries += 1
    count.rows += len(rows)
    count.leaks += sum(row["organization_id"] != organization_id for row in rows)
    if organization_id:
        count.missed += not rows
    else:
        count.nobody += 1


async def _cancelled(connection: asyncpg.Connection, count: Count) -> None:
    """Break off in the middle of a query: the connection goes back to the pool and is used on."""
    with contextlib.suppress(TimeoutError, asyncpg.QueryCanceledError):
        await connection.fetch("SELECT organization_id, pg_sleep(1) FROM persons", timeout=0.005)
    count.queries += 1
    count.cancelled += 1


async def mix(app_url: str, queries: int, sizes: tuple[int, ...] = SIZES, seed: int = 1) -> Count:
    """Ask ``queries`` questions, shared out over pools of each size."""
    count = Count()
    for number, size in enumerate(sizes):
        goal = queries * (number + 1) // len(sizes)
        pool = await open_pool(app_url, largest_count=size)

        async def one(worker: int, size: int, goal: int, pool: asyncpg.Pool) -> None:
            chance = random.Random(f"{seed} {size} {worker}")  # noqa: S311  which question
            while count.queries < goal:
                await ask(pool, chance, count)

        try:
            # More askers than connections: each connection serves many organizations in turn.
            await asyncio.gather(*(one(n, size, goal, pool) for n in range(size * 2 + 2)))
        finally:
            await pool.close()
    return count


async def measure(*, quick: bool) -> Report:
    """Start a server of its own, fill it and ask."""
    queries = 10_000 if quick else 100_000
    with tempfile.TemporaryDirectory(prefix="kyndof-bench-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", durable=False)
        await server.start()
        try:
            urls: DatabaseUrls = await server.ensure_database("bench")
            await migrate(urls.owner)
            await fill(urls.owner)
            count = await mix(urls.app, queries)
        finally:
            await server.stop()
    report = Report(name="tenant_isolation", seed=1)
    report.figures = {
        "queries": count.queries,
        "leaks": count.leaks,
        "rows": count.rows,
        "missed": count.missed,
        "cancelled": count.cancelled,
        "without_organization": count.nobody,
        "pools": ", ".join(map(str, SIZES)),
    }
    report.targets = {
        "queries": (">=", queries),
        "leaks": ("<=", 0),
        "missed": ("<=", 0),
    }
    return report


def main() -> int:
    options = arguments(__doc__ or "")
    return asyncio.run(measure(quick=options.quick)).print()


if __name__ == "__main__":
    raise SystemExit(main())
