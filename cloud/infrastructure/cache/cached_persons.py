"""Who is active, from the cache."""

from cloud.infrastructure.cache.layered_cache import LayeredCache
from cloud.infrastructure.cache.outdating import ACTIVE_PERSONS
from cloud.infrastructure.postgres.active_persons import PostgresActivePersons


class CachedActivePersons:
    """Asks the database only for what was not asked before, or has changed."""

    def __init__(self, cache: LayeredCache, persons: PostgresActivePersons) -> None:
        self._cache = cache
        self._persons = persons

    async def is_active(self, organization_id: str, login: str) -> bool:
        """Say whether this person is an active member."""
        logins = await self._cache.get(
            ACTIVE_PERSONS, organization_id, "", lambda: self._persons.logins(organization_id)
        )
        return login in logins
