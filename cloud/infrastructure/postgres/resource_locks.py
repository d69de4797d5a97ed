"""Locks by name that end with the transaction."""

from dataclasses import dataclass

import asyncpg

from cloud.commands.ports import ResourceLocks
from cloud.infrastructure.postgres.unit_of_work import StoreFactory

# Two names with one hash wait for each other without need; that costs time, never truth.
_TAKE = "SELECT pg_advisory_xact_lock(hashtextextended($1 || $2, 0))"


@dataclass(frozen=True, slots=True)
class PostgresResourceLocks:
    """The locks of one transaction."""

    connection: asyncpg.Connection
    organization_id: str

    async def take(self, name: str) -> None:
        """Wait until nobody else holds ``name``; keep it until the transaction ends."""
        await self.connection.execute(_TAKE, self.organization_id, name)


STORES: dict[type, StoreFactory] = {ResourceLocks: PostgresResourceLocks}
