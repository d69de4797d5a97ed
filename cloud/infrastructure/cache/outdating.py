"""Lets caches forget what a committed event has changed."""

from cloud.events.event import RecordedEvent
from cloud.infrastructure.cache.layered_cache import LayeredCache

ACTIVE_PERSONS = "active_persons"
USER_RIGHTS = "user_rights"
#: The first word of an event's type to the regions that it changes.
_REGIONS = {
    "person": (ACTIVE_PERSONS, USER_RIGHTS),
    "member": (ACTIVE_PERSONS, USER_RIGHTS),
    "authority": (USER_RIGHTS,),
    "delegation": (USER_RIGHTS,),
}


class CacheOutdating:
    """A subscriber of the outbox: what could not be told to everybody is told again."""

    name = "cache"

    def __init__(self, cache: LayeredCache) -> None:
        self._cache = cache

    async def hear(self, event: RecordedEvent) -> None:
        """Take one event."""
        for region in _REGIONS.get(event.type.partition("_")[0], ()):
            await self._cache.outdated(region, event.organization_id)
