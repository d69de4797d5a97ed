"""One Redis for this process: short patience, and a pause after a failure."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

_LOG = logging.getLogger("kyndof.redis")
_PATIENCE_S = 0.5
_PAUSE_S = 1.0
Answer = TypeVar("Answer")


class RedisUrlInvalidError(Exception):
    """REDIS_URL is no Redis URL."""

    code = "REDIS_URL_INVALID"


class RedisAwayError(Exception):
    """Redis does not answer now."""

    code = "REDIS_AWAY"


class RedisLink:
    """Lends Redis to one act at a time; while it is away, every act learns so at once."""

    def __init__(self, url: str) -> None:
        try:
            self.client: Redis = Redis.from_url(
                url,
                socket_timeout=_PATIENCE_S,
                socket_connect_timeout=_PATIENCE_S,
                retry=Retry(NoBackoff(), 0),
                client_name="kyndof",
            )
        except ValueError as error:
            raise RedisUrlInvalidError(f"REDIS_URL: {error}") from error
        self._away_until_s = 0.0
        self._told = False

    async def do(self, act: Callable[[Redis], Awaitable[Answer]]) -> Answer:
        """Return what ``act`` answers.

        Raises:
            RedisAwayError: Redis does not answer, or did not a moment ago.
        """
        if time.monotonic() < self._away_until_s:
            raise RedisAwayError("Redis did not answer a moment ago")
        try:
            answer = await act(self.client)
        except (RedisError, OSError, TimeoutError) as error:
            self._away_until_s = time.monotonic() + _PAUSE_S
            if not self._told:
                _LOG.warning("Redis is away: %s", error)
            self._told = True
            raise RedisAwayError(str(error)) from error
        if self._told:
            _LOG.info("Redis is back")
        self._told = False
        return answer

    async def problem(self) -> str | None:
        """Return nothing when Redis answers, else one sentence."""
        try:
            await self.do(lambda client: client.ping())
        except RedisAwayError as error:
            return f"Redis does not answer at REDIS_URL: {error}"
        return None

    async def close(self) -> None:
        """Close every connection."""
        await self.client.aclose()
