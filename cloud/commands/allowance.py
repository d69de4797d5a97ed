"""How often somebody may ask, and the port that counts."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """``limit_count`` requests in ``window_s`` seconds, spread or at once."""

    limit_count: int
    window_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What is left: ``reset_s`` seconds until all of it is there again."""

    is_allowed: bool
    limit_count: int
    remaining_count: int
    reset_s: float
    retry_s: float


class RateLimiter(Protocol):
    """Counts by name."""

    async def take(self, name: str, allowance: Allowance) -> Budget:
        """Count one request of ``name`` and say whether it is within its allowance."""
        ...
