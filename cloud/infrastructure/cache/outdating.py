"""Lets caches forget what a committed event has changed."""

from cloud.events.event import RecordedEvent
from cloud.infrastructure.cache.layered_cache import LayeredCache

ACTIVE_PERSONS = "active_persons"
#: The first word of an event's type to the region that it changes.
_REGIONS = {"person": ACTIVE_PERSONS, "member": ACTIVE_PERSONS}


class CacheOutdating:
    """A subscriber of the outbox: what could not be told to everybody is told again."""

    name = "cache"

    def __init__(self, cache: LayeredCache) -> None:
        self._cache = cache

    async def hear(self, event: RecordedEvent) -> None:
        """Take one event."""
        region = _REGIONS.get(event.type.partition("_")[0])
        if region is not None:
            await self._cache.outdated(region, event.organization_id)
