"""Approvals, absences, and questions about permissions."""

from dataclasses import dataclass

from cloud.commands.command import Command, CommandContext, Query, Source
from cloud.commands.errors import NotFoundError
from cloud.commands.payload import payload_hash
from cloud.commands.ports import Handler, UnitOfWork
from cloud.permissions.absence import Absence
from cloud.permissions.approval import Approval
from cloud.permissions.authorizer import approver_decision, standing_for
from cloud.permissions.commands import ApproveRequest, RecordAbsence, RejectRequest
from cloud.permissions.decision import Request
from cloud.permissions.errors import (
    ApprovalClosedError,
    ApprovalPayloadChangedError,
    ApprovalUnknownError,
)
from cloud.permissions.events import AbsenceRecorded, ApprovalGranted, ApprovalRejected
from cloud.permissions.explanation import explain
from cloud.permissions.ports import ApprovalStore, HeldCommands, Matrices, StandingStore
from cloud.permissions.queries import (
    ApprovalView,
    Explanation,
    ListApprovals,
    RegistryProblem,
    RegistryProblems,
    WhyAllowed,
)
from cloud.permissions.rabsic import action_name


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalOutcome:
    """What became of a held command."""

    approval_id: str
    action: str
    state: str


@dataclass(frozen=True, slots=True)
class Approvals:
    """Decides held commands; the bus carries them out in the same transaction."""

    held: HeldCommands
    matrices: Matrices

    async def approve_request(self, command: ApproveRequest, unit: UnitOfWork) -> ApprovalOutcome:
        """Carry out what waits, once; raises ApprovalClosedError, ApprovalPayloadChangedError."""
        approval = await _open(command.approval_id, unit)
        wanted = self.held.command(approval.action, approval.payload)
        if payload_hash(wanted) != approval.payload_hash:
            raise ApprovalPayloadChangedError(
                "the stored command is not the one that was asked for",
                approval_id=approval.approval_id,
            )
        requester = CommandContext(
            organization_id=unit.context.organization_id,
            user=approval.requester,
            source=Source(approval.requester_source),
            session=approval.requester_session,
        )
        await self.held.run_approved(wanted, requester, unit)
        await unit.store(ApprovalStore).close(
            approval.approval_id, "executed", unit.context.user, unit.clock.now(), ""
        )
        unit.record(
            ApprovalGranted(
                approval_id=approval.approval_id,
                action=approval.action,
                requester=approval.requester,
                approved_by=unit.context.user,
            )
        )
        return ApprovalOutcome(
            approval_id=approval.approval_id, action=approval.action, state="executed"
        )

    async def reject_request(self, command: RejectRequest, unit: UnitOfWork) -> ApprovalOutcome:
        """Close what waits without doing it; raises ApprovalClosedError."""
        approval = await _open(command.approval_id, unit)
        await unit.store(ApprovalStore).close(
            approval.approval_id, "rejected", unit.context.user, unit.clock.now(), command.reason
        )
        unit.record(
            ApprovalRejected(
                approval_id=approval.approval_id,
                action=approval.action,
                requester=approval.requester,
                rejected_by=unit.context.user,
                reason=command.reason,
            )
        )
        return ApprovalOutcome(
            approval_id=approval.approval_id, action=approval.action, state="rejected"
        )

    async def list_approvals(
        self, query: ListApprovals, unit: UnitOfWork
    ) -> tuple[ApprovalView, ...]:
        """Return what waits for the asker or was asked by them."""
        views = []
        for approval in await unit.store(ApprovalStore).pending():
            decision = await approver_decision(approval, self.matrices, unit)
            if decision.allowed or approval.requester == unit.context.user:
                views.append(_view(approval, may_decide=decision.allowed))
        return tuple(views)

    async def registry_problems(
        self, query: RegistryProblems, unit: UnitOfWork
    ) -> tuple[RegistryProblem, ...]:
        """Return what is wrong with the registry files, and what serves instead."""
        return self.matrices.problems(unit.context.organization_id)

    async def why_allowed(self, query: WhyAllowed, unit: UnitOfWork) -> Explanation:
        """Explain a decision without taking it."""
        matrix = self.matrices.matrix(unit.context.organization_id, query.domain)
        request = Request(
            user=query.user, action=action_name(query.action), fields=dict(query.fields)
        )
        standing = await standing_for(request, matrix, unit, with_delegations=True)
        return explain(request, query.domain, matrix, standing)


async def record_absence(command: RecordAbsence, unit: UnitOfWork) -> None:
    """Note a person's leave; raises NotFoundError."""
    store = unit.store(StandingStore)
    presence = await store.presence([command.login], unit.clock.now())
    if command.login not in presence.active:
        raise NotFoundError("no such person in this organization", login=command.login)
    absence = Absence(
        login=command.login,
        begins_at=command.begins_at,
        ends_at=command.ends_at,
        reason=command.reason,
    )
    await store.add_absence(unit.ids.new("abs"), absence)
    unit.record(
        AbsenceRecorded(login=command.login, begins_at=command.begins_at, ends_at=command.ends_at)
    )


async def _open(approval_id: str, unit: UnitOfWork) -> Approval:
    approval = await unit.store(ApprovalStore).locked(approval_id)
    if approval is None:
        raise ApprovalUnknownError("no such approval", approval_id=approval_id)
    now = unit.clock.now()
    if not approval.is_open(now):
        state = approval.state if approval.state != "pending" else "expired"
        raise ApprovalClosedError(f"this approval is {state}", approval_id=approval_id, state=state)
    return approval


def _view(approval: Approval, *, may_decide: bool) -> ApprovalView:
    return ApprovalView(
        approval_id=approval.approval_id,
        action=approval.action,
        requester=approval.requester,
        reason=approval.reason,
        state=approval.state,
        requested_at=approval.requested_at,
        expires_at=approval.expires_at,
        may_decide=may_decide,
    )


def commands(held: HeldCommands, matrices: Matrices) -> dict[type[Command], Handler]:
    """Return the handlers of this room's commands; ``held`` is the bus."""
    approvals = Approvals(held, matrices)
    return {
        ApproveRequest: approvals.approve_request,
        RejectRequest: approvals.reject_request,
        RecordAbsence: record_absence,
    }


def queries(held: HeldCommands, matrices: Matrices) -> dict[type[Query], Handler]:
    """Return the handlers of this room's questions."""
    approvals = Approvals(held, matrices)
    return {
        ListApprovals: approvals.list_approvals,
        RegistryProblems: approvals.registry_problems,
        WhyAllowed: approvals.why_allowed,
    }
