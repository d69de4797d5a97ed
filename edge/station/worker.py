"""Who works here: the badge scanned last, until another badge, silence or the shift's end."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal

EndReason = Literal["silence", "shift_end", "other_badge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """The person at the kiosk; times are UTC."""

    login: str
    since: datetime
    last_act: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BadgeRules:
    """When a badge ends by itself."""

    silence: timedelta
    shift_end: time | None = None


def badge_end(worker: Worker, rules: BadgeRules, now: datetime) -> EndReason | None:
    """Say why the worker's badge has ended, or None while it holds.

    ``now`` carries the station's zone: the shift ends by the clock on the wall.
    """
    if now - worker.last_act >= rules.silence:
        return "silence"
    if rules.shift_end is not None:
        end = now.replace(
            hour=rules.shift_end.hour, minute=rules.shift_end.minute, second=0, microsecond=0
        )
        if worker.since < end <= now:
            return "shift_end"
    return None


def parse_shift_end(text: str) -> time | None:
    """Read ``HH:MM``; empty means never.

    Raises:
        ValueError: not a time of day.
    """
    return time.fromisoformat(text) if text else None
