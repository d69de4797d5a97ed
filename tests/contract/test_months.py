"""Partitions by month: made ahead, never refused a row, dropped by policy, out of direct reach."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from cloud.commands.command import Command
from cloud.commands.ports import UnitOfWork
from cloud.events.event import DomainEvent
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from tests.fakes.core import DEMO, OTHER, Core, add_organization, context_of, core_over

PARENTS = ("audit_log", "events", "executions")
NUMBERED = ("audit_log", "events")


@dataclass(frozen=True, slots=True, kw_only=True)
class RingBell(Command):
    domain = "production"
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BellRung(DomainEvent):
    number: int


async def ring_bell(command: RingBell, unit: UnitOfWork) -> int:
    unit.record(BellRung(number=command.number))
    return command.number


@pytest.fixture
async def core(database: DatabaseUrls) -> AsyncIterator[Core]:
    await add_organization(database.owner, DEMO, "demo")
    await add_organization(database.owner, OTHER, "other")
    async with core_over(database.app) as opened:
        opened.bus.register(RingBell, ring_bell)
        yield opened


@pytest.fixture
async def owner(database: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.owner)
    yield connection
    await connection.close()


async def ring(core: Core, *numbers: int, organization_id: str = DEMO) -> None:
    for number in numbers:
        context = context_of(organization_id=organization_id, idempotency_key=f"bell-{number}")
        await core.bus.send(RingBell(number=number), context)


async def move_into_the_past(owner: asyncpg.Connection, **interval: int) -> None:
    """Let everything have happened earlier, as if the months had gone by since."""
    gone = " ".join(f"{count} {unit}" for unit, count in interval.items())
    for parent in PARENTS:
        await owner.execute(f"ALTER TABLE {parent} NO FORCE ROW LEVEL SECURITY")
        await owner.execute(f"UPDATE {parent} SET recorded_at = recorded_at - interval '{gone}'")  # noqa: S608
        await owner.execute(f"ALTER TABLE {parent} FORCE ROW LEVEL SECURITY")


async def keep(core: Core, parent: str, keep_count: int = 24, ahead: int = 3) -> dict[str, str]:
    rows = await core.pool.fetch("SELECT * FROM keep_months($1, $2, $3)", parent, keep_count, ahead)
    return {row["partition_name"]: row["outcome"] for row in rows}


async def partitions(owner: asyncpg.Connection, parent: str) -> list[str]:
    rows = await owner.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits"
        " WHERE inhparent = $1::text::regclass ORDER BY 1",
        parent,
    )
    return [row["name"] for row in rows]


def month_name(parent: str, months: int) -> str:
    now = datetime.now(UTC)
    count = now.year * 12 + now.month - 1 + months
    return f"{parent}_{count // 12}_{count % 12 + 1:02}"


async def counted(core: Core, table: str, organization_id: str = DEMO) -> int:
    async with core.pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "SELECT set_config('kyndof.organization', $1, true)", organization_id
        )
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608


@pytest.mark.requirement("DBS")
@pytest.mark.parametrize("parent", PARENTS)
async def test_this_month_and_the_next_three_are_there_from_the_start(
    owner: asyncpg.Connection, parent: str
) -> None:
    expected = [month_name(parent, months) for months in range(4)]
    assert await partitions(owner, parent) == [*expected, f"{parent}_other"]


@pytest.mark.requirement("DBS")
@pytest.mark.parametrize("parent", PARENTS)
async def test_keeping_adds_months_ahead_once(
    core: Core, owner: asyncpg.Connection, parent: str
) -> None:
    added = await keep(core, parent, ahead=5)
    assert added == {month_name(parent, months): "added" for months in (4, 5)}
    assert await keep(core, parent, ahead=5) == {}


@pytest.mark.requirement("DBS", "EVT", "AUD")
@pytest.mark.parametrize("parent", PARENTS)
async def test_a_row_without_a_month_is_kept_and_brought_home_later(
    core: Core, owner: asyncpg.Connection, parent: str
) -> None:
    await ring(core, 1, 2, 3)
    await move_into_the_past(owner, months=2)
    assert await owner.fetchval(f"SELECT count(*) FROM {parent}_other") == 3  # noqa: S608
    home = month_name(parent, -2)
    assert await keep(core, parent) == {home: "added"}
    assert await owner.fetchval(f"SELECT count(*) FROM {parent}_other") == 0  # noqa: S608
    assert await owner.fetchval(f"SELECT count(*) FROM {home}") == 3  # noqa: S608
    assert await counted(core, parent) == 3


@pytest.mark.requirement("DBS")
@pytest.mark.parametrize("parent", ["events", "executions"])
async def test_a_month_past_its_time_is_dropped_and_a_younger_one_kept(
    core: Core, owner: asyncpg.Connection, parent: str
) -> None:
    await ring(core, 1, 2)
    await move_into_the_past(owner, months=5)
    await ring(core, 3)
    await keep(core, parent)
    old = month_name(parent, -5)
    assert await keep(core, parent, keep_count=5) == {}
    assert await keep(core, parent, keep_count=4) == {old: "dropped"}
    assert old not in await partitions(owner, parent)
    assert await counted(core, parent) == 1


@pytest.mark.requirement("DBS", "EVT")
async def test_events_that_a_subscriber_has_not_heard_are_not_dropped(
    core: Core, owner: asyncpg.Connection
) -> None:
    await ring(core, 1, 2)
    await ring(core, 1, organization_id=OTHER)
    await move_into_the_past(owner, months=6)
    async with core.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('kyndof.organization', $1, true)", OTHER)
        await connection.execute(
            "INSERT INTO subscriber_cursors (organization_id, subscriber) VALUES ($1, 's')", OTHER
        )
    await keep(core, "events")
    old = month_name("events", -6)
    assert await keep(core, "events", keep_count=3) == {
        old: "kept: a subscriber has not heard them"
    }
    async with core.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('kyndof.organization', $1, true)", OTHER)
        await connection.execute("UPDATE subscriber_cursors SET sequence = 1")
    assert await keep(core, "events", keep_count=3) == {old: "dropped"}


@pytest.mark.requirement("DBS", "AUD")
async def test_audit_rows_that_no_seal_covers_are_not_dropped(
    core: Core, owner: asyncpg.Connection
) -> None:
    await ring(core, 1, 2)
    await move_into_the_past(owner, months=14)
    await keep(core, "audit_log")
    assert await keep(core, "audit_log", keep_count=12) == {
        month_name("audit_log", -14): "kept: rows are not sealed"
    }


@pytest.mark.requirement("DBS")
@pytest.mark.parametrize(
    ("parent", "keep_count", "ahead"),
    [
        ("events", 2, 3),
        ("executions", 1, 3),
        ("audit_log", 11, 3),
        ("events", 13, 0),
        ("events", 13, 25),
        ("persons", 100, 3),
        ("events; DROP TABLE persons", 100, 3),
    ],
)
async def test_the_application_cannot_ask_for_less_than_the_floor(
    core: Core, parent: str, keep_count: int, ahead: int
) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match="no such policy"):
        await keep(core, parent, keep_count, ahead)


@pytest.mark.requirement("DBS")
@pytest.mark.parametrize("call", ["add_month('events', '2020-01-01')", "month_is_needed('a', 'b')"])
async def test_the_parts_of_keeping_are_the_owners_alone(core: Core, call: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await core.pool.execute(f"SELECT {call}")


@pytest.mark.requirement("DBS")
async def test_no_partition_may_be_named_directly(
    core: Core, owner: asyncpg.Connection, database: DatabaseUrls
) -> None:
    await ring(core, 1)
    await keep(core, "events", ahead=4)
    for child in [name for parent in PARENTS for name in await partitions(owner, parent)]:
        for act in (f"SELECT 1 FROM {child}", f"INSERT INTO {child} DEFAULT VALUES"):  # noqa: S608
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await core.pool.execute(act)
    granted = await owner.fetch(
        """SELECT c.relname, r.rolname FROM pg_class c
           CROSS JOIN unnest(ARRAY['kyndof_app', 'kyndof_lookup', 'kyndof_jobs']) AS r (rolname)
           WHERE c.relispartition AND c.relkind IN ('r', 'p')
             AND has_table_privilege(r.rolname, c.oid, 'SELECT,INSERT,UPDATE,DELETE,TRUNCATE')"""
    )
    assert granted == []
    open_ones = await owner.fetch(
        "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND NOT relrowsecurity"
    )
    assert open_ones == []


@pytest.mark.requirement("DBS", "EVT", "AUD")
async def test_numbers_stay_gapless_and_in_order_over_a_month_whatever_the_clock_does(
    core: Core, owner: asyncpg.Connection
) -> None:
    """Writers at once, a month that passes between them, and a head from a clock that ran ahead."""
    await asyncio.gather(*(ring(core, number) for number in range(20)))
    await move_into_the_past(owner, months=1)
    await owner.execute("ALTER TABLE organization_heads NO FORCE ROW LEVEL SECURITY")
    await owner.execute("UPDATE organization_heads SET recorded_at = now() + interval '33 days'")
    await owner.execute("ALTER TABLE organization_heads FORCE ROW LEVEL SECURITY")
    await asyncio.gather(*(ring(core, number) for number in range(20, 40)))
    await keep(core, "events")
    for table in NUMBERED:
        await owner.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        rows = await owner.fetch(
            f"SELECT tableoid::regclass::text AS home, sequence, recorded_at FROM {table}"  # noqa: S608
            " ORDER BY sequence"
        )
        assert [row["sequence"] for row in rows] == list(range(1, 41))
        moments = [row["recorded_at"] for row in rows]
        assert moments == sorted(moments)
        assert len({row["home"] for row in rows}) == 2


@pytest.mark.requirement("DBS", "EVT", "AUD")
@pytest.mark.parametrize("table", NUMBERED)
async def test_a_number_is_taken_once_in_a_month(
    core: Core, owner: asyncpg.Connection, table: str
) -> None:
    await ring(core, 1)
    await owner.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    await owner.execute(f"CREATE TEMP TABLE again AS SELECT * FROM {table}")  # noqa: S608
    await owner.execute("UPDATE again SET recorded_at = recorded_at + interval '1 microsecond'")
    with pytest.raises(asyncpg.UniqueViolationError, match="sequence"):
        await owner.execute(f"INSERT INTO {table} SELECT * FROM again")  # noqa: S608


@pytest.mark.requirement("DBS", "BUS")
async def test_a_key_is_answered_once_over_the_months(
    core: Core, owner: asyncpg.Connection
) -> None:
    """The answer lies in last month's partition, the key in the one table over all months."""
    await ring(core, 1)
    await move_into_the_past(owner, months=1)
    await owner.execute("ALTER TABLE idempotency_keys NO FORCE ROW LEVEL SECURITY")
    await owner.execute("UPDATE idempotency_keys SET created_at = created_at - interval '1 month'")
    await owner.execute("ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY")
    await keep(core, "executions")
    await ring(core, 1)
    assert await counted(core, "executions") == 1
    assert await counted(core, "events") == 1


def scanned(plan: dict[str, Any]) -> set[str]:
    """Return the tables that a plan reads."""
    own = {plan["Relation Name"]} if "Relation Name" in plan else set()
    return own.union(*(scanned(part) for part in plan.get("Plans", [])))


@pytest.mark.requirement("DBS")
@pytest.mark.parametrize(
    ("parent", "sql"),
    [
        ("events", "SELECT * FROM events WHERE organization_id = 'o' AND sequence > 3"
                   " AND recorded_at >= now() ORDER BY sequence LIMIT 10"),
        ("audit_log", "SELECT * FROM audit_log WHERE organization_id = 'o'"
                      " AND recorded_at >= now() ORDER BY sequence"),
        ("executions", "SELECT * FROM executions WHERE organization_id = 'o'"
                       " AND recorded_at >= now() ORDER BY recorded_at DESC LIMIT 10"),
    ],
)  # fmt: skip
async def test_months_before_the_asked_time_are_not_looked_into(
    core: Core, owner: asyncpg.Connection, parent: str, sql: str
) -> None:
    await ring(core, 1, 2)
    await move_into_the_past(owner, months=3)
    await keep(core, parent)
    plan = json.loads(await core.pool.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}"))[0]["Plan"]
    past = {month_name(parent, -3)}
    assert past <= set(await partitions(owner, parent))
    assert month_name(parent, 0) in scanned(plan)
    assert not past & scanned(plan)
