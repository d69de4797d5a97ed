"""Rights lent for a while, never wider than the lender's own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """``giver`` lets ``taker`` act in their place.

    ``ids`` empty means any; ``largest_amount`` None means that acts with an amount are not
    covered, never that the amount is unlimited.
    """

    giver: str
    taker: str
    actions: frozenset[str]
    ids: frozenset[str]
    largest_amount: int | None
    begins_at: datetime
    ends_at: datetime
    reason: str
    delegation_id: str = ""

    def covers(
        self, action: str, fields: Mapping[str, object], amount_field: str, moment: datetime
    ) -> bool:
        """Say whether this act, now, lies within the scope."""
        if not self.begins_at <= moment < self.ends_at or action not in self.actions:
            return False
        if self.ids and not self.ids & identifiers(fields):
            return False
        return all(self._affords(amount) for amount in _amounts(fields, amount_field))

    def _affords(self, amount: object) -> bool:
        return (
            isinstance(amount, int)
            and not isinstance(amount, bool)
            and self.largest_amount is not None
            and amount <= self.largest_amount
        )


def closes_circle(new: Delegation, others: Iterable[Delegation]) -> bool:
    """Say whether ``new`` would lend a right back to somebody through whom it came.

    Only delegations count that share an action with it and are valid at the same time.
    """
    lends: dict[str, set[str]] = {}
    for other in others:
        together = other.begins_at < new.ends_at and new.begins_at < other.ends_at
        if together and other.actions & new.actions:
            lends.setdefault(other.giver, set()).add(other.taker)
    waiting, seen = [new.taker], set[str]()
    while waiting:
        login = waiting.pop()
        if login == new.giver:
            return True
        if login not in seen:
            seen.add(login)
            waiting += sorted(lends.get(login, ()))
    return False


def identifiers(fields: Mapping[str, object]) -> frozenset[str]:
    """Return the values of the fields that name something."""
    return frozenset(
        value for name, value in fields.items() if name.endswith("_id") and isinstance(value, str)
    )


def _amounts(fields: Mapping[str, object], amount_field: str) -> list[object]:
    return [
        value for name, value in fields.items() if name == amount_field or name.startswith("amount")
    ]
