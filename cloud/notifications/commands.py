"""What can be asked of notifications."""

from dataclasses import dataclass, field

from cloud.commands.command import Command
from cloud.notifications.notification import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseNotifications(Command):
    """Tell persons of an event, each as he or she wishes. ``details`` are what a text shows."""

    domain = "notifications"
    event_id: str
    kind: str
    letter: str
    subject: str
    logins: tuple[str, ...]
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeNotificationWishes(Command):
    """Say how the asker wants to be told."""

    domain = "notifications"
    channels: tuple[Channel, ...] = (Channel.IN_APP,)
    muted_letters: tuple[str, ...] = ()
    quiet_from: str = ""
    quiet_until: str = ""
    time_zone: str = "Asia/Seoul"
    digest_min: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkNotificationsRead(Command):
    """Note that the asker has read these, or without any: all that were told."""

    domain = "notifications"
    notification_ids: tuple[str, ...] = ()
