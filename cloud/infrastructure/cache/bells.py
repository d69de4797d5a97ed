"""How processes tell each other that something cached is no longer true.

A bell rings in every process of the cloud. While its line is cut it says so, and nothing in the
process's own memory is believed; when the line is there again, what was kept before is gone.
"""

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from cloud.infrastructure.hot_store.redis_link import RedisLink
from cloud.infrastructure.postgres.pool import DATABASE_AWAY

_LOG = logging.getLogger("kyndof.cache")
_CHANNEL = "kyndof_cache"
_PAUSE_S = 0.3
_SILENCE_S = 0.5
#: Hears the text that was rung; "" when anything may have been missed.
Hearer = Callable[[str], None]


class Bell(Protocol):
    """Rings in every process."""

    @property
    def listening(self) -> bool:
        """Say whether everything that is rung now is heard here."""
        ...

    def heard_by(self, hearer: Hearer) -> None:
        """Let ``hearer`` hear."""
        ...

    async def ring(self, text: str) -> None:
        """Let everybody hear ``text``; an error means that it must be rung again."""
        ...


class _Line(ABC):
    """Holds a line open, and opens it again when it is lost."""

    def __init__(self) -> None:
        self._hearers: list[Hearer] = []
        self._listening = False

    @property
    def listening(self) -> bool:
        """Say whether everything that is rung now is heard here."""
        return self._listening

    def heard_by(self, hearer: Hearer) -> None:
        """Let ``hearer`` hear."""
        self._hearers.append(hearer)

    def _hear(self, text: str) -> None:
        for hearer in self._hearers:
            hearer(text)

    def _opened(self) -> None:
        self._hear("")
        self._listening = True

    @abstractmethod
    async def _hold(self) -> None:
        """Listen until the line is lost; raises what says so."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Listen for as long as it is open."""
        task = asyncio.create_task(self._kept_open(), name="cache-bell")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _kept_open(self) -> None:
        while True:
            try:
                await self._hold()
            except (*DATABASE_AWAY, RedisError) as error:
                _LOG.warning("the cache hears nothing: %s", error)
            finally:
                self._listening = False
            await asyncio.sleep(_PAUSE_S)


class PostgresBell(_Line):
    """LISTEN and NOTIFY, for a cloud without Redis."""

    def __init__(self, pool: asyncpg.Pool, url: str) -> None:
        super().__init__()
        self._pool = pool
        self._url = url

    async def ring(self, text: str) -> None:
        """Notify every listening process."""
        await self._pool.execute("SELECT pg_notify($1, $2)", _CHANNEL, text)

    async def _hold(self) -> None:
        connection = await asyncpg.connect(self._url)
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda *_: lost.set())
            await connection.add_listener(_CHANNEL, lambda *heard: self._hear(str(heard[3])))
            self._opened()
            await lost.wait()
        finally:
            self._listening = False
            with contextlib.suppress(*DATABASE_AWAY):
                await connection.close(timeout=1)


class RedisBell(_Line):
    """Publish and subscribe. A line that says nothing for a moment is asked whether it lives."""

    def __init__(self, link: RedisLink) -> None:
        super().__init__()
        self._link = link

    async def ring(self, text: str) -> None:
        """Publish to every listening process.

        Raises:
            RedisAwayError: it was not published.
        """

        async def act(client: Redis) -> None:
            await client.publish(_CHANNEL, text)

        await self._link.do(act)

    async def _hold(self) -> None:
        async with self._link.client.pubsub() as line:
            await line.subscribe(_CHANNEL)
            asked = False
            while True:
                message = await line.get_message(timeout=_SILENCE_S)
                if message is None:
                    if asked:
                        raise TimeoutError("Redis does not answer")
                    await line.ping()
                    asked = True
                    continue
                asked = False
                if message["type"] == "subscribe":
                    self._opened()
                elif message["type"] == "message":
                    self._hear(message["data"].decode())
