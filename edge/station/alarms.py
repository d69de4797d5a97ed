"""What needs a person, each code once, with the facts that say so."""

from collections.abc import Iterable
from dataclasses import dataclass

from edge.station.events import AlarmCleared, AlarmRaised

# Links come and go by themselves and the cloud knows them better; waiting is no fault.
_NOT_RECORDED = frozenset(
    {
        "enrolment_pending",
        "package_missing",
        "broker_away",
        "cloud_away",
        "camera_not_configured",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One standing alarm."""

    code: str
    detail: str = ""


class AlarmBoard:
    """The standing alarms and the facts not yet written down."""

    def __init__(self) -> None:
        self._standing: dict[str, Alarm] = {}
        self._unwritten: list[AlarmRaised | AlarmCleared] = []

    def set(self, code: str, *, on: bool, detail: str = "") -> bool:
        """Raise or clear an alarm; return whether anything changed."""
        if on == (code in self._standing):
            return False
        recorded = code not in _NOT_RECORDED
        if on:
            self._standing[code] = Alarm(code=code, detail=detail)
            if recorded:
                self._unwritten.append(AlarmRaised(code=code, detail=detail))
        else:
            del self._standing[code]
            if recorded:
                self._unwritten.append(AlarmCleared(code=code))
        return True

    def explain(self, codes: Iterable[str], detail: str) -> bool:
        """Say otherwise what is behind standing alarms; return whether anything changed.

        Only for alarms that are not recorded: a fact that was written down stays as it is.
        """
        told = [
            Alarm(code=code, detail=detail)
            for code in codes
            if code in self._standing and code in _NOT_RECORDED
        ]
        changed = any(self._standing[one.code] != one for one in told)
        self._standing |= {one.code: one for one in told}
        return changed

    def codes(self) -> tuple[str, ...]:
        """Return the codes that stand, oldest first."""
        return tuple(self._standing)

    def standing(self) -> tuple[Alarm, ...]:
        """Return the alarms that stand, oldest first."""
        return tuple(self._standing.values())

    def unwritten(self) -> tuple[AlarmRaised | AlarmCleared, ...]:
        """Return the facts that wait for the journal, at most the last hundred."""
        del self._unwritten[:-100]
        return tuple(self._unwritten)

    def written(self, count: int) -> None:
        """Drop the first ``count`` facts: the journal has them."""
        del self._unwritten[:count]
