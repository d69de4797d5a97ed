"""Facts about notifications; they say that somebody is told, not what."""

from dataclasses import dataclass
from datetime import datetime

from cloud.events.event import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRaised(DomainEvent):
    """A person is told something at ``told_at``."""

    notification_id: str
    login: str
    told_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationWishesChanged(DomainEvent):
    """A person wants to be told in another way."""

    login: str
