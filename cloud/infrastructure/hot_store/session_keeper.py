"""Tells the hot tier of every committed change, whichever process made it."""

from typing import Protocol

from cloud.events.event import RecordedEvent
from cloud.sessions.events import CHANGES


class Outdated(Protocol):
    """The part of the hot tier that hears of changes."""

    async def outdated(self, organization_id: str, session_id: str, version: int) -> None:
        """Hear that ``version`` is committed."""
        ...


class HotSessionKeeper:
    """A subscriber of the outbox: what could not be told is told again until it was."""

    name = "hot-sessions"

    def __init__(self, hot: Outdated) -> None:
        self._hot = hot

    async def hear(self, event: RecordedEvent) -> None:
        """Take one event."""
        if event.type in CHANGES:
            payload = event.payload
            await self._hot.outdated(
                event.organization_id, payload["session_id"], int(payload["version"])
            )
