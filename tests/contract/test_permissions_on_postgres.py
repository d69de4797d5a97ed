"""RABSIC on the bus: the registry's matrices, presence, approvals, all over a real database."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cloud.audit.handlers import QUERIES as AUDIT_QUERIES
from cloud.audit.queries import ListAudit, VerifyAuditChain
from cloud.commands.bus import CommandBus
from cloud.commands.command import Command, Query, Source
from cloud.commands.errors import ApprovalPendingError, ForbiddenError
from cloud.commands.middleware import BusPorts
from cloud.commands.ports import UnitOfWork
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres.approval_store import STORES as APPROVAL_STORES
from cloud.infrastructure.postgres.audit_store import PostgresAuditTrail
from cloud.infrastructure.postgres.idempotency_store import PostgresIdempotencyStore
from cloud.infrastructure.postgres.permission_store import STORES as PERMISSION_STORES
from cloud.infrastructure.postgres.registry_store import PostgresRegistryStore
from cloud.infrastructure.registry_files.org_registry import OrgRegistry, RegistryRefusedError
from cloud.permissions.authorizer import RabsicAuthorizer
from cloud.permissions.circle import RabsicCircle
from cloud.permissions.commands import ApproveRequest, RecordAbsence, RejectRequest
from cloud.permissions.errors import ApprovalClosedError, ApprovalPayloadChangedError
from cloud.permissions.gate import RabsicApprovalGate
from cloud.permissions.handlers import commands, queries, record_absence
from cloud.permissions.queries import ListApprovals, RegistryProblems, WhyAllowed
from tests.fakes.core import DEMO, OTHER, Core, add_organization, context_of, core_over

MATRIX = """\
domain: kitchen
roles:
  - name: Cook
    holders: [cook@demo.example]
    rabsic:
      - {action: boil-water, responsible: true, primary: true}
      - {action: buy-stove, responsible: true, primary: true}
  - name: Chef
    holders: [chef@demo.example]
    rabsic:
      - {action: boil-water, accountable: true}
      - {action: buy-stove, accountable: true}
  - name: Helper
    holders: [helper@demo.example, helper@other.example]
    rabsic:
      - {action: boil-water, backup: true}
policies:
  - {action: buy-stove, approval: {field: amount_krw, above: 100000, sla: 4h, expires: 48h}}
"""
AUDIT = """\
domain: audit
roles:
  - name: Chef
    holders: [chef@demo.example]
    rabsic:
      - {action: verify-audit-chain, accountable: true}
      - {action: list-audit, accountable: true}
"""
COOK, CHEF, HELPER = "cook@demo.example", "chef@demo.example", "helper@demo.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoilWater(Command):
    domain = "kitchen"
    litres_count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyStove(Command):
    domain = "kitchen"
    amount_krw: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu(Query):
    pass


bought: list[tuple[str, int]] = []


async def boil_water(command: BoilWater, unit: UnitOfWork) -> None:
    return None


async def buy_stove(command: BuyStove, unit: UnitOfWork) -> int:
    bought.append((unit.context.user, command.amount_krw))
    return command.amount_krw


async def menu(query: Menu, unit: UnitOfWork) -> str:
    return "soup"


@dataclass
class Kitchen:
    core: Core
    bus: CommandBus
    registry: OrgRegistry
    folder: Path

    async def rows(self, sql: str) -> list[Any]:
        async with self.core.pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT set_config('kyndof.organization', $1, true)", DEMO)
            return await connection.fetch(sql)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "org").mkdir()
    (tmp_path / "schemas").mkdir()
    schema = Path("registry/schemas/org.schema.json").read_text(encoding="utf-8")
    (tmp_path / "schemas" / "org.schema.json").write_text(schema, encoding="utf-8")
    (tmp_path / "org" / "kitchen.yml").write_text(MATRIX, encoding="utf-8")
    (tmp_path / "org" / "audit.yml").write_text(AUDIT, encoding="utf-8")
    return tmp_path


@pytest.fixture
async def kitchen(database: DatabaseUrls, folder: Path) -> AsyncIterator[Kitchen]:
    bought.clear()
    await add_organization(database.owner, DEMO, "demo", COOK, CHEF, HELPER, "guest@demo.example")
    await add_organization(database.owner, OTHER, "other", "helper@other.example")
    async with core_over(database.app, {**PERMISSION_STORES, **APPROVAL_STORES}) as core:
        registry = OrgRegistry(folder, PostgresRegistryStore(core.pool))
        await registry.start()
        bus = CommandBus(
            BusPorts(
                transactions=core.transactions,
                authorizer=RabsicAuthorizer(registry),
                idempotency=PostgresIdempotencyStore(),
                approvals=RabsicApprovalGate(registry),
                audit=PostgresAuditTrail(),
                clock=core.clock,
                ids=core.ids,
                circle=RabsicCircle(),
            )
        )
        for kind, handler in commands(bus, registry).items():
            bus.register(kind, handler)
        for question, answer in {**queries(bus, registry), **AUDIT_QUERIES, Menu: menu}.items():
            bus.register_query(question, answer)
        bus.register(BoilWater, boil_water)
        bus.register(BuyStove, buy_stove)
        yield Kitchen(core, bus, registry, folder)


async def held(kitchen: Kitchen, amount_krw: int = 200_000, **context: Any) -> str:
    with pytest.raises(ApprovalPendingError) as waiting:
        await kitchen.bus.send(BuyStove(amount_krw=amount_krw), context_of(COOK, **context))
    return str(waiting.value.details["approval_id"])


@pytest.mark.requirement("RAB")
async def test_the_backup_acts_only_while_the_responsible_is_on_leave(kitchen: Kitchen) -> None:
    with pytest.raises(ForbiddenError, match=r"is backup, and cook@demo\.example is there"):
        await kitchen.bus.send(BoilWater(), context_of(HELPER))
    now = kitchen.core.clock.now()
    async with kitchen.core.transactions.begin(context_of(CHEF)) as unit:
        await record_absence(
            RecordAbsence(
                login=COOK, begins_at=now, ends_at=now + timedelta(days=1), reason="휴가"
            ),
            unit,
        )
    await kitchen.bus.send(BoilWater(), context_of(HELPER))
    kitchen.core.clock.advance(days=1)
    with pytest.raises(ForbiddenError):
        await kitchen.bus.send(BoilWater(), context_of(HELPER))


@pytest.mark.requirement("RAB", "DBS")
async def test_a_holder_of_another_organization_is_nobody_here(kitchen: Kitchen) -> None:
    with pytest.raises(ForbiddenError, match="no active person of this organization"):
        await kitchen.bus.send(BoilWater(), context_of("helper@other.example"))
    with pytest.raises(ForbiddenError):
        await kitchen.bus.ask(Menu(), context_of("helper@other.example"))
    # There the same matrix has nobody who is responsible, so its own backup acts.
    await kitchen.bus.send(BoilWater(), context_of("helper@other.example", organization_id=OTHER))


@pytest.mark.requirement("RAB", "AUD")
async def test_members_read_but_what_is_restricted_needs_a_letter(kitchen: Kitchen) -> None:
    assert await kitchen.bus.ask(Menu(), context_of("guest@demo.example")) == "soup"
    with pytest.raises(ForbiddenError):
        await kitchen.bus.ask(VerifyAuditChain(), context_of("guest@demo.example"))
    await kitchen.bus.send(BoilWater(), context_of(COOK))
    report = await kitchen.bus.ask(VerifyAuditChain(), context_of(CHEF))
    assert (report.holds, report.row_count) == (True, 1)
    (view,) = await kitchen.bus.ask(ListAudit(), context_of(CHEF))
    assert (view.action, view.user, view.outcome) == ("boil_water", COOK, "done")


@pytest.mark.requirement("RAB")
async def test_machines_do_only_what_the_table_says(kitchen: Kitchen) -> None:
    for user in ("system", "station:sta_01K0DEM0000000000000000000"):
        with pytest.raises(ForbiddenError):
            await kitchen.bus.send(BoilWater(), context_of(user, source=Source.SYSTEM))


@pytest.mark.requirement("APR")
async def test_a_small_amount_passes_and_a_large_one_waits_for_the_accountable(
    kitchen: Kitchen,
) -> None:
    assert await kitchen.bus.send(BuyStove(amount_krw=100_000), context_of(COOK)) == 100_000
    approval_id = await held(kitchen)
    assert bought == [(COOK, 100_000)]
    with pytest.raises(ForbiddenError, match="nobody approves their own request"):
        await kitchen.bus.send(ApproveRequest(approval_id=approval_id), context_of(COOK))
    (card,) = await kitchen.bus.ask(ListApprovals(), context_of(CHEF))
    assert (card.approval_id, card.requester, card.may_decide) == (approval_id, COOK, True)
    await kitchen.bus.send(ApproveRequest(approval_id=approval_id), context_of(CHEF))
    assert bought == [(COOK, 100_000), (COOK, 200_000)]
    trail = await kitchen.rows(
        "SELECT action, user_login, outcome FROM audit_log ORDER BY sequence"
    )
    assert [tuple(row) for row in trail] == [
        ("buy_stove", COOK, "done"),
        ("buy_stove", COOK, "held"),
        ("approve_request", COOK, "refused"),
        ("buy_stove", COOK, "done"),
        ("approve_request", CHEF, "done"),
    ]


@pytest.mark.requirement("APR")
async def test_ten_clicks_at_once_execute_once(kitchen: Kitchen) -> None:
    approval_id = await held(kitchen)
    answers = await asyncio.gather(
        *(
            kitchen.bus.send(ApproveRequest(approval_id=approval_id), context_of(CHEF))
            for _ in range(10)
        ),
        return_exceptions=True,
    )
    assert len(bought) == 1
    assert sum(isinstance(answer, ApprovalClosedError) for answer in answers) == 9


@pytest.mark.requirement("APR")
async def test_a_changed_payload_is_not_executed(kitchen: Kitchen, database: DatabaseUrls) -> None:
    approval_id = await held(kitchen)
    await kitchen.rows("UPDATE approvals SET payload = '{\"amount_krw\": 1}'")
    with pytest.raises(ApprovalPayloadChangedError):
        await kitchen.bus.send(ApproveRequest(approval_id=approval_id), context_of(CHEF))
    assert bought == []


@pytest.mark.requirement("APR")
async def test_expired_and_rejected_requests_stay_undone(kitchen: Kitchen) -> None:
    late, refused = await held(kitchen), await held(kitchen, 300_000)
    await kitchen.bus.send(
        RejectRequest(approval_id=refused, reason="너무 비쌉니다"), context_of(CHEF)
    )
    with pytest.raises(ApprovalClosedError, match="rejected"):
        await kitchen.bus.send(ApproveRequest(approval_id=refused), context_of(CHEF))
    kitchen.core.clock.advance(hours=48)
    with pytest.raises(ApprovalClosedError, match="expired"):
        await kitchen.bus.send(ApproveRequest(approval_id=late), context_of(CHEF))
    assert bought == []


@pytest.mark.requirement("APR", "RAB")
async def test_a_requester_who_lost_the_right_is_refused_at_approval(kitchen: Kitchen) -> None:
    approval_id = await held(kitchen)
    await kitchen.rows(f"UPDATE persons SET active = false WHERE login = '{COOK}'")  # noqa: S608
    with pytest.raises(ForbiddenError, match="no active person"):
        await kitchen.bus.send(ApproveRequest(approval_id=approval_id), context_of(CHEF))
    assert bought == []


@pytest.mark.requirement("APR", "BUS")
async def test_the_same_key_asks_for_the_same_approval(kitchen: Kitchen) -> None:
    first = await held(kitchen, idempotency_key="k")
    assert await held(kitchen, idempotency_key="k") == first
    assert len(await kitchen.rows("SELECT 1 FROM approvals")) == 1


@pytest.mark.requirement("RAB")
async def test_why_is_answered_over_the_bus(kitchen: Kitchen) -> None:
    told = await kitchen.bus.ask(
        WhyAllowed(user=HELPER, domain="kitchen", action="boil-water", fields={}),
        context_of(HELPER),
    )
    assert not told.allowed
    assert (told.level, told.goes_to) == ("R", (COOK,))


@pytest.mark.requirement("REG")
async def test_a_broken_file_keeps_the_last_good_one_also_over_a_restart(
    kitchen: Kitchen,
) -> None:
    file = kitchen.folder / "org" / "kitchen.yml"
    file.write_text(MATRIX.replace("primary: true", "primary: maybe", 1), encoding="utf-8")
    await kitchen.registry.look()
    await kitchen.bus.send(BoilWater(), context_of(COOK))
    (problem,) = await kitchen.bus.ask(RegistryProblems(), context_of(COOK))
    assert (problem.file, problem.line, problem.serving) == ("org/kitchen.yml", 6, "last_good")
    assert "maybe" in problem.reason
    again = OrgRegistry(kitchen.folder, PostgresRegistryStore(kitchen.core.pool))
    await again.start()
    assert again.matrix(DEMO, "kitchen") == kitchen.registry.matrix(DEMO, "kitchen")
    file.write_text(MATRIX.replace(", primary: true", ""), encoding="utf-8")
    assert await again.look()
    assert again.problems(DEMO) == ()


@pytest.mark.requirement("REG")
@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("domain: kitchen", "domain: 부엌", 1, "does not match"),
        ("  - name: Chef", "  - nam: Chef", 8, "nam"),
        ("backup: true", "backup: [true", 16, "expected"),
        ("    holders: [chef@demo.example]", "    holders: [ghost@demo.example]", 8, "ghost"),
        ("accountable: true", "informed: true", 6, "one position expected, none given"),
        ("above: 100000", "above: -1", 18, "-1"),
        ("  - name: Helper", "  - name: Cook", 13, "twice"),
    ],
)
async def test_the_first_start_refuses_a_bad_file_with_line_and_reason(
    database: DatabaseUrls, folder: Path, old: str, new: str, line: int, reason: str
) -> None:
    await add_organization(database.owner, DEMO, "demo", COOK, CHEF, HELPER, "helper@other.example")
    (folder / "org" / "kitchen.yml").write_text(MATRIX.replace(old, new), encoding="utf-8")
    async with core_over(database.app) as core:
        with pytest.raises(RegistryRefusedError) as refusal:
            await OrgRegistry(folder, PostgresRegistryStore(core.pool)).start()
    assert f"org/kitchen.yml:{line}: " in str(refusal.value)
    assert reason in str(refusal.value)
