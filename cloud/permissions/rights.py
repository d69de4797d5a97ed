"""What a person may do: letters by action, by position and by delegation.

A list to show, not a decision: what a command is allowed is always judged when it comes.
"""

from collections.abc import Iterator
from datetime import datetime

from cloud.permissions.delegation import Delegation
from cloud.permissions.ports import Matrices, StandingStore
from cloud.permissions.queries import RightView
from cloud.permissions.rabsic import Letter, Matrix

_LENDABLE = frozenset({Letter.RESPONSIBLE, Letter.ACCOUNTABLE, Letter.BACKUP})


async def rights_of(
    login: str, organization_id: str, matrices: Matrices, store: StandingStore, now: datetime
) -> tuple[RightView, ...] | None:
    """Return what ``login`` may do now or later, lent rights with their time; None: no member."""
    lent = [one for one in await store.delegations(login, now) if one.taker == login]
    presence = await store.presence(sorted({login, *(one.giver for one in lent)}), now)
    if login not in presence.active:
        return None
    found: list[RightView] = []
    for domain in matrices.domains(organization_id):
        matrix = matrices.matrix(organization_id, domain)
        if matrix is not None:
            found += _own(login, matrix)
            for one in lent:
                if one.giver in presence.active:
                    found += _lent(one, matrix)
    return tuple(found)


def valid_at(rights: tuple[RightView, ...], now: datetime) -> tuple[RightView, ...]:
    """Return own rights, and those lent ones whose time has come and is not over."""
    return tuple(
        one
        for one in rights
        if (one.begins_at is None or one.begins_at <= now)
        and (one.ends_at is None or now < one.ends_at)
    )


def _own(login: str, matrix: Matrix) -> Iterator[RightView]:
    for action in matrix.actions():
        held = [(r, e) for r, e in matrix.entries(action) if login in r.holders]
        if held:
            yield RightView(
                domain=matrix.domain,
                action=action,
                letters=_in_order({letter for _, entry in held for letter in entry.letters}),
                positions=tuple(dict.fromkeys(role.name for role, _ in held)),
                conditional=all(entry.when for _, entry in held),
            )


def _lent(one: Delegation, matrix: Matrix) -> Iterator[RightView]:
    for right in _own(one.giver, matrix):
        letters = tuple(name for name in right.letters if Letter(name) in _LENDABLE)
        if right.action in one.actions and letters:
            yield RightView(
                domain=right.domain,
                action=right.action,
                letters=letters,
                positions=right.positions,
                conditional=right.conditional or bool(one.ids) or one.largest_amount is not None,
                lent_by=one.giver,
                begins_at=one.begins_at,
                ends_at=one.ends_at,
            )


def _in_order(letters: set[Letter]) -> tuple[str, ...]:
    return tuple(letter.value for letter in Letter if letter in letters)
