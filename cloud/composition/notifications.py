"""How persons are told: the stores, the ways to them, and the feed of events."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cloud.commands.bus import CommandBus
    from cloud.infrastructure.registry_files.org_registry import OrgRegistry
    from cloud.notifications.feed import NotificationFeed
    from cloud.notifications.notification import Channel


class ChannelsSetUp:
    """In the application only: the others are not connected yet, and say what they will need."""

    def missing_setting(self, channel: "Channel") -> str:
        """Return the setting without which nothing goes this way; "" when it is set up."""
        return {"slack": "SLACK_BOT_TOKEN", "email": "KYNDOF_NOTIFICATIONS__SMTP_URL"}.get(
            channel.value, ""
        )


def notification_stores() -> "dict[type, Callable[[Any, str], object]]":
    """Return the stores that handlers of notifications ask for."""
    from cloud.infrastructure.postgres import notification_store
    from cloud.notifications.ports import Channels

    channels = ChannelsSetUp()
    return notification_store.STORES | {Channels: lambda _connection, _organization: channels}


def notification_feed(bus: "CommandBus", registry: "OrgRegistry") -> "NotificationFeed":
    """Return the subscriber that tells persons of events."""
    from cloud.infrastructure.registry_files.positions import MatrixPositions
    from cloud.notifications.feed import NotificationFeed

    return NotificationFeed(bus, MatrixPositions(registry))
