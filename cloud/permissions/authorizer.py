"""RABSIC on the bus: finds the matrix and the facts, lets the pure rules decide."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from cloud.commands.command import Command, Query, command_type
from cloud.commands.ports import Permission, UnitOfWork
from cloud.commands.typed import field_types
from cloud.permissions.approval import Approval, Change
from cloud.permissions.commands import ApproveRequest, ModifyRequest, RejectRequest, UndoApproval
from cloud.permissions.decision import Decision, Request, Standing, case_of, decide, may_approve
from cloud.permissions.delegation import identifiers
from cloud.permissions.machine_rights import OWN_RIGHTS, SYSTEM, is_machine, machine_right
from cloud.permissions.ports import ApprovalStore, Matrices, Silence, StandingStore, Work
from cloud.permissions.rabsic import Letter, Matrix

_DECIDING = ApproveRequest | RejectRequest | ModifyRequest | UndoApproval
_CONCERNED = (
    Letter.RESPONSIBLE, Letter.ACCOUNTABLE, Letter.BACKUP, Letter.CONSULTED, Letter.INFORMED,
)  # fmt: skip


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
        if isinstance(command, _DECIDING):
            return await self._approver(command.approval_id, unit)
        request = Request(user=user, action=action, fields=fields_of(command))
        return await self._judged(request, command.domain, unit)

    async def _judged(self, request: Request, domain: str, unit: UnitOfWork) -> Permission:
        matrix = self.matrices.matrix(unit.context.organization_id, domain)
        standing = await standing_for(request, matrix, unit, with_delegations=False)
        decision = decide(request, matrix, standing)
        if not decision.allowed or decision.approval is not None:
            lent = await standing_for(request, matrix, unit, with_delegations=True)
            if lent.delegations:
                standing, decision = lent, decide(request, matrix, lent)
        if matrix is None or not decision.allowed:
            return _permission(decision)
        return _with_circle(decision, request, matrix, standing)

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


async def approver_decision(
    approval: Approval, matrices: Matrices, unit: UnitOfWork, approver: str | None = None
) -> Decision:
    """Judge whether ``approver``, or else the context's user, may decide ``approval`` now."""
    matrix = matrices.matrix(unit.context.organization_id, approval.domain)
    user = approver or unit.context.user
    request = Request(user=user, action=approval.action, fields=approval.payload)
    standing = await standing_for(request, matrix, unit, with_delegations=True)
    changes = await unit.store(ApprovalStore).changes(approval.approval_id)
    changed_by = frozenset(change.changed_by for change in changes)
    asked = replace(request, user=approval.requester)
    return may_approve(user, asked, changed_by, matrix, standing)


async def approver_decisions(
    approvals: Sequence[Approval],
    changes: Mapping[str, tuple[Change, ...]],
    matrices: Matrices,
    unit: UnitOfWork,
) -> list[Decision]:
    """Judge whether the context's user may decide each of ``approvals`` now.

    The facts of all are read together: the number of statements does not grow with them.
    """
    user, now, store = unit.context.user, unit.clock.now(), unit.store(StandingStore)
    asked = [
        Request(user=one.requester, action=one.action, fields=one.payload) for one in approvals
    ]
    found = [matrices.matrix(unit.context.organization_id, one.domain) for one in approvals]
    lent = await store.delegations(user, now)
    logins = {user, *(one.giver for one in lent), *(one.taker for one in lent)}
    for request, matrix in zip(asked, found, strict=True):
        if matrix is not None:
            logins |= concerned(matrix, request.action, request.fields)
    presence = await store.presence(sorted(logins), now)
    silences = await store.silent(request.action for request in asked)
    decisions = []
    for approval, request, matrix in zip(approvals, asked, found, strict=True):
        standing = Standing(
            active=presence.active,
            absent=presence.absent,
            silent=_silent_on(request, silences),
            delegations=lent,
            now=now,
        )
        changed_by = frozenset(one.changed_by for one in changes.get(approval.approval_id, ()))
        decisions.append(may_approve(user, request, changed_by, matrix, standing))
    return decisions


def _silent_on(request: Request, silences: Iterable[Silence]) -> frozenset[str]:
    about = {"", *identifiers(request.fields)}
    return frozenset(
        one.position for one in silences if one.action == request.action and one.resource in about
    )


async def standing_for(
    request: Request, matrix: Matrix | None, unit: UnitOfWork, *, with_delegations: bool
) -> Standing:
    """Read the facts that a decision on ``request`` may need."""
    now, store = unit.clock.now(), unit.store(StandingStore)
    lent = await store.delegations(request.user, now) if with_delegations else ()
    logins = {request.user, *(one.giver for one in lent), *(one.taker for one in lent)}
    if matrix is not None:
        logins |= concerned(matrix, request.action, request.fields)
    work = Work(action=request.action, ids=identifiers(request.fields))
    presence = await store.presence(sorted(logins), now, work)
    return Standing(
        active=presence.active,
        absent=presence.absent,
        silent=presence.silent,
        delegations=lent,
        now=now,
    )


def concerned(matrix: Matrix, action: str, fields: Mapping[str, object]) -> frozenset[str]:
    """Return everybody with a letter for this act that a decision or a message may need."""
    case = case_of(matrix, action, fields)
    return frozenset(login for letter in _CONCERNED for login in case.holders(letter))


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
        on_behalf_of=decision.on_behalf_of,
    )


def _with_circle(
    decision: Decision, request: Request, matrix: Matrix, standing: Standing
) -> Permission:
    """Return the permission with those who are asked before and told after; never the doer."""
    case = case_of(matrix, request.action, request.fields)
    others = standing.active - {request.user}
    return replace(
        _permission(decision),
        consulted=tuple(sorted(case.holders(Letter.CONSULTED) & others)),
        consultation_s=case.consultation_s,
        informed=tuple(sorted(case.holders(Letter.INFORMED) & others)),
    )
