"""What a person is told, when, and when not: pure rules over a person's wishes."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

#: The same thing said again within this time is one notification.
DEDUPE_FOR = timedelta(minutes=10)
LETTERS = frozenset("RABSIC")
LONGEST_DIGEST_MIN = 24 * 60
_MINUTE = timedelta(minutes=1)


class Channel(StrEnum):
    """A way to a person. In the application always; others when they are set up."""

    IN_APP = "in_app"
    SLACK = "slack"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How a person wants to be told.

    Quiet hours are local clock times ``HH:MM`` of ``time_zone`` and may cross midnight; both
    empty: none. ``digest_min`` collects what happens into one bundle each so many minutes of the
    local day; 0: each thing at once.
    """

    channels: tuple[Channel, ...] = (Channel.IN_APP,)
    muted_letters: tuple[str, ...] = ()
    quiet_from: str = ""
    quiet_until: str = ""
    time_zone: str = "Asia/Seoul"
    digest_min: int = 0


def wishes_problem(wishes: Wishes) -> str | None:
    """Return what is wrong with a person's wishes; None when they are well."""
    problems = {
        "everything is told in the application; that channel stays": (
            Channel.IN_APP in wishes.channels
        ),
        "a muted letter is one of R, A, B, S, I, C": set(wishes.muted_letters) <= LETTERS,
        "quiet hours have a beginning and an end, HH:MM": _has_clock_times(wishes),
        f"a digest collects 0 to {LONGEST_DIGEST_MIN} minutes": (
            0 <= wishes.digest_min <= LONGEST_DIGEST_MIN
        ),
        "there is no such time zone": _is_zone(wishes.time_zone),
    }
    return next((problem for problem, well in problems.items() if not well), None)


def _has_clock_times(wishes: Wishes) -> bool:
    if not wishes.quiet_from and not wishes.quiet_until:
        return True
    try:
        return _clock(wishes.quiet_from) is not None and _clock(wishes.quiet_until) is not None
    except ValueError:
        return False


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True


def _clock(text: str) -> time:
    hours, _, minutes = text.partition(":")
    if len(hours) != len("00") or len(minutes) != len("00"):
        raise ValueError(text)
    return time(int(hours), int(minutes))


def _quiet_hours(wishes: Wishes) -> tuple[time, time] | None:
    if not wishes.quiet_from:
        return None
    begins, ends = _clock(wishes.quiet_from), _clock(wishes.quiet_until)
    return None if begins == ends else (begins, ends)


def quiet_until(now: datetime, wishes: Wishes) -> datetime | None:
    """Return the end of the quiet hours that ``now`` lies in; None outside of them."""
    hours = _quiet_hours(wishes)
    if hours is None:
        return None
    begins, ends = hours
    local = now.astimezone(ZoneInfo(wishes.time_zone))
    clock = local.time()
    crosses = begins > ends
    inside = (clock >= begins or clock < ends) if crosses else begins <= clock < ends
    if not inside:
        return None
    day = local.date() + timedelta(days=1 if crosses and clock >= begins else 0)
    return datetime.combine(day, ends, ZoneInfo(wishes.time_zone)).astimezone(UTC)


def _digest_at(now: datetime, wishes: Wishes) -> datetime:
    """Return the end of the collecting time that ``now`` lies in, by the local clock."""
    zone = ZoneInfo(wishes.time_zone)
    local = now.astimezone(zone)
    begun = (local.hour * 60 + local.minute) // wishes.digest_min
    minutes = (begun + 1) * wishes.digest_min
    midnight = datetime.combine(local.date(), time(), zone)
    ends = midnight + timedelta(days=1) if minutes >= LONGEST_DIGEST_MIN else (
        midnight + minutes * _MINUTE
    )  # fmt: skip
    return max(ends.astimezone(UTC), now)


def told_at(now: datetime, wishes: Wishes) -> datetime:
    """Return when a person is told of what happens ``now``, in UTC: never before."""
    due = _digest_at(now, wishes) if wishes.digest_min else now
    return quiet_until(due, wishes) or due


def is_muted(letter: str, wishes: Wishes) -> bool:
    """Say whether a person does not want to hear of what comes to him or her by this letter."""
    return letter in wishes.muted_letters
