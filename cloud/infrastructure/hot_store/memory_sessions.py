"""The hot tier of a process without Redis: bounded, and forgetful after an hour."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from cloud.sessions.ports import HotSessions
from cloud.sessions.queries import Appended, RestoredSession
from cloud.sessions.session import HOT_FOR, RESTORED_ENTRIES_COUNT

_OVERHEAD_COUNT = 200
_Key = tuple[str, str]


@dataclass(slots=True)
class _Held:
    """``floor`` is the newest version that was heard of; an older copy is worth nothing."""

    floor: int
    copy: RestoredSession | None
    used_at_s: float
    cost_count: int


def _cost(copy: RestoredSession | None) -> int:
    if copy is None:
        return _OVERHEAD_COUNT
    return _OVERHEAD_COUNT + sum(_OVERHEAD_COUNT + len(entry.text) for entry in copy.entries)


class MemoryHotSessions:
    """Sessions in this process's memory, at most ``largest_count`` characters of them."""

    def __init__(
        self,
        largest_count: int = 64_000_000,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._largest_count = largest_count
        self._monotonic_s = monotonic_s
        self._held: OrderedDict[_Key, _Held] = OrderedDict()
        self.held_count = 0

    async def get(self, organization_id: str, session_id: str) -> RestoredSession | None:
        """Return the copy; None when there is none or it may be old."""
        self._forget_idle()
        held = self._held.get((organization_id, session_id))
        if held is None or held.copy is None or held.copy.session.version < held.floor:
            return None
        self._keep((organization_id, session_id), held.floor, held.copy)
        return held.copy

    async def put(self, organization_id: str, copy: RestoredSession) -> None:
        """Keep a copy, unless something newer was heard of."""
        key = (organization_id, copy.session.session_id)
        held = self._held.get(key)
        known = 0 if held is None else held.floor
        if held is not None and held.copy is not None:
            known = max(known, held.copy.session.version)
        if copy.session.version >= known:
            self._keep(key, copy.session.version, copy)

    async def appended(self, organization_id: str, appended: Appended) -> None:
        """Bring a copy of the version before up to date; forget any other."""
        key, version = (organization_id, appended.session.session_id), appended.session.version
        held = self._held.get(key)
        copy = None if held is None else held.copy
        if copy is not None and copy.session.version == version - 1:
            entries = (*copy.entries, appended.entry)[-RESTORED_ENTRIES_COUNT:]
            self._keep(key, version, RestoredSession(session=appended.session, entries=entries))
        else:
            await self.outdated(organization_id, appended.session.session_id, version)

    async def outdated(self, organization_id: str, session_id: str, version: int) -> None:
        """Hear that ``version`` is committed."""
        key = (organization_id, session_id)
        held = self._held.get(key)
        copy = None if held is None else held.copy
        if copy is not None and copy.session.version >= version:
            return
        floor = version if held is None else max(held.floor, version)
        self._keep(key, floor, None)

    def _keep(self, key: _Key, floor: int, copy: RestoredSession | None) -> None:
        old = self._held.pop(key, None)
        cost = _cost(copy) if old is None or old.copy is not copy else old.cost_count
        self.held_count += cost - (0 if old is None else old.cost_count)
        self._held[key] = _Held(floor, copy, self._monotonic_s(), cost)
        while self.held_count > self._largest_count and len(self._held) > 1:
            self._drop_oldest()

    def _forget_idle(self) -> None:
        """Let go of what was not used for an hour; the oldest stands first."""
        before_s = self._monotonic_s() - HOT_FOR.total_seconds()
        while self._held and next(iter(self._held.values())).used_at_s <= before_s:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, held = self._held.popitem(last=False)
        self.held_count -= held.cost_count


class ChosenHotSessions:
    """The tier that this process was given; none before, because a copy must be kept true.

    Without Redis only `serve` hears of every change, so only `serve` keeps copies in memory.
    """

    def __init__(self, tier: HotSessions | None = None) -> None:
        self.tier = tier

    async def get(self, organization_id: str, session_id: str) -> RestoredSession | None:
        """Return the copy; None when there is none or it may be old."""
        return await self.tier.get(organization_id, session_id) if self.tier else None

    async def put(self, organization_id: str, copy: RestoredSession) -> None:
        """Keep a copy, unless something newer was heard of."""
        if self.tier:
            await self.tier.put(organization_id, copy)

    async def appended(self, organization_id: str, appended: Appended) -> None:
        """Bring a copy of the version before up to date; forget any other."""
        if self.tier:
            await self.tier.appended(organization_id, appended)

    async def outdated(self, organization_id: str, session_id: str, version: int) -> None:
        """Hear that ``version`` is committed.

        Raises:
            RedisAwayError: it could not be noted and must be told again.
        """
        if self.tier:
            await self.tier.outdated(organization_id, session_id, version)
