"""Rate limits by the moment at which a name's use is paid off: one number per name.

Every request moves that moment forward by window / limit; a request is refused while the moment
lies more than a window ahead.
"""

import logging
from collections import OrderedDict
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from cloud.commands.allowance import Allowance, Budget
from cloud.events.ports import Clock

_log = logging.getLogger("kyndof.rate_limits")
_MOST_NAMES = 50_000
# The same rule inside Redis, by its clock, so that several processes count together.
_SCRIPT = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local step, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local paid = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local allowed = 0
if paid + step - now <= window then
  paid = paid + step
  allowed = 1
  redis.call('SET', KEYS[1], string.format('%.6f', paid), 'PX', math.ceil(window * 1000) + 1000)
end
return {allowed, string.format('%.6f', paid - now)}
"""


def _budget(allowance: Allowance, ahead_s: float, *, is_allowed: bool) -> Budget:
    step_s = allowance.window_s / allowance.limit_count
    return Budget(
        is_allowed=is_allowed,
        limit_count=allowance.limit_count,
        remaining_count=max(0, int((allowance.window_s - ahead_s) / step_s + 1e-6)),
        reset_s=max(0.0, ahead_s),
        retry_s=0.0 if is_allowed else max(0.0, ahead_s + step_s - allowance.window_s),
    )


class MemoryRateLimiter:
    """Counts in this process; the longest unused names are forgotten first."""

    def __init__(self, clock: Clock, most_names: int = _MOST_NAMES) -> None:
        self._clock = clock
        self._most_names = most_names
        self._paid_at_s: OrderedDict[str, float] = OrderedDict()

    async def take(self, name: str, allowance: Allowance) -> Budget:
        """Count one request of ``name`` and say whether it is within its allowance."""
        now_s = self._clock.now().timestamp()
        step_s = allowance.window_s / allowance.limit_count
        paid_s = max(self._paid_at_s.get(name, 0.0), now_s)
        is_allowed = paid_s + step_s - now_s <= allowance.window_s + 1e-6
        if is_allowed:
            paid_s += step_s
            self._paid_at_s[name] = paid_s
            self._paid_at_s.move_to_end(name)
            if len(self._paid_at_s) > self._most_names:
                self._paid_at_s.popitem(last=False)
        return _budget(allowance, paid_s - now_s, is_allowed=is_allowed)


class RedisRateLimiter:
    """Counts in Redis; while Redis is away each process counts for itself."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._redis: Redis = Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        self._alone = MemoryRateLimiter(clock)
        self._is_away = False

    async def take(self, name: str, allowance: Allowance) -> Budget:
        """Count one request of ``name`` and say whether it is within its allowance."""
        step_s = allowance.window_s / allowance.limit_count
        try:
            # The stubs do not know that an asynchronous client answers with an awaitable here.
            answer = await cast(
                "Any",
                self._redis.eval(
                    _SCRIPT, 1, f"kyndof:rate:{name}", str(step_s), str(allowance.window_s)
                ),
            )
        except (RedisError, OSError) as error:
            if not self._is_away:
                _log.warning("rate limits count in this process alone: %s", error)
            self._is_away = True
            return await self._alone.take(name, allowance)
        self._is_away = False
        return _budget(allowance, float(answer[1]), is_allowed=bool(answer[0]))

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()
