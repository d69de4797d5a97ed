"""The hot tier in Redis: a hash with the session's head and a list of its newest entries.

Both live an hour from the last use. ``floor`` is the newest version that somebody heard of; a
script compares it, so that two processes never put back what a third has outdated.
"""

import json
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

from cloud.infrastructure.hot_store.redis_link import RedisAwayError, RedisLink
from cloud.sessions.queries import Appended, EntryView, RestoredSession, SessionView
from cloud.sessions.session import HOT_FOR, RESTORED_ENTRIES_COUNT

_TTL_MS = int(HOT_FOR.total_seconds() * 1000)
_MISSED_COUNT = 10_000

# KEYS head, entries · ARGV version, body, ttl, entry…
_PUT = """
local heard = math.max(tonumber(redis.call('HGET', KEYS[1], 'floor') or '0'),
                       tonumber(redis.call('HGET', KEYS[1], 'version') or '0'))
local version = tonumber(ARGV[1])
if version < heard then return 0 end
redis.call('HSET', KEYS[1], 'version', version, 'floor', version, 'body', ARGV[2])
redis.call('DEL', KEYS[2])
for i = 4, #ARGV do redis.call('RPUSH', KEYS[2], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
"""
# KEYS head, entries · ARGV version, ttl, body, entry, longest; without body: only heard of.
_HEAR = """
local floor = tonumber(redis.call('HGET', KEYS[1], 'floor') or '0')
local held = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
local version = tonumber(ARGV[1])
if held >= version then return 0 end
redis.call('HSET', KEYS[1], 'floor', math.max(floor, version))
if #ARGV > 2 and held == version - 1 and held >= floor then
  redis.call('HSET', KEYS[1], 'version', version, 'body', ARGV[3])
  redis.call('RPUSH', KEYS[2], ARGV[4])
  redis.call('LTRIM', KEYS[2], -tonumber(ARGV[5]), -1)
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
else
  redis.call('HDEL', KEYS[1], 'version', 'body')
  redis.call('DEL', KEYS[2])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
_MOMENTS = ("created_at", "last_used_at", "expires_at", "ended_at")


class RedisHotSessions:
    """Sessions in Redis. While Redis is away there are none, and nothing else changes."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        # What this process could not tell Redis; a copy of before must not be believed.
        self._missed: dict[tuple[str, str], int] = {}

    async def get(self, organization_id: str, session_id: str) -> RestoredSession | None:
        """Return the copy; None when there is none, it may be old, or Redis is away."""
        head, entries = _keys(organization_id, session_id)

        async def act(client: Redis) -> Any:  # noqa: ANN401
            async with client.pipeline(transaction=True) as pipe:
                pipe.hmget(head, ["version", "floor", "body"])
                pipe.lrange(entries, 0, -1)
                pipe.pexpire(head, _TTL_MS)
                pipe.pexpire(entries, _TTL_MS)
                return await pipe.execute()

        try:
            await self._tell_missed(organization_id, session_id)
            (version, floor, body), rows, *_ = await self._link.do(act)
        except RedisAwayError:
            return None
        if version is None or body is None or int(version) < int(floor or 0):
            return None
        return _read(body, rows)

    async def put(self, organization_id: str, copy: RestoredSession) -> None:
        """Keep a copy, unless something newer was heard of or Redis is away."""
        session = copy.session
        arguments = [
            session.version, _head(session), _TTL_MS, *(_entry(entry) for entry in copy.entries)
        ]  # fmt: skip
        try:
            await self._tell_missed(organization_id, session.session_id)
            await self._run(_PUT, _keys(organization_id, session.session_id), arguments)
        except RedisAwayError:
            return

    async def appended(self, organization_id: str, appended: Appended) -> None:
        """Bring a copy of the version before up to date; forget any other."""
        session = appended.session
        arguments = [
            session.version, _TTL_MS, _head(session), _entry(appended.entry),
            RESTORED_ENTRIES_COUNT,
        ]  # fmt: skip
        try:
            await self._run(_HEAR, _keys(organization_id, session.session_id), arguments)
        except RedisAwayError:
            self._remember((organization_id, session.session_id), session.version)

    async def outdated(self, organization_id: str, session_id: str, version: int) -> None:
        """Hear that ``version`` is committed.

        Raises:
            RedisAwayError: it could not be noted and must be told again.
        """
        try:
            await self._run(_HEAR, _keys(organization_id, session_id), [version, _TTL_MS])
        except RedisAwayError:
            self._remember((organization_id, session_id), version)
            raise

    def _remember(self, key: tuple[str, str], version: int) -> None:
        self._missed[key] = max(version, self._missed.get(key, 0))
        while len(self._missed) > _MISSED_COUNT:
            self._missed.pop(next(iter(self._missed)))

    async def _tell_missed(self, organization_id: str, session_id: str) -> None:
        version = self._missed.get((organization_id, session_id))
        if version is not None:
            await self._run(_HEAR, _keys(organization_id, session_id), [version, _TTL_MS])
            self._missed.pop((organization_id, session_id), None)

    async def _run(self, script: str, keys: tuple[str, str], arguments: list[Any]) -> None:
        def act(client: Redis) -> Awaitable[Any]:
            return client.eval(script, len(keys), *keys, *arguments)

        await self._link.do(act)


def _keys(organization_id: str, session_id: str) -> tuple[str, str]:
    place = f"kyndof:session:{{{organization_id}/{session_id}}}"
    return f"{place}:head", f"{place}:entries"


def _micro(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1_000_000)


def _moment(micro: int) -> datetime:
    return datetime.fromtimestamp(micro / 1_000_000, UTC)


def _head(session: SessionView) -> str:
    values = {name: getattr(session, name) for name in SessionView.__dataclass_fields__}
    return json.dumps(
        values | {name: _micro(values[name]) for name in _MOMENTS}, ensure_ascii=False
    )


def _entry(entry: EntryView) -> str:
    return json.dumps(
        [
            entry.sequence, entry.role, entry.author, entry.interface, entry.text,
            _micro(entry.at),
        ],
        ensure_ascii=False,
    )  # fmt: skip


def _read(body: bytes, rows: list[bytes]) -> RestoredSession:
    values = json.loads(body)
    for name in _MOMENTS:
        values[name] = None if values[name] is None else _moment(values[name])
    entries = json.loads(b"[" + b",".join(rows) + b"]")
    return RestoredSession(
        session=SessionView(**values),
        entries=tuple(
            EntryView(
                sequence=sequence, role=role, author=author, interface=interface, text=text,
                at=_moment(at),
            )
            for sequence, role, author, interface, text, at in entries
        ),
    )  # fmt: skip
