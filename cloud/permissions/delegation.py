"""Rights lent for a while, never wider than the lender's own."""

from collections.abc import Mapping
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

    def covers(
        self, action: str, fields: Mapping[str, object], amount_field: str, moment: datetime
    ) -> bool:
        """Say whether this act, now, lies within the scope."""
        if not self.begins_at <= moment < self.ends_at or action not in self.actions:
            return False
        if self.ids and not self.ids & _identifiers(fields):
            return False
        return all(self._affords(amount) for amount in _amounts(fields, amount_field))

    def _affords(self, amount: object) -> bool:
        return (
            isinstance(amount, int)
            and not isinstance(amount, bool)
            and self.largest_amount is not None
            and amount <= self.largest_amount
        )


def _identifiers(fields: Mapping[str, object]) -> frozenset[str]:
    return frozenset(
        value for name, value in fields.items() if name.endswith("_id") and isinstance(value, str)
    )


def _amounts(fields: Mapping[str, object], amount_field: str) -> list[object]:
    return [
        value for name, value in fields.items() if name == amount_field or name.startswith("amount")
    ]
