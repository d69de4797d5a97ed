"""What can be read of notifications: the asker's own."""

from dataclasses import dataclass
from datetime import datetime

from cloud.commands.command import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNotifications(Query):
    """What the asker was told, newest first; ``before`` is the last one of the page before."""

    limit: int = 50
    before: str = ""
    unread_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDigests(Query):
    """What was gathered for the asker and told together, newest first.

    ``before`` is the last one of the page before.
    """

    limit: int = 20
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindNotificationWishes(Query):
    """How the asker wants to be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationView:
    """One thing told. ``repeats`` counts how often it was said again.

    ``digest`` names the bundle with which it came, "" when it came alone.
    """

    notification_id: str
    kind: str
    letter: str
    subject: str
    details: dict[str, str]
    repeats: int
    occurred_at: datetime
    told_at: datetime
    read_at: datetime | None
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KindCount:
    """How many things of one kind were gathered; repeated ones count as often as they were said."""

    kind: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestView:
    """What one digest gathered: counts by kind, most first, and the newest few."""

    digest: str
    told_at: datetime
    count: int
    unread: int
    kinds: tuple[KindCount, ...]
    newest: tuple[NotificationView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationPage:
    """The newest notifications, how many are unread, and the digests that they came with."""

    notifications: tuple[NotificationView, ...]
    unread: int
    digests: tuple[DigestView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WishesView:
    """How a person wants to be told."""

    channels: tuple[str, ...]
    muted_letters: tuple[str, ...]
    quiet_from: str
    quiet_until: str
    time_zone: str
    digest_min: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """How many were told anew, again, and not at all because they muted the letter."""

    told: int
    repeated: int
    muted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedRead:
    """How many were marked."""

    count: int
