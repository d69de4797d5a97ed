"""What following the live events can end in."""

from typing import ClassVar


class EventsError(Exception):
    """Base of the event bus's errors; ``code`` is stable."""

    code: ClassVar[str] = "EVENTS_ERROR"


class FollowerTooSlowError(EventsError):
    """A live follower fell too far behind; it may come again with its last sequence."""

    code = "FOLLOWER_TOO_SLOW"


class LiveEventsStoppedError(EventsError):
    """The source of live events is shutting down."""

    code = "LIVE_EVENTS_STOPPED"
