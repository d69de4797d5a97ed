"""The audit chain: nobody changes, cuts or rewrites it unnoticed; dropped months stay provable."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from cloud.audit import handlers
from cloud.audit.chain import AuditRow, ChainPoint, row_hash
from cloud.audit.commands import SealAuditChain
from cloud.audit.errors import AuditChainBrokenError
from cloud.audit.queries import AnchorAuditChain, ChainReport, VerifyAuditChain
from cloud.commands.command import Command
from cloud.commands.errors import PayloadInvalidError
from cloud.commands.ports import UnitOfWork
from cloud.infrastructure.audit_anchors import FolderAuditAnchors
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres.months import MonthKeeper, Retention, months_before
from tests.fakes.core import DEMO, OTHER, Core, add_organization, context_of, core_over

pytestmark = pytest.mark.requirement("AUD")
Tampering = Callable[[asyncpg.Connection], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock(Command):
    domain = "production"
    number: int


async def knock(command: Knock, unit: UnitOfWork) -> None:
    return None


@pytest.fixture
async def core(database: DatabaseUrls) -> AsyncIterator[Core]:
    await add_organization(database.owner, DEMO, "demo")
    await add_organization(database.owner, OTHER, "other")
    async with core_over(database.app) as opened:
        opened.bus.register(Knock, knock)
        for kind, handler in handlers.COMMANDS.items():
            opened.bus.register(kind, handler)
        for question, answer in handlers.QUERIES.items():
            opened.bus.register_query(question, answer)
        yield opened


@pytest.fixture
async def intruder(database: DatabaseUrls) -> AsyncIterator[asyncpg.Connection]:
    """Somebody who may do anything in the database, and nothing outside it."""
    connection = await asyncpg.connect(database.owner.replace("kyndof_owner@", "postgres@"))
    yield connection
    await connection.close()


async def act(core: Core, count: int, organization_id: str = DEMO) -> None:
    for number in range(count):
        await core.bus.send(Knock(number=number), context_of(organization_id=organization_id))


async def verify(core: Core) -> ChainReport:
    report: ChainReport = await core.bus.ask(VerifyAuditChain(), context_of())
    return report


def sql(statement: str) -> Tampering:
    return lambda intruder: intruder.execute(statement)


async def rewrite(intruder: asyncpg.Connection, from_row: int = 1) -> None:
    """Chain everything anew from a row on, head included, as a patient forger does."""
    for organization in await intruder.fetch("SELECT DISTINCT organization_id FROM audit_log"):
        await rewrite_one(intruder, organization[0], from_row)


async def rewrite_one(intruder: asyncpg.Connection, organization_id: str, from_row: int) -> None:
    rows = await intruder.fetch(
        "SELECT * FROM audit_log WHERE organization_id = $1 ORDER BY sequence", organization_id
    )
    previous = b""
    for row in rows:
        values = {
            name: row[name]
            for name in ("organization_id", "sequence", "at", "recorded_at", "source", "action",
                         "resource", "outcome", "trace_id", "metadata")
        }  # fmt: skip
        if row["sequence"] >= from_row:
            previous = row_hash(previous, AuditRow(user=row["user_login"], **values))
            await intruder.execute(
                "UPDATE audit_log SET hash = $1 WHERE organization_id = $2 AND sequence = $3",
                previous,
                organization_id,
                row["sequence"],
            )
        else:
            previous = row["hash"]
    await intruder.execute(
        "UPDATE organization_heads SET audit_hash = $1, audit_sequence = $2"
        " WHERE organization_id = $3",
        previous,
        rows[-1]["sequence"],
        organization_id,
    )


TAMPERINGS: list[tuple[str, Tampering, int]] = [
    ("changed user", sql("UPDATE audit_log SET user_login = 'x' WHERE sequence = 3"), 3),
    ("changed moment", sql("UPDATE audit_log SET at = at + interval '1us' WHERE sequence = 1"), 1),
    ("changed metadata", sql("UPDATE audit_log SET metadata = '{}' WHERE sequence = 6"), 6),
    ("deleted in the middle", sql("DELETE FROM audit_log WHERE sequence = 4"), 4),
    ("deleted first", sql("DELETE FROM audit_log WHERE sequence = 1"), 1),
    ("cut tail", sql("DELETE FROM audit_log WHERE sequence > 4"), 5),
    ("deleted all", sql("DELETE FROM audit_log"), 1),
    (
        "inserted behind the end",
        sql("INSERT INTO audit_log SELECT organization_id, 7, at, recorded_at, user_login, source,"
            " action, resource, outcome, trace_id, metadata, hash FROM audit_log"
            " WHERE sequence = 6"),
        7,
    ),
    (
        "inserted and renumbered",
        sql("UPDATE audit_log SET sequence = sequence + 1 WHERE sequence > 3"),
        4,
    ),
    (
        "two in each other's place",
        sql("UPDATE audit_log SET sequence = 7 - sequence WHERE sequence IN (3, 4)"),
        3,
    ),
    ("head turned back", sql("UPDATE organization_heads SET audit_sequence = 5"), 6),
]  # fmt: skip


@pytest.mark.parametrize(
    ("tampering", "sequence"), [case[1:] for case in TAMPERINGS], ids=[c[0] for c in TAMPERINGS]
)
async def test_whatever_is_done_to_the_rows_is_found_and_named(
    core: Core, intruder: asyncpg.Connection, tampering: Tampering, sequence: int
) -> None:
    await act(core, 6)
    indexes = await intruder.fetch(
        "SELECT indexrelid::regclass::text AS name FROM pg_index i JOIN pg_class c"
        " ON c.oid = i.indrelid WHERE c.relname ~ '^audit_log_[0-9]' AND indisunique"
        " AND indexrelid::regclass::text ~ '_numbers$'"
    )
    for index in indexes:
        await intruder.execute(f"DROP INDEX {index['name']}")
    await tampering(intruder)
    report = await verify(core)
    assert not report.holds
    assert report.broken_at == sequence


# What a forger writes over a column, by its type.
FORGED = {
    "text": "{column} || 'x'",
    "bigint": "{column} + 100",
    "timestamp with time zone": "{column} + interval '1 microsecond'",
    "json": """'{{"forged": true}}'::json""",
    "bytea": "sha256('forged')",
}


async def test_a_change_of_any_stored_column_is_found_and_named(
    core: Core, intruder: asyncpg.Connection
) -> None:
    await act(core, 4)
    columns = await intruder.fetch(
        "SELECT column_name::text AS name, data_type::text AS type FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = 'audit_log'"
    )
    assert len(columns) >= 12
    await intruder.execute("CREATE TABLE before AS TABLE audit_log")
    for column in columns:
        forged = FORGED[column["type"]].format(column=column["name"])
        status = await intruder.execute(
            f"UPDATE audit_log SET {column['name']} = {forged} WHERE sequence = 2"  # noqa: S608
        )
        assert status == "UPDATE 1", column["name"]
        report = await verify(core)
        assert (report.holds, report.broken_at) == (False, 2), column["name"]
        await intruder.execute("DELETE FROM audit_log")
        await intruder.execute("INSERT INTO audit_log SELECT * FROM before")
        assert (await verify(core)).holds


async def test_a_chain_that_nobody_touched_holds(core: Core) -> None:
    assert (await verify(core)).holds
    await act(core, 6)
    assert await verify(core) == ChainReport(row_count=6, holds=True, broken_at=None, reason="")


async def test_a_chain_written_anew_with_its_head_does_not_match_its_anchor(
    core: Core, intruder: asyncpg.Connection
) -> None:
    await act(core, 4)
    assert await core.bus.ask(AnchorAuditChain(), context_of()) == 4
    await act(core, 2)
    await intruder.execute("UPDATE audit_log SET user_login = 'x' WHERE sequence = 2")
    await rewrite(intruder)
    report = await verify(core)
    assert (report.holds, report.broken_at) == (False, 4)
    assert "anew" in report.reason


async def test_a_tail_that_was_cut_with_its_head_is_missed_by_the_anchor(
    core: Core, intruder: asyncpg.Connection
) -> None:
    await act(core, 6)
    assert (await verify(core)).holds
    await intruder.execute("DELETE FROM audit_log WHERE sequence > 3")
    await rewrite(intruder)
    report = await verify(core)
    assert (report.holds, report.broken_at, report.reason) == (False, 4, "the row is missing")


def keeper(core: Core, audit_count: int = 12) -> MonthKeeper:
    class Now:
        def now(self) -> datetime:
            return datetime.now(UTC)

    retention = Retention(
        executions_count=3, events_count=13, audit_count=audit_count, ahead_count=3
    )
    return MonthKeeper(core.pool, core.bus, retention, Now())


async def aged(intruder: asyncpg.Connection, months: int) -> None:
    await intruder.execute(
        f"UPDATE audit_log SET recorded_at = recorded_at - interval '{months} months'"  # noqa: S608
    )
    await rewrite(intruder)


async def dropped(core: Core, intruder: asyncpg.Connection) -> None:
    """Five rows of fourteen months ago, dropped by policy, and three of today."""
    await act(core, 5)
    await act(core, 2, OTHER)
    await aged(intruder, 14)
    await act(core, 3)
    await keeper(core).keep()
    outcomes = await keeper(core).keep()
    assert "dropped" not in outcomes.values()
    assert await intruder.fetchval("SELECT min(sequence) FROM audit_log") > 2


@pytest.mark.requirement("DBS")
async def test_the_chain_goes_on_after_months_that_were_dropped_by_policy(
    core: Core, intruder: asyncpg.Connection
) -> None:
    await dropped(core, intruder)
    report = await verify(core)
    # Three acts of today and the act of sealing.
    assert (report.holds, report.row_count) == (True, 4)
    actions = await intruder.fetch("SELECT action, user_login FROM audit_log WHERE sequence = 9")
    assert [tuple(row) for row in actions] == [("seal_audit_chain", "system")]


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM audit_seals",
        "UPDATE audit_seals SET through_hash = sha256('x')",
        "UPDATE audit_seals SET through_sequence = 4",
        "DELETE FROM audit_log WHERE sequence = 6",
    ],
)
async def test_a_seal_that_was_touched_is_found(
    core: Core, intruder: asyncpg.Connection, tampering: str
) -> None:
    await dropped(core, intruder)
    await intruder.execute(tampering)
    assert not (await verify(core)).holds


async def test_dropping_old_rows_and_forging_their_seal_is_found(
    core: Core, intruder: asyncpg.Connection
) -> None:
    await act(core, 6)
    await intruder.execute(
        "INSERT INTO audit_seals SELECT organization_id, sequence, hash, now() FROM audit_log"
        " WHERE sequence = 3"
    )
    await intruder.execute("DELETE FROM audit_log WHERE sequence <= 3")
    report = await verify(core)
    assert (report.holds, report.broken_at) == (False, 3)
    assert "sealing act" in report.reason


async def test_a_chain_that_does_not_hold_is_neither_sealed_nor_dropped(
    core: Core, intruder: asyncpg.Connection
) -> None:
    await act(core, 5)
    await aged(intruder, 14)
    await intruder.execute("UPDATE audit_log SET user_login = 'x' WHERE sequence = 2")
    await keeper(core).keep()
    outcomes = await keeper(core).keep()
    assert set(outcomes.values()) == {"kept: rows are not sealed"}
    assert await intruder.fetchval("SELECT count(*) FROM audit_seals") == 0
    digest = await intruder.fetchval("SELECT hash FROM audit_log WHERE sequence = 5")
    command = SealAuditChain(through_number=5, through_hash=digest.hex())
    with pytest.raises(AuditChainBrokenError, match="row 2"):
        await core.bus.send(command, context_of())


@pytest.mark.parametrize(("number", "digest"), [(0, "00" * 32), (1, "00"), (1, "zz" * 32), (1, "")])
async def test_a_seal_of_no_row_is_refused(core: Core, number: int, digest: str) -> None:
    with pytest.raises(PayloadInvalidError):
        await core.bus.send(
            SealAuditChain(through_number=number, through_hash=digest), context_of()
        )


def test_anchors_in_a_folder_are_appended_and_survive_a_cut_line(tmp_path: Path) -> None:
    anchors, now = FolderAuditAnchors(tmp_path / "a"), datetime(2026, 3, 2, tzinfo=UTC)
    first, second = (ChainPoint(sequence=n, hash=bytes([n]) * 32) for n in (3, 5))
    assert anchors.known(DEMO) == ()
    anchors.note(DEMO, first, now)
    anchors.note(DEMO, first, now)
    anchors.note(DEMO, second, now)
    assert anchors.known(DEMO) == [first, second]
    assert anchors.known(OTHER) == ()
    (file,) = (tmp_path / "a").iterdir()
    assert len(file.read_text(encoding="utf-8").splitlines()) == 2
    file.write_text(file.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    assert anchors.known(DEMO) == [first]
    assert json.loads(file.read_text(encoding="utf-8").splitlines()[0])["sequence"] == 3
    with pytest.raises(ValueError, match="no organization"):
        anchors.known("../../etc/passwd")


def test_months_are_counted_back_over_years() -> None:
    assert months_before(datetime(2026, 1, 31, tzinfo=UTC), 13) == datetime(2024, 12, 1, tzinfo=UTC)
