"""Three levels: this process's memory (an hour), Redis (ten minutes), and whoever knows.

Every key begins with region and organization. Values are plain JSON data and are not changed by
those who get them.
"""

import json
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from cloud.infrastructure.cache.bells import Bell
from cloud.infrastructure.hot_store.redis_link import RedisAwayError, RedisLink

_OVERHEAD_COUNT = 100
_Key = tuple[str, str, str]
Load = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheBounds:
    """How much the process keeps, in characters of JSON, and how long each level keeps it."""

    largest_count: int = 16_000_000
    process_s: float = 3600.0
    redis_s: int = 600


@dataclass(frozen=True, slots=True)
class _Kept:
    value: Any
    until_s: float
    cost_count: int


class LayeredCache:
    """Asks the nearest level that knows. ``counted`` has hits of each level and misses."""

    def __init__(
        self,
        bell: Bell,
        link: RedisLink | None = None,
        bounds: CacheBounds | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bell = bell
        self._link = link
        self._bounds = bounds or CacheBounds()
        self._monotonic_s = monotonic_s
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        # Counts what was rung. A reading that began before a ring is not kept after it.
        self._rung = 0
        self.held_count = 0
        self.counted: Counter[tuple[str, str]] = Counter()
        bell.heard_by(self._heard)

    async def get(self, region: str, organization_id: str, key: str, load: Load) -> Any:  # noqa: ANN401
        """Return what is known under this key, or what ``load`` says."""
        place = (region, organization_id, key)
        kept = self._near(place)
        if kept is not None:
            self.counted[region, "process"] += 1
            return kept.value
        rung = self._rung
        value = await self._far(place, load)
        if rung == self._rung and self._bell.listening:
            self._keep(place, value)
        return value

    async def outdated(self, region: str, organization_id: str) -> None:
        """Let every process forget what it knows of this organization's region.

        Raises:
            RedisAwayError: not everybody can have heard; it must be told again.
            OSError, asyncpg.PostgresError: likewise.
        """
        self._forget(region, organization_id)
        if self._link:
            await self._link.do(lambda client: client.incr(_version_key(region, organization_id)))
        await self._bell.ring(f"{region} {organization_id}")

    def hit_ratio(self, region: str) -> float:
        """Return the part of all questions that no database had to answer."""
        hits = self.counted[region, "process"] + self.counted[region, "redis"]
        asked = hits + self.counted[region, "miss"]
        return hits / asked if asked else 0.0

    async def _far(self, place: _Key, load: Load) -> Any:  # noqa: ANN401
        region = place[0]
        if self._link is None:
            self.counted[region, "miss"] += 1
            return await load()
        try:
            version, found = await self._link.do(lambda client: _read(client, place))
        except RedisAwayError:
            self.counted[region, "miss"] += 1
            return await load()
        if found is not None:
            self.counted[region, "redis"] += 1
            return json.loads(found)
        self.counted[region, "miss"] += 1
        value = await load()
        text, name = json.dumps(value, ensure_ascii=False), _key(place, version)

        async def write(client: Redis) -> None:
            # Under the version that was read before loading: outdated meanwhile, it is never read.
            await client.set(name, text, ex=self._bounds.redis_s)

        try:
            await self._link.do(write)
        except RedisAwayError:
            return value
        return value

    def _near(self, place: _Key) -> _Kept | None:
        kept = self._kept.get(place)
        if kept is None or not self._bell.listening:
            return None
        if kept.until_s <= self._monotonic_s():
            self._drop(place)
            return None
        self._kept.move_to_end(place)
        return kept

    def _keep(self, place: _Key, value: Any) -> None:  # noqa: ANN401
        cost = _OVERHEAD_COUNT + len(json.dumps(value, ensure_ascii=False))
        if cost > self._bounds.largest_count:
            return
        if place in self._kept:
            self._drop(place)
        self._kept[place] = _Kept(value, self._monotonic_s() + self._bounds.process_s, cost)
        self.held_count += cost
        while self.held_count > self._bounds.largest_count:
            self._drop(next(iter(self._kept)))

    def _drop(self, place: _Key) -> None:
        self.held_count -= self._kept.pop(place).cost_count

    def _heard(self, text: str) -> None:
        if not text:
            self._rung += 1
            self._kept.clear()
            self.held_count = 0
            return
        region, _, organization_id = text.partition(" ")
        self._forget(region, organization_id)

    def _forget(self, region: str, organization_id: str) -> None:
        self._rung += 1
        for place in [key for key in self._kept if key[:2] == (region, organization_id)]:
            self._drop(place)


def _version_key(region: str, organization_id: str) -> str:
    return f"kyndof:cache:{{{organization_id}}}:{region}:version"


def _key(place: _Key, version: str) -> str:
    region, organization_id, key = place
    return f"kyndof:cache:{{{organization_id}}}:{region}:{version}:{key}"


async def _read(client: Redis, place: _Key) -> tuple[str, bytes | str | None]:
    version = str(int(await client.get(_version_key(place[0], place[1])) or 0))
    return version, await client.get(_key(place, version))
