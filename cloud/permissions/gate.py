"""The approval gate: a command that needs its Accountable, or advice first, is stored, not run."""

from dataclasses import dataclass
from datetime import timedelta

from cloud.commands.command import Command, command_type
from cloud.commands.payload import payload_hash, plain
from cloud.commands.ports import Permission, UnitOfWork
from cloud.permissions.approval import Approval
from cloud.permissions.authorizer import fields_of, standing_for
from cloud.permissions.circle import resource_of
from cloud.permissions.decision import Case, Request, Standing, case_of
from cloud.permissions.events import ApprovalEscalated, ApprovalRequested, PersonConsulted
from cloud.permissions.ports import ApprovalStore, Matrices, StandingStore, TimerStore
from cloud.permissions.rabsic import ApprovalPolicy, Letter
from cloud.permissions.timer import Timer, TimerKind

PERMISSIONS = "permissions"


@dataclass(frozen=True, slots=True)
class RabsicApprovalGate:
    """Keeps gated commands until the Accountable has spoken or the Consulted were heard."""

    matrices: Matrices

    async def hold(self, command: Command, permission: Permission, unit: UnitOfWork) -> str:
        """Store the command for approval and return the approval's identifier."""
        now, context = unit.clock.now(), unit.context
        action, fields = command_type(type(command)), fields_of(command)
        policy = _policy(self.matrices, command.domain, action, unit)
        consulting = bool(permission.consulted and permission.consultation_s)
        advice_s = permission.consultation_s if consulting else 0
        spec_version = fields.get("spec_version")
        approval = Approval(
            approval_id=unit.ids.new("apr"),
            action=action,
            domain=command.domain,
            payload=plain(command),
            payload_hash=payload_hash(command),
            spec_version=spec_version if isinstance(spec_version, str) else None,
            requester=context.user,
            requester_source=context.source.value,
            requester_session=context.session,
            requester_letter=permission.letter,
            policy_version=self.matrices.version(context.organization_id),
            reason=permission.reason,
            approval_needed=permission.approval_needed,
            state="consulting" if consulting else "pending",
            requested_at=now,
            due_at=now + timedelta(seconds=advice_s or policy.sla_s),
            expires_at=now + timedelta(seconds=advice_s + policy.expires_s),
        )
        await unit.store(ApprovalStore).add(approval)
        if consulting:
            await _ask(command, permission, approval, unit)
        else:
            await request_approval(approval, self.matrices, unit)
        return approval.approval_id


def _policy(matrices: Matrices, domain: str, action: str, unit: UnitOfWork) -> ApprovalPolicy:
    matrix = matrices.matrix(unit.context.organization_id, domain)
    found = None if matrix is None else matrix.policies.get(action)
    return found or ApprovalPolicy(always=True)


async def _ask(
    command: Command, permission: Permission, approval: Approval, unit: UnitOfWork
) -> None:
    for login in permission.consulted:
        await unit.store(ApprovalStore).ask_advice(
            approval.approval_id, login, approval.requested_at
        )
        unit.record(
            PersonConsulted(
                login=login,
                letter=Letter.CONSULTED.value,
                action=approval.action,
                domain=approval.domain,
                by=approval.requester,
                resource=resource_of(command),
                approval_id=approval.approval_id,
                answer_by=approval.due_at,
            )
        )
    await set_timer("consultation_end", approval, unit)


async def request_approval(approval: Approval, matrices: Matrices, unit: UnitOfWork) -> None:
    """Tell the approvers of a pending approval and set its timers; with nobody there, escalate."""
    approvers = await approvers_of(approval, matrices, unit)
    unit.record(
        ApprovalRequested(
            approval_id=approval.approval_id,
            action=approval.action,
            requester=approval.requester,
            approvers=approvers,
            expires_at=approval.expires_at,
        )
    )
    if not approvers:
        unit.record(
            ApprovalEscalated(
                approval_id=approval.approval_id,
                action=approval.action,
                requester=approval.requester,
                reason="nobody who may approve is there",
                told=await overseers(approval.domain, matrices, unit),
                expires_at=approval.expires_at,
            )
        )
    await set_timer("approval_due", approval, unit)
    await set_timer("approval_expiry", approval, unit)


async def set_timer(kind: TimerKind, approval: Approval, unit: UnitOfWork) -> None:
    """Let ``kind`` happen to ``approval`` at the moment that it names."""
    due_at = {
        "approval_expiry": approval.expires_at,
        "approval_execution": approval.execute_at or unit.clock.now(),
    }.get(kind, approval.due_at)
    await unit.store(TimerStore).add(
        Timer(
            timer_id=unit.ids.new("tmr"),
            kind=kind,
            subject_id=approval.approval_id,
            due_at=due_at,
        )
    )


async def approvers_of(approval: Approval, matrices: Matrices, unit: UnitOfWork) -> tuple[str, ...]:
    """Return who should decide now: the Accountable who are there, else who stands for them."""
    matrix = matrices.matrix(unit.context.organization_id, approval.domain)
    if matrix is None:
        return ()
    request = Request(user=approval.requester, action=approval.action, fields=approval.payload)
    standing = await standing_for(request, matrix, unit, with_delegations=False)
    case = case_of(matrix, approval.action, approval.payload)
    present = _present(case, standing, approval)
    return present or await _delegates(case, approval, unit)


def _present(case: Case, standing: Standing, approval: Approval) -> tuple[str, ...]:
    there = (case.holders(Letter.ACCOUNTABLE) & standing.active) - standing.absent
    separated = case.policy is not None and case.policy.separation_of_duties
    return tuple(sorted(there - {approval.requester} if separated else there))


async def _delegates(case: Case, approval: Approval, unit: UnitOfWork) -> tuple[str, ...]:
    now, store = unit.clock.now(), unit.store(StandingStore)
    field = case.policy.field if case.policy is not None and case.policy.above is not None else ""
    takers = {
        delegation.taker
        for giver in case.holders(Letter.ACCOUNTABLE)
        for delegation in await store.delegations(giver, now)
        if delegation.giver == giver
        and delegation.covers(approval.action, approval.payload, field, now)
    }
    presence = await store.presence(sorted(takers), now)
    return tuple(sorted(presence.active - presence.absent))


async def overseers(domain: str, matrices: Matrices, unit: UnitOfWork) -> tuple[str, ...]:
    """Return whom to tell when nobody answers: every Accountable of the domain and of rights."""
    organization_id, logins = unit.context.organization_id, set[str]()
    for name in (domain, PERMISSIONS):
        matrix = matrices.matrix(organization_id, name)
        if matrix is not None:
            logins |= {
                holder
                for role in matrix.roles
                if any(Letter.ACCOUNTABLE in entry.letters for entry in role.entries)
                for holder in role.holders
            }
    presence = await unit.store(StandingStore).presence(sorted(logins), unit.clock.now())
    return tuple(sorted(presence.active))
