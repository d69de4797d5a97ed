"""Rights lent for a while, never wider than the lender's own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeGuard


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """``giver`` lets ``taker`` act in their place.

    ``ids`` empty means any. ``largest_amount`` None means that acts with an amount are not
    covered, never that the amount is unlimited; with one, only acts that state an amount up to it.
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
        amounts = _amounts(fields, amount_field)
        if self.largest_amount is None:
            return not amounts
        return bool(amounts) and all(
            is_amount(amount) and amount <= self.largest_amount for amount in amounts
        )


def is_amount(value: object) -> TypeGuard[int]:
    """Say whether ``value`` is money: an integer that is not negative; a truth value is none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def straight(
    delegations: Iterable[Delegation], action: str, active: frozenset[str], moment: datetime
) -> tuple[Delegation, ...]:
    """Return those valid for ``action`` now, between active persons, that lie on no circle."""
    valid = [
        one
        for one in delegations
        if one.begins_at <= moment < one.ends_at
        and action in one.actions
        and {one.giver, one.taker} <= active
    ]
    return tuple(one for one in valid if one.giver != one.taker and not closes_circle(one, valid))


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
        value
        for name, value in fields.items()
        if (name == "id" or name.endswith("_id")) and isinstance(value, str)
    )


def _amounts(fields: Mapping[str, object], amount_field: str) -> list[object]:
    """Return every amount that the act states; None for one that its policy asks for in vain."""
    names = {name for name in fields if name == "amount" or name.startswith("amount_")}
    if amount_field:
        names.add(amount_field)
    return [fields.get(name) for name in sorted(names)]
