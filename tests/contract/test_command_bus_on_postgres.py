"""The bus, the unit of work, the outbox's numbering and the audit chain on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from cloud.audit.chain import first_break
from cloud.audit.ports import AuditLog
from cloud.commands.command import Command, Query
from cloud.commands.errors import (
    ConflictError,
    ForbiddenError,
    IdempotencyConflictError,
    PayloadInvalidError,
)
from cloud.commands.ports import Permission, UnitOfWork
from cloud.events.event import DomainEvent
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres.pool import DatabaseRoleError, open_pool
from tests.fakes.core import DEMO, OTHER, Core, add_organization, context_of, core_over


@dataclass(frozen=True, slots=True, kw_only=True)
class SewButton(Command):
    domain = "production"
    piece_id: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonSewn(DomainEvent):
    piece_id: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sewn:
    piece_id: str
    total_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CountAudit(Query):
    pass


runs = 0


async def sew_button(command: SewButton, unit: UnitOfWork) -> Sewn:
    global runs
    runs += 1
    unit.record(ButtonSewn(piece_id=command.piece_id, count=command.count))
    if command.count < 0:
        raise ConflictError("buttons are added")
    await asyncio.sleep(0)
    return Sewn(piece_id=command.piece_id, total_count=command.count)


async def count_audit(query: CountAudit, unit: UnitOfWork) -> int:
    return (await unit.store(AuditLog).head())[0]


@pytest.fixture
async def core(database: DatabaseUrls) -> AsyncIterator[Core]:
    await add_organization(database.owner, DEMO, "demo", "worker@demo.example")
    await add_organization(database.owner, OTHER, "other", "worker@other.example")
    async with core_over(database.app) as opened:
        opened.bus.register(SewButton, sew_button)
        opened.bus.register_query(CountAudit, count_audit)
        yield opened


async def rows(core: Core, sql: str, organization_id: str = DEMO) -> list[Any]:
    async with core.pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "SELECT set_config('kyndof.organization', $1, true)", organization_id
        )
        return await connection.fetch(sql)


@pytest.mark.requirement("BUS", "EVT", "AUD")
async def test_an_act_its_event_and_its_audit_row_are_one_transaction(core: Core) -> None:
    answer = await core.bus.send(SewButton(piece_id="p", count=3), context_of())
    assert answer == Sewn(piece_id="p", total_count=3)
    (event,) = await rows(core, "SELECT sequence, type, payload FROM events")
    assert (event["sequence"], event["type"]) == (1, "button_sewn")
    (audit,) = await rows(core, "SELECT action, resource, outcome, user_login FROM audit_log")
    assert tuple(audit) == ("sew_button", "p", "done", "worker@demo.example")
    assert await core.bus.ask(CountAudit(), context_of()) == 1


@pytest.mark.requirement("BUS", "AUD")
async def test_a_refusal_leaves_nothing_but_its_audit_row(core: Core) -> None:
    with pytest.raises(ConflictError):
        await core.bus.send(SewButton(piece_id="p", count=-1), context_of(idempotency_key="k"))
    assert await rows(core, "SELECT 1 FROM events") == []
    assert await rows(core, "SELECT 1 FROM idempotency_keys") == []
    (audit,) = await rows(core, "SELECT outcome, metadata->>'code' FROM audit_log")
    assert tuple(audit) == ("refused", "CONFLICT")


@pytest.mark.requirement("BUS")
async def test_the_same_key_is_answered_again_and_done_once(core: Core) -> None:
    context = context_of(idempotency_key="once")
    before = runs
    first = await core.bus.send(SewButton(piece_id="p", count=1), context)
    second = await core.bus.send(SewButton(piece_id="p", count=1), context)
    assert first == second == Sewn(piece_id="p", total_count=1)
    assert runs == before + 1
    assert len(await rows(core, "SELECT 1 FROM audit_log")) == 1


@pytest.mark.requirement("BUS")
async def test_the_same_key_with_another_payload_is_refused(core: Core) -> None:
    context = context_of(idempotency_key="once")
    await core.bus.send(SewButton(piece_id="p", count=1), context)
    with pytest.raises(IdempotencyConflictError):
        await core.bus.send(SewButton(piece_id="p", count=2), context)


@pytest.mark.requirement("BUS")
async def test_a_key_belongs_to_one_person_of_one_organization(core: Core) -> None:
    await core.bus.send(SewButton(piece_id="p", count=1), context_of(idempotency_key="k"))
    await core.bus.send(
        SewButton(piece_id="p", count=2), context_of("lead@demo.example", idempotency_key="k")
    )
    await core.bus.send(
        SewButton(piece_id="p", count=3), context_of(organization_id=OTHER, idempotency_key="k")
    )
    assert len(await rows(core, "SELECT 1 FROM events")) == 2


@pytest.mark.requirement("BUS")
async def test_twenty_at_once_with_one_key_do_it_once(core: Core) -> None:
    before = runs
    answers = await asyncio.gather(
        *(
            core.bus.send(SewButton(piece_id="p", count=7), context_of(idempotency_key="race"))
            for _ in range(20)
        )
    )
    assert set(answers) == {Sewn(piece_id="p", total_count=7)}
    assert runs == before + 1
    assert len(await rows(core, "SELECT 1 FROM events")) == 1


@pytest.mark.requirement("EVT")
async def test_fifty_concurrent_commits_leave_no_hole_and_an_unbroken_chain(core: Core) -> None:
    await asyncio.gather(
        *(core.bus.send(SewButton(piece_id=f"p{n}", count=n), context_of()) for n in range(50))
    )
    sequences = [row[0] for row in await rows(core, "SELECT sequence FROM events ORDER BY 1")]
    assert sequences == list(range(1, 51))
    async with core.transactions.read(context_of()) as unit:
        log = unit.store(AuditLog)
        chain = [row async for row in log.rows()]
        assert len(chain) == 50
        assert first_break(chain, *await log.head()) is None


@pytest.mark.requirement("AUD")
@pytest.mark.parametrize(
    ("tampering", "sequence"),
    [
        ("UPDATE audit_log SET user_login = 'nobody' WHERE sequence = 2", 2),
        ("UPDATE audit_log SET metadata = '{}' WHERE sequence = 3", 3),
        ("DELETE FROM audit_log WHERE sequence = 2", 2),
        ("DELETE FROM audit_log WHERE sequence = 4", 4),
        ("UPDATE audit_log SET hash = sha256('x') WHERE sequence = 4", 4),
    ],
)
async def test_tampering_with_any_audit_row_is_found_and_named(
    core: Core, database: DatabaseUrls, tampering: str, sequence: int
) -> None:
    for count in range(4):
        await core.bus.send(SewButton(piece_id="p", count=count), context_of())
    owner = await asyncpg.connect(database.owner)
    async with owner.transaction():
        await owner.execute("SELECT set_config('kyndof.organization', $1, true)", DEMO)
        assert (await owner.execute(tampering)).endswith(" 1")
    await owner.close()
    async with core.transactions.read(context_of()) as unit:
        log = unit.store(AuditLog)
        found = first_break([row async for row in log.rows()], *await log.head())
    assert found is not None
    assert found.sequence == sequence


@pytest.mark.requirement("AUD", "EVT")
@pytest.mark.parametrize(
    "act", ["UPDATE audit_log SET action = 'x'", "DELETE FROM audit_log", "DELETE FROM events"]
)
async def test_the_application_cannot_change_what_happened(core: Core, act: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await rows(core, act)


@pytest.mark.requirement("DBS")
async def test_without_an_organization_no_row_is_seen_and_none_of_another(core: Core) -> None:
    await core.bus.send(
        SewButton(piece_id="p", count=1), context_of(organization_id=OTHER, idempotency_key="k")
    )
    for table in ("events", "audit_log", "idempotency_keys", "organization_heads"):
        assert await core.pool.fetch(f"SELECT 1 FROM {table}") == []  # noqa: S608
        assert await rows(core, f"SELECT 1 FROM {table}") == []  # noqa: S608
        assert len(await rows(core, f"SELECT 1 FROM {table}", OTHER)) == 1  # noqa: S608


@pytest.mark.requirement("DBS")
async def test_writing_into_another_organization_is_refused(core: Core) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await rows(core, f"INSERT INTO organization_heads (organization_id) VALUES ('{OTHER}')")  # noqa: S608


@pytest.mark.requirement("DBS")
async def test_a_role_that_sees_everything_is_refused_at_start(database: DatabaseUrls) -> None:
    with pytest.raises(DatabaseRoleError, match="KYNDOF_DATABASE_URL"):
        await open_pool(database.owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeKey(Command):
    domain = "production"
    secret_answer = True


async def make_key(command: MakeKey, unit: UnitOfWork) -> str:
    return "open sesame"


@pytest.mark.requirement("BUS", "ENC")
async def test_a_secret_answer_is_told_once_and_never_stored(core: Core) -> None:
    core.bus.register(MakeKey, make_key)
    context = context_of(idempotency_key="k")
    assert await core.bus.send(MakeKey(), context) == "open sesame"
    (stored,) = await rows(core, "SELECT result::text FROM executions")
    assert "sesame" not in stored["result"]
    with pytest.raises(IdempotencyConflictError, match="only once"):
        await core.bus.send(MakeKey(), context)


@pytest.mark.requirement("BUS")
async def test_a_question_cannot_write(core: Core) -> None:
    async def greedy(query: CountAudit, unit: UnitOfWork) -> None:
        unit.record(ButtonSewn(piece_id="p", count=1))

    core.bus._queries[CountAudit] = greedy
    with pytest.raises(RuntimeError, match="records no event"):
        await core.bus.ask(CountAudit(), context_of())


@pytest.mark.requirement("BUS")
async def test_a_field_of_the_wrong_type_is_refused_before_any_transaction(core: Core) -> None:
    with pytest.raises(PayloadInvalidError) as refusal:
        await core.bus.send(SewButton(piece_id="p", count="많이"), context_of())  # type: ignore[arg-type]
    assert refusal.value.details == {"field": "count", "expected": "int", "actual": "str"}


@pytest.mark.requirement("RAB", "AUD")
async def test_a_denial_says_why_and_is_audited(database: DatabaseUrls, core: Core) -> None:
    class Nobody:
        async def decide(self, command: object, unit: UnitOfWork) -> Permission:
            return Permission(allowed=False, reason="nobody holds a letter")

    async with core_over(database.app, authorizer=Nobody()) as strict:
        strict.bus.register(SewButton, sew_button)
        with pytest.raises(ForbiddenError, match="nobody holds a letter"):
            await strict.bus.send(SewButton(piece_id="p", count=1), context_of())
    (audit,) = await rows(core, "SELECT outcome, metadata->>'code' FROM audit_log")
    assert tuple(audit) == ("refused", "FORBIDDEN")
