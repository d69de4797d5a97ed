"""Fakes of the lowest ports, and a bus over a real database for tests of features."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import asyncpg
from ulid import ULID

from cloud.audit.chain import ChainPoint
from cloud.audit.ports import AuditAnchors
from cloud.commands.bus import CommandBus
from cloud.commands.command import Command, CommandContext, Query, Source
from cloud.commands.middleware import BusPorts
from cloud.commands.ports import Authorizer, Permission, UnitOfWork
from cloud.infrastructure.postgres.audit_store import STORES as AUDIT_STORES
from cloud.infrastructure.postgres.audit_store import PostgresAuditTrail
from cloud.infrastructure.postgres.idempotency_store import STORES as IDEMPOTENCY_STORES
from cloud.infrastructure.postgres.idempotency_store import PostgresIdempotencyStore
from cloud.infrastructure.postgres.pool import open_pool
from cloud.infrastructure.postgres.resource_locks import STORES as LOCK_STORES
from cloud.infrastructure.postgres.unit_of_work import PostgresTransactions, StoreFactory

DEMO = "org_01K0DEM0000000000000000000"
OTHER = "org_01K00THER00000000000000000"


@dataclass
class SetClock:
    """Stands still until it is moved."""

    moment: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def advance(self, **duration: float) -> None:
        self.moment += timedelta(**duration)


class FreshIds:
    """Real identifiers."""

    def new(self, prefix: str) -> str:
        return f"{prefix}_{ULID()}"


@dataclass
class AllowEverybody:
    """An authorizer that asks nobody and remembers what it was asked."""

    asked: list[Command | Query] = field(default_factory=list)

    async def decide(self, command: Command | Query, unit: UnitOfWork) -> Permission:
        self.asked.append(command)
        return Permission(allowed=True, reason="everybody may", letter="R")


@dataclass
class KeptAnchors:
    """Anchors of audit chains, kept in memory."""

    points: dict[str, list[ChainPoint]] = field(default_factory=dict)

    def known(self, organization_id: str) -> list[ChainPoint]:
        return self.points.get(organization_id, [])

    def note(self, organization_id: str, point: ChainPoint, at: datetime) -> None:
        if point not in self.known(organization_id):
            self.points.setdefault(organization_id, []).append(point)


class NoApprovals:
    """A gate before which nothing ever waits."""

    async def hold(self, command: Command, permission: Permission, unit: UnitOfWork) -> str:
        raise AssertionError("nothing is held here")


class NobodyAround:
    """Asks nobody and tells nobody."""

    def ask(self, command: Command, permission: Permission, unit: UnitOfWork) -> None:
        raise AssertionError("nobody is consulted here")

    def tell(self, command: Command, permission: Permission, unit: UnitOfWork) -> None:
        raise AssertionError("nobody is informed here")


def context_of(user: str = "worker@demo.example", **more: object) -> CommandContext:
    values: dict[str, object] = {"organization_id": DEMO, "source": Source.WEB, **more}
    return CommandContext(user=user, **values)  # type: ignore[arg-type]


async def add_organization(owner_url: str, organization_id: str, code: str, *logins: str) -> None:
    """Write an organization with persons, as the owner does when the demo is loaded."""
    connection = await asyncpg.connect(owner_url)
    try:
        async with connection.transaction():
            await connection.execute(
                "SELECT set_config('kyndof.organization', $1, true)", organization_id
            )
            await connection.execute(
                "INSERT INTO organizations (organization_id, code, name_ko, name_en)"
                " VALUES ($1, $2, $2, $2)",
                organization_id,
                code,
            )
            for login in logins:
                await connection.execute(
                    "INSERT INTO persons (organization_id, user_id, login, name_ko, name_en, badge)"
                    " VALUES ($1, $2, $3, $3, $3, $4)",
                    organization_id,
                    f"usr_{ULID()}",
                    login,
                    str(ULID()),
                )
    finally:
        await connection.close()


@dataclass
class Core:
    """A bus over a real database, with what a test may want to look at."""

    bus: CommandBus
    pool: asyncpg.Pool
    transactions: PostgresTransactions
    clock: SetClock
    ids: FreshIds


@asynccontextmanager
async def core_over(
    app_url: str,
    stores: Mapping[type, StoreFactory] | None = None,
    authorizer: Authorizer | None = None,
) -> AsyncIterator[Core]:
    """Open a bus as composition does, with an authorizer of the test's choice."""
    pool = await open_pool(app_url)
    clock, ids, anchors = SetClock(), FreshIds(), KeptAnchors()
    own: dict[type, StoreFactory] = {AuditAnchors: lambda _connection, _organization: anchors}
    transactions = PostgresTransactions(
        pool=pool,
        stores={**own, **AUDIT_STORES, **IDEMPOTENCY_STORES, **LOCK_STORES, **(stores or {})},
        clock=clock,
        ids=ids,
    )
    ports = BusPorts(
        transactions=transactions,
        authorizer=authorizer or AllowEverybody(),
        idempotency=PostgresIdempotencyStore(),
        approvals=NoApprovals(),
        audit=PostgresAuditTrail(),
        clock=clock,
        ids=ids,
        circle=NobodyAround(),
    )
    try:
        yield Core(CommandBus(ports), pool, transactions, clock, ids)
    finally:
        await pool.close()
