"""RABSIC on the bus: finds the matrix and the facts, lets the pure rules decide."""

from collections.abc import Mapping
from dataclasses import dataclass

from cloud.commands.command import Command, Query, command_type
from cloud.commands.ports import Permission, UnitOfWork
from cloud.commands.typed import field_types
from cloud.permissions.approval import Approval
from cloud.permissions.commands import ApproveRequest, RejectRequest
from cloud.permissions.decision import Decision, Request, Standing, case_of, decide, may_approve
from cloud.permissions.machine_rights import OWN_RIGHTS, SYSTEM, is_machine, machine_right
from cloud.permissions.ports import ApprovalStore, Matrices, StandingStore
from cloud.permissions.rabsic import Letter, Matrix


def fields_of(command: Command | Query) -> dict[str, object]:
    """Return the typed fields of ``command`` by name."""
    return {name: getattr(command, name) for name in field_types(type(command))}


@dataclass(frozen=True, slots=True)
class RabsicAuthorizer:
    """Decides by the organization's matrices; what no matrix answers is refused."""

    matrices: Matrices

    async def decide(self, command: Command | Query, unit: UnitOfWork) -> Permission:
        """Say whether the context's user may do or ask this."""
        user, action = unit.context.user, command_type(type(command))
        if isinstance(command, Query):
            return await self._question(command, action, unit)
        if is_machine(user):
            return _machine(user, action)
        if action in OWN_RIGHTS:
            return Permission(allowed=True, reason=OWN_RIGHTS[action], letter="own")
        if isinstance(command, ApproveRequest | RejectRequest):
            return await self._approver(command.approval_id, unit)
        request = Request(user=user, action=action, fields=fields_of(command))
        return _permission(await self._judged(request, command.domain, unit))

    async def _judged(self, request: Request, domain: str, unit: UnitOfWork) -> Decision:
        matrix = self.matrices.matrix(unit.context.organization_id, domain)
        standing = await standing_for(request, matrix, unit, with_delegations=False)
        decision = decide(request, matrix, standing)
        if decision.allowed:
            return decision
        standing = await standing_for(request, matrix, unit, with_delegations=True)
        return decide(request, matrix, standing) if standing.delegations else decision

    async def _question(self, query: Query, action: str, unit: UnitOfWork) -> Permission:
        user = unit.context.user
        if user == SYSTEM:
            return Permission(allowed=True, reason="the program reads what it serves", letter="own")
        if is_machine(user):
            return Permission(
                allowed=not query.restricted, reason="a station reads nothing restricted"
            )
        presence = await unit.store(StandingStore).presence([user], unit.clock.now())
        if user not in presence.active:
            return Permission(
                allowed=False, reason=f"{user} is no active person of this organization"
            )
        if not query.restricted:
            return Permission(allowed=True, reason="is a member", letter="member")
        return self._letter_for(query, action, unit)

    def _letter_for(self, query: Query, action: str, unit: UnitOfWork) -> Permission:
        user = unit.context.user
        matrix = self.matrices.matrix(unit.context.organization_id, query.domain)
        if matrix is not None:
            case = case_of(matrix, action, fields_of(query))
            for letter in Letter:
                if user in case.holders(letter):
                    return Permission(
                        allowed=True, reason=f"holds {letter.value}", letter=letter.value
                    )
        return Permission(allowed=False, reason=f"{user} holds no letter for {action}")

    async def _approver(self, approval_id: str, unit: UnitOfWork) -> Permission:
        approval = await unit.store(ApprovalStore).find(approval_id)
        if approval is None:
            return Permission(allowed=False, reason="no such approval")
        return _permission(await approver_decision(approval, self.matrices, unit))


async def approver_decision(approval: Approval, matrices: Matrices, unit: UnitOfWork) -> Decision:
    """Judge whether the context's user may decide ``approval``."""
    matrix = matrices.matrix(unit.context.organization_id, approval.domain)
    request = Request(user=unit.context.user, action=approval.action, fields=approval.payload)
    standing = await standing_for(request, matrix, unit, with_delegations=True)
    return may_approve(unit.context.user, approval.requester, request, matrix, standing)


async def standing_for(
    request: Request, matrix: Matrix | None, unit: UnitOfWork, *, with_delegations: bool
) -> Standing:
    """Read the facts that a decision on ``request`` may need."""
    now, store = unit.clock.now(), unit.store(StandingStore)
    lent = await store.delegations_to(request.user, now) if with_delegations else ()
    logins = {request.user, *(delegation.giver for delegation in lent)}
    if matrix is not None:
        logins |= _doers(matrix, request.action, request.fields)
    presence = await store.presence(sorted(logins), now)
    return Standing(active=presence.active, absent=presence.absent, delegations=lent, now=now)


def _doers(matrix: Matrix, action: str, fields: Mapping[str, object]) -> frozenset[str]:
    case = case_of(matrix, action, fields)
    return (
        case.holders(Letter.RESPONSIBLE)
        | case.holders(Letter.ACCOUNTABLE)
        | case.holders(Letter.BACKUP)
    )


def _machine(user: str, action: str) -> Permission:
    reason = machine_right(user, action)
    if reason is None:
        return Permission(allowed=False, reason=f"{user} may not {action}")
    return Permission(allowed=True, reason=reason, letter="machine")


def _permission(decision: Decision) -> Permission:
    return Permission(
        allowed=decision.allowed,
        reason=decision.reason,
        letter="" if decision.letter is None else decision.letter.value,
        approval_needed=decision.approval is not None,
    )
