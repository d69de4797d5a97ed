"""The hot tier of sessions: Redis, or the memory of `serve`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cloud.commands.bus import CommandBus
    from cloud.infrastructure.hot_store.memory_sessions import ChosenHotSessions
    from cloud.infrastructure.hot_store.redis_link import RedisLink
    from cloud.sessions.ports import ActivePersons


def hot_sessions(redis: "RedisLink | None") -> "ChosenHotSessions":
    """Return the tier in Redis, or a place that `serve` fills."""
    from cloud.infrastructure.hot_store.memory_sessions import ChosenHotSessions
    from cloud.infrastructure.hot_store.redis_sessions import RedisHotSessions

    return ChosenHotSessions(RedisHotSessions(redis) if redis else None)


def session_stores(hot: "ChosenHotSessions") -> "dict[type, Callable[[Any, str], object]]":
    """Return the stores that handlers of sessions ask for."""
    from cloud.infrastructure.postgres import session_store
    from cloud.sessions.ports import HotSessions

    return session_store.STORES | {HotSessions: lambda _connection, _organization: hot}


def answer_from_hot_tier(
    bus: "CommandBus", hot: "ChosenHotSessions", persons: "ActivePersons"
) -> None:
    """Let the bus restore sessions from the hot tier, and keep it fresh."""
    from cloud.sessions.commands import AppendToSession
    from cloud.sessions.hot import HotWay
    from cloud.sessions.queries import RestoreSession

    way = HotWay(hot, persons)
    bus.answer_quickly(RestoreSession, way.restored)
    bus.when_settled(AppendToSession, way.settled)
