"""An office that buys cloth: commands that wait, are advised on, and can be taken back."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloud.commands.bus import CommandBus
from cloud.commands.command import Command
from cloud.commands.errors import ConflictError
from cloud.commands.middleware import BusPorts
from cloud.commands.ports import UnitOfWork
from cloud.composition.timers import compose_timers
from cloud.events.event import DomainEvent
from cloud.infrastructure.postgres.approval_store import STORES as APPROVAL_STORES
from cloud.infrastructure.postgres.audit_store import PostgresAuditTrail
from cloud.infrastructure.postgres.idempotency_store import PostgresIdempotencyStore
from cloud.infrastructure.postgres.permission_store import STORES as PERMISSION_STORES
from cloud.infrastructure.postgres.registry_store import PostgresRegistryStore
from cloud.infrastructure.postgres.timer_runner import TimerRunner
from cloud.infrastructure.postgres.unit_of_work import StoreFactory
from cloud.infrastructure.registry_files.org_registry import OrgRegistry
from cloud.permissions.authorizer import RabsicAuthorizer
from cloud.permissions.circle import RabsicCircle
from cloud.permissions.gate import RabsicApprovalGate
from cloud.permissions.handlers import commands, queries
from tests.fakes.core import DEMO, Core, add_organization, core_over

BUYER, SECOND, LEAD, DEPUTY, FRIEND, CLERK, TAILOR, OWNER = (
    f"{name}@demo.example"
    for name in ("buyer", "second", "lead", "deputy", "friend", "clerk", "tailor", "owner")
)
EVERYBODY = (BUYER, SECOND, LEAD, DEPUTY, FRIEND, CLERK, TAILOR, OWNER)
OFFICE = """\
domain: office
roles:
  - name: Buyer
    holders: [buyer@demo.example]
    rabsic:
      - {action: buy-cloth, responsible: true, primary: true}
      - {action: sell-cloth, responsible: true, primary: true}
      - {action: cut-price, responsible: true, primary: true}
      - {action: count-rolls, responsible: true, primary: true}
  - name: Second Buyer
    holders: [second@demo.example]
    rabsic:
      - {action: buy-cloth, when: {amount_krw: {up_to: 5000000}}, responsible: true}
      - {action: count-rolls, responsible: true}
  - name: Lead
    holders: [lead@demo.example, deputy@demo.example]
    rabsic:
      - {action: buy-cloth, accountable: true}
      - {action: sell-cloth, accountable: true}
      - {action: cut-price, accountable: true}
      - {action: count-rolls, accountable: true}
  - name: Clerk
    holders: [clerk@demo.example]
    rabsic:
      - {action: buy-cloth, informed: true}
      - {action: sell-cloth, informed: true}
      - {action: count-rolls, backup: true}
  - name: Tailor
    holders: [tailor@demo.example]
    rabsic:
      - {action: cut-price, consulted: true}
      - {action: sell-cloth, consulted: true}
policies:
  - action: buy-cloth
    approval: {field: amount_krw, above: 100000, sla: 4h, expires: 48h}
  - action: sell-cloth
    approval: {always: true, sla: 1h, expires: 24h, separation_of_duties: true}
    consultation: {wait: 30m}
  - action: cut-price
    consultation: {wait: 30m}
"""
RIGHTS = """\
domain: permissions
roles:
  - name: Owner
    holders: [owner@demo.example]
    rabsic:
      - {action: record-absence, responsible: true, accountable: true}
      - {action: end-absence, responsible: true, accountable: true}
      - {action: assign-work, responsible: true, accountable: true}
      - {action: list-all-approvals, responsible: true, accountable: true}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyCloth(Command):
    domain = "office"

    amount_krw: int
    roll_id: str = "roll"

    def check(self) -> None:
        if self.amount_krw < 0:
            raise ValueError("money is not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class SellCloth(Command):
    """Waits for advice, for another person's approval, and a minute after it."""

    domain = "office"
    undo_window_s = 60

    amount_krw: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CutPrice(Command):
    """Waits for advice alone."""

    domain = "office"

    amount_krw: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRolls(Command):
    domain = "office"

    roll_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClothTraded(DomainEvent):
    action: str
    amount_krw: int


async def trade(command: BuyCloth | SellCloth | CutPrice, unit: UnitOfWork) -> int:
    """Record one event: what was carried out can be counted in the outbox."""
    if command.amount_krw == 666_666:
        raise ConflictError("the supplier is closed")
    unit.record(ClothTraded(action=type(command).__name__, amount_krw=command.amount_krw))
    return command.amount_krw


async def count_rolls(command: CountRolls, unit: UnitOfWork) -> None:
    return None


@dataclass
class Office:
    core: Core
    bus: CommandBus
    registry: OrgRegistry
    timers: TimerRunner

    async def rows(self, sql: str) -> list[Any]:
        async with self.core.pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT set_config('kyndof.organization', $1, true)", DEMO)
            return await connection.fetch(sql)

    async def traded(self) -> list[int]:
        found = await self.rows(
            "SELECT (payload->>'amount_krw')::int AS amount FROM events"
            " WHERE type = 'cloth_traded' ORDER BY sequence"
        )
        return [row["amount"] for row in found]

    async def events(self, kind: str) -> list[Any]:
        found = await self.rows(
            f"SELECT payload FROM events WHERE type = '{kind}' ORDER BY sequence"  # noqa: S608
        )
        return [json.loads(row["payload"]) for row in found]


def write_registry(folder: Path) -> None:
    (folder / "org").mkdir(exist_ok=True)
    (folder / "schemas").mkdir(exist_ok=True)
    schema = Path("registry/schemas/org.schema.json").read_text(encoding="utf-8")
    (folder / "schemas" / "org.schema.json").write_text(schema, encoding="utf-8")
    (folder / "org" / "office.yml").write_text(OFFICE, encoding="utf-8")
    (folder / "org" / "permissions.yml").write_text(RIGHTS, encoding="utf-8")


@asynccontextmanager
async def office_over(
    app_url: str, folder: Path, more_stores: Mapping[type, StoreFactory] | None = None
) -> AsyncIterator[Office]:
    """Open the office's bus over a database whose organization exists already."""
    stores = {**PERMISSION_STORES, **APPROVAL_STORES, **(more_stores or {})}
    async with core_over(app_url, stores) as core:
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
        for question, answer in queries(bus, registry).items():
            bus.register_query(question, answer)
        for kind in (BuyCloth, SellCloth, CutPrice):
            bus.register(kind, trade)
        bus.register(CountRolls, count_rolls)
        yield Office(core, bus, registry, compose_timers(bus, core.pool, core.clock))


async def found_office(owner_url: str) -> None:
    await add_organization(owner_url, DEMO, "demo", *EVERYBODY)
