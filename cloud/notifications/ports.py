"""What notifications need of the outside."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cloud.notifications.notification import Channel, Wishes
from cloud.notifications.queries import DigestView, ListDigests, ListNotifications, NotificationPage


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotification:
    """What a person is told."""

    notification_id: str
    event_id: str
    login: str
    kind: str
    letter: str
    subject: str
    details: dict[str, str]
    occurred_at: datetime
    told_at: datetime
    digest: str


class NotificationStore(Protocol):
    """Notifications and wishes of the transaction's organization."""

    async def hold(self, login: str) -> bool:
        """Let nobody else tell this person until the end of the transaction.

        False when there is no such active person.
        """
        ...

    async def wishes(self, login: str) -> Wishes:
        """Return a person's wishes; the usual ones when none were said."""
        ...

    async def keep_wishes(self, login: str, wishes: Wishes, at: datetime) -> None:
        """Store a person's wishes."""
        ...

    async def repeat(self, new: NewNotification, since: datetime) -> bool:
        """Count the same thing told since then once more; False when it was not told."""
        ...

    async def add(self, new: NewNotification) -> None:
        """Store what is told."""
        ...

    async def page(self, login: str, now: datetime, asked: ListNotifications) -> NotificationPage:
        """Return what a person was told until ``now``, newest first."""
        ...

    async def digests(
        self, login: str, now: datetime, asked: ListDigests, newest_count: int
    ) -> tuple[DigestView, ...]:
        """Return what was gathered and told until ``now``, newest first.

        Each digest names at most ``newest_count`` of its notifications.
        """
        ...

    async def mark_read(self, login: str, ids: tuple[str, ...], now: datetime) -> int:
        """Mark these, or all that were told, and return how many were unread."""
        ...


class Channels(Protocol):
    """Which ways to a person are set up."""

    def missing_setting(self, channel: Channel) -> str:
        """Return the setting without which nothing goes this way; "" when it is set up."""
        ...


class Positions(Protocol):
    """Who holds a letter for an action."""

    def holders(
        self, organization_id: str, domain: str, action: str, letter: str
    ) -> tuple[str, ...]:
        """Return the logins, whatever the conditions of the entries."""
        ...
