"""Rights lent for a while: only one's own, never in a circle."""

from dataclasses import dataclass

from cloud.commands.ports import UnitOfWork
from cloud.permissions.commands import DelegateAuthority, RevokeDelegation
from cloud.permissions.delegation import Delegation, closes_circle
from cloud.permissions.errors import DelegationInvalidError, DelegationUnknownError
from cloud.permissions.events import AuthorityDelegated, DelegationRevoked
from cloud.permissions.ports import Matrices, StandingStore
from cloud.permissions.queries import DelegationView
from cloud.permissions.rabsic import Letter, action_name

_RIGHTS = frozenset({Letter.RESPONSIBLE, Letter.ACCOUNTABLE, Letter.BACKUP})


@dataclass(frozen=True, slots=True)
class Lending:
    """Lends by the organization's matrices."""

    matrices: Matrices

    async def delegate_authority(
        self, command: DelegateAuthority, unit: UnitOfWork
    ) -> DelegationView:
        """Lend the asker's own rights; raises DelegationInvalidError."""
        giver, now = unit.context.user, unit.clock.now()
        store = unit.store(StandingStore)
        delegation = Delegation(
            delegation_id=unit.ids.new("del"),
            giver=giver,
            taker=command.taker,
            actions=frozenset(action_name(action) for action in command.actions),
            ids=frozenset(command.ids),
            largest_amount=command.largest_amount_krw,
            begins_at=command.begins_at,
            ends_at=command.ends_at,
            reason=command.reason,
        )
        self._refuse_foreign_rights(delegation, unit)
        presence = await store.presence([giver, command.taker], now)
        for login in (giver, command.taker):
            if login not in presence.active:
                raise DelegationInvalidError(
                    f"{login} is no active person of this organization", login=login
                )
        if command.taker == giver:
            raise DelegationInvalidError("nobody lends to themselves", login=giver)
        if command.ends_at <= now:
            raise DelegationInvalidError("the delegation would be over before it is made")
        await store.lock_delegations()
        if closes_circle(delegation, await store.delegations("", now)):
            raise DelegationInvalidError(
                f"{command.taker} lends the same right to {giver}, directly or over others",
                login=command.taker,
            )
        await store.add_delegation(delegation)
        unit.record(
            AuthorityDelegated(
                delegation_id=delegation.delegation_id,
                giver=giver,
                taker=command.taker,
                actions=tuple(sorted(delegation.actions)),
                begins_at=command.begins_at,
                ends_at=command.ends_at,
            )
        )
        return view_of(delegation)

    def _refuse_foreign_rights(self, delegation: Delegation, unit: UnitOfWork) -> None:
        for action in sorted(delegation.actions):
            if not self._holds(delegation.giver, action, unit.context.organization_id):
                raise DelegationInvalidError(
                    f"{delegation.giver} holds no right to {action} that could be lent",
                    action=action,
                )

    def _holds(self, login: str, action: str, organization_id: str) -> bool:
        return any(
            login in role.holders and entry.letters & _RIGHTS
            for domain in self.matrices.domains(organization_id)
            if (matrix := self.matrices.matrix(organization_id, domain)) is not None
            for role, entry in matrix.entries(action)
        )


async def revoke_delegation(command: RevokeDelegation, unit: UnitOfWork) -> None:
    """End a delegation of or to the asker; raises DelegationUnknownError."""
    store, now = unit.store(StandingStore), unit.clock.now()
    found = [
        delegation
        for delegation in await store.delegations(unit.context.user, now)
        if delegation.delegation_id == command.delegation_id
    ]
    if not found:
        raise DelegationUnknownError(
            "no such delegation of or to you", delegation_id=command.delegation_id
        )
    await store.end_delegation(command.delegation_id, now)
    unit.record(
        DelegationRevoked(
            delegation_id=command.delegation_id,
            giver=found[0].giver,
            taker=found[0].taker,
            revoked_by=unit.context.user,
        )
    )


def view_of(delegation: Delegation) -> DelegationView:
    """Return the delegation as people see it."""
    return DelegationView(
        delegation_id=delegation.delegation_id,
        giver=delegation.giver,
        taker=delegation.taker,
        actions=tuple(sorted(delegation.actions)),
        ids=tuple(sorted(delegation.ids)),
        largest_amount_krw=delegation.largest_amount,
        begins_at=delegation.begins_at,
        ends_at=delegation.ends_at,
        reason=delegation.reason,
    )
