"""Who is active in an organization, asked outside any command."""

import asyncpg

_SET_ORGANIZATION = "SELECT set_config('kyndof.organization', $1, true)"
_ACTIVE = "SELECT login FROM persons WHERE organization_id = $1 AND active ORDER BY login"


class PostgresActivePersons:
    """Reads the logins of all active persons of an organization."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def logins(self, organization_id: str) -> list[str]:
        """Return the logins, in order."""
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(_SET_ORGANIZATION, organization_id)
            rows = await connection.fetch(_ACTIVE, organization_id)
        return [row["login"] for row in rows]

    async def is_active(self, organization_id: str, login: str) -> bool:
        """Say whether this person is an active member."""
        return login in await self.logins(organization_id)
