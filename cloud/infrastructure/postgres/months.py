"""Keeps the months: partitions ahead of time, old ones sealed and dropped by policy."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from cloud.audit.commands import SealAuditChain
from cloud.audit.queries import AnchorAuditChain, FindSealable, Sealable
from cloud.commands.bus import CommandBus
from cloud.commands.command import CommandContext, Source
from cloud.commands.errors import CommandError
from cloud.events.ports import Clock
from cloud.infrastructure.postgres.pool import DATABASE_AWAY

_log = logging.getLogger("kyndof.months")
_PAUSE_S = 3600.0
_KEEP = "SELECT partition_name, outcome FROM keep_months($1, $2, $3)"
_ORGANIZATIONS = "SELECT organization_id FROM organizations ORDER BY organization_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How many whole months stay, and how many are made ahead."""

    executions_count: int
    events_count: int
    audit_count: int
    ahead_count: int


class MonthKeeper:
    """One round anchors every audit chain, seals what is due, adds months and drops old ones."""

    def __init__(
        self, pool: asyncpg.Pool, bus: CommandBus, retention: Retention, clock: Clock
    ) -> None:
        self._pool = pool
        self._bus = bus
        self._retention = retention
        self._clock = clock

    async def run(self) -> None:
        """Do a round every hour; a database that is away delays one."""
        while True:
            try:
                await self.keep()
            except DATABASE_AWAY as error:
                _log.warning("the months wait: %s", error)
            await asyncio.sleep(_PAUSE_S)

    async def keep(self) -> dict[str, str]:
        """Do one round; return what became of which partition.

        A chain that does not hold is not sealed, so its months stay; the log says so.
        """
        begin = months_before(self._clock.now(), self._retention.audit_count)
        for row in await self._pool.fetch(_ORGANIZATIONS):
            await self._seal(row["organization_id"], begin)
        outcomes: dict[str, str] = {}
        kept = self._retention
        for parent, count in (
            ("executions", kept.executions_count),
            ("events", kept.events_count),
            ("audit_log", kept.audit_count),
        ):
            try:
                rows = await self._pool.fetch(_KEEP, parent, count, kept.ahead_count)
            except asyncpg.LockNotAvailableError:
                _log.warning("the months of %s wait for a long transaction", parent)
                continue
            outcomes |= {row["partition_name"]: row["outcome"] for row in rows}
        for name, outcome in outcomes.items():
            _log.info("month %s %s", name, outcome)
        return outcomes

    async def _seal(self, organization_id: str, begin: datetime) -> None:
        context = CommandContext(
            organization_id=organization_id, user="system", source=Source.SYSTEM
        )
        await self._bus.ask(AnchorAuditChain(), context)
        due: Sealable | None = await self._bus.ask(FindSealable(before=begin), context)
        if due is None:
            return
        command = SealAuditChain(through_number=due.number, through_hash=due.hash)
        try:
            await self._bus.send(command, context)
        except CommandError as error:
            _log.error("the audit of %s is not sealed: %s", organization_id, error.message)


def months_before(now: datetime, count: int) -> datetime:
    """Return the beginning, in UTC, of the month ``count`` months before that of ``now``."""
    here = now.astimezone(UTC)
    months = here.year * 12 + here.month - 1 - count
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
