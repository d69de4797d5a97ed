"""What notifications refuse."""

from cloud.commands.errors import CommandError


class NotificationsError(CommandError):
    """Any refusal of this feature."""

    code = "NOTIFICATIONS_ERROR"


class NotificationWishesInvalidError(NotificationsError):
    """A wish cannot be kept: an unknown letter, zone, clock time or digest."""

    code = "NOTIFICATION_WISHES_INVALID"


class ChannelNotConfiguredError(NotificationsError):
    """Nothing can be sent this way here; ``details.setting`` names what is missing."""

    code = "CHANNEL_NOT_CONFIGURED"
