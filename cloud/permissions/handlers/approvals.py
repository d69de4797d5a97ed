"""Held commands: approved, rejected, changed, taken back, and carried out once."""

from dataclasses import dataclass, replace
from datetime import timedelta

from cloud.commands.command import Command, CommandContext, Source
from cloud.commands.errors import ForbiddenError, PayloadInvalidError
from cloud.commands.payload import payload_hash, plain
from cloud.commands.ports import UnitOfWork
from cloud.commands.typed import check
from cloud.permissions.approval import Approval, Change, differences
from cloud.permissions.authorizer import approver_decision
from cloud.permissions.commands import (
    ApproveRequest,
    GiveAdvice,
    ModifyRequest,
    RejectRequest,
    UndoApproval,
    WithdrawRequest,
)
from cloud.permissions.errors import (
    AdviceNotAskedError,
    ApprovalClosedError,
    ApprovalPayloadChangedError,
    ApprovalUnknownError,
    ApproverRightLostError,
)
from cloud.permissions.events import (
    AdviceGiven,
    ApprovalChanged,
    ApprovalGiven,
    ApprovalGranted,
    ApprovalRejected,
    ApprovalTakenBack,
    ApprovalWithdrawn,
)
from cloud.permissions.gate import request_approval, set_timer
from cloud.permissions.ports import ApprovalStore, HeldCommands, Matrices
from cloud.permissions.rabsic import ApprovalPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalOutcome:
    """What became of a held command; ``payload_hash`` is that of its newest version."""

    approval_id: str
    action: str
    state: str
    payload_hash: str


@dataclass(frozen=True, slots=True)
class Approvals:
    """Decides held commands; the bus carries them out in the same transaction."""

    held: HeldCommands
    matrices: Matrices

    async def approve_request(self, command: ApproveRequest, unit: UnitOfWork) -> ApprovalOutcome:
        """Carry out what waits, once, or let it wait for the end of its undo window.

        Raises ApprovalUnknownError, ApprovalClosedError, ApprovalPayloadChangedError.
        """
        approval = await opened(command.approval_id, unit)
        _refuse_other_version(command.payload_hash, approval)
        wanted, now = self._wanted(approval), unit.clock.now()
        approval = replace(approval, decided_by=unit.context.user, decided_at=now)
        window_s = type(wanted).undo_window_s
        if window_s == 0:
            return await self.execute(approval, unit)
        approval = replace(approval, state="approved", execute_at=now + timedelta(seconds=window_s))
        await unit.store(ApprovalStore).save(approval)
        await set_timer("approval_execution", approval, unit)
        unit.record(
            ApprovalGiven(
                approval_id=approval.approval_id,
                action=approval.action,
                requester=approval.requester,
                approved_by=unit.context.user,
                execute_at=approval.execute_at or now,
            )
        )
        return _outcome(approval)

    async def execute(self, approval: Approval, unit: UnitOfWork) -> ApprovalOutcome:
        """Carry out a locked approval in this transaction, as its requester.

        Carried out and closed commit together or not at all, which is what makes it once.
        Rights may have ended while it waited, so the approver's are judged again beside the
        requester's; raises ApproverRightLostError.
        """
        wanted = self._wanted(approval)
        await self._refuse_lost_approver(approval, unit)
        requester = CommandContext(
            organization_id=unit.context.organization_id,
            user=approval.requester,
            source=Source(approval.requester_source),
            session=approval.requester_session,
        )
        await self.held.run_approved(wanted, requester, approval.decided_by or "", unit)
        approval = replace(approval, state="executed")
        await unit.store(ApprovalStore).save(approval)
        unit.record(
            ApprovalGranted(
                approval_id=approval.approval_id,
                action=approval.action,
                requester=approval.requester,
                approved_by=approval.decided_by or "",
            )
        )
        return _outcome(approval)

    async def reject_request(self, command: RejectRequest, unit: UnitOfWork) -> ApprovalOutcome:
        """Close what waits without doing it; raises ApprovalClosedError."""
        approval = replace(
            await opened(command.approval_id, unit),
            state="rejected",
            decided_by=unit.context.user,
            decided_at=unit.clock.now(),
            decision_reason=command.reason,
        )
        await unit.store(ApprovalStore).save(approval)
        unit.record(
            ApprovalRejected(
                approval_id=approval.approval_id,
                action=approval.action,
                requester=approval.requester,
                rejected_by=unit.context.user,
                reason=command.reason,
            )
        )
        return _outcome(approval)

    async def modify_request(self, command: ModifyRequest, unit: UnitOfWork) -> ApprovalOutcome:
        """Change typed fields of what waits; it goes on waiting, with a new hash.

        Raises ApprovalClosedError, ApprovalPayloadChangedError, PayloadInvalidError.
        """
        approval = await opened(command.approval_id, unit)
        _refuse_other_version(command.payload_hash, approval)
        before = self._wanted(approval)
        after = self.held.command(approval.action, {**plain(before), **command.changes})
        _check_own_rules(after)
        changed = differences(approval.payload, plain(after))
        if not changed:
            raise PayloadInvalidError("the modification changes nothing", field="changes")
        store, revision = unit.store(ApprovalStore), approval.revision + 1
        digest = payload_hash(after)
        change = Change(
            revision=revision,
            changed_by=unit.context.user,
            changed_at=unit.clock.now(),
            reason=command.reason,
            differences=changed,
        )
        await store.add_change(approval.approval_id, change, digest)
        approval = replace(approval, payload=plain(after), payload_hash=digest, revision=revision)
        await store.save(approval)
        unit.record(
            ApprovalChanged(
                approval_id=approval.approval_id,
                action=approval.action,
                requester=approval.requester,
                changed_by=unit.context.user,
                fields=tuple(difference.field for difference in changed),
                reason=command.reason,
            )
        )
        return _outcome(approval)

    async def undo_approval(self, command: UndoApproval, unit: UnitOfWork) -> ApprovalOutcome:
        """Let an approved command wait again; raises ApprovalClosedError, ForbiddenError."""
        approval = await _locked(command.approval_id, unit)
        if approval.state != "approved" or approval.decided_by is None:
            raise _closed(approval)
        if approval.execute_at is None or approval.execute_at <= unit.clock.now():
            raise _closed(replace(approval, state="executed"))
        if approval.decided_by != unit.context.user:
            raise ForbiddenError("only who gave an approval takes it back")
        approval = replace(
            approval, state="pending", execute_at=None, decided_by=None, decided_at=None
        )
        await unit.store(ApprovalStore).save(approval)
        # The first one may have gone off while the approval was given.
        await set_timer("approval_expiry", approval, unit)
        unit.record(
            ApprovalTakenBack(
                approval_id=approval.approval_id,
                action=approval.action,
                requester=approval.requester,
                taken_back_by=unit.context.user,
                reason=command.reason,
            )
        )
        return _outcome(approval)

    async def withdraw_request(self, command: WithdrawRequest, unit: UnitOfWork) -> ApprovalOutcome:
        """Take one's own request back; raises ApprovalUnknownError, ApprovalClosedError."""
        approval = await _locked(command.approval_id, unit)
        if approval.requester != unit.context.user:
            raise ApprovalUnknownError("no such request of yours", approval_id=command.approval_id)
        if approval.state not in {"consulting", "pending"}:
            raise _closed(approval)
        approval = replace(
            approval,
            state="withdrawn",
            decided_by=unit.context.user,
            decided_at=unit.clock.now(),
        )
        await unit.store(ApprovalStore).save(approval)
        unit.record(
            ApprovalWithdrawn(
                approval_id=approval.approval_id,
                action=approval.action,
                requester=approval.requester,
            )
        )
        return _outcome(approval)

    async def give_advice(self, command: GiveAdvice, unit: UnitOfWork) -> None:
        """Keep a consulted person's answer; the last one ends the wait.

        Raises ApprovalUnknownError, AdviceNotAskedError.
        """
        approval = await _locked(command.approval_id, unit)
        store, now = unit.store(ApprovalStore), unit.clock.now()
        waits = approval.state in {"consulting", "pending"}
        if not waits or not await store.keep_advice(
            approval.approval_id, unit.context.user, command.advice, now
        ):
            raise AdviceNotAskedError(
                "no advice of yours is waited for", approval_id=command.approval_id
            )
        unit.record(
            AdviceGiven(
                approval_id=approval.approval_id,
                action=approval.action,
                requester=approval.requester,
                login=unit.context.user,
                advice=command.advice,
            )
        )
        asked = await store.advice(approval.approval_id)
        if approval.state == "consulting" and all(one.given_at is not None for one in asked):
            await self.after_advice(approval, unit)

    async def after_advice(self, approval: Approval, unit: UnitOfWork) -> None:
        """Let a command that was consulted on go to its Accountable, or be carried out."""
        now = unit.clock.now()
        if not approval.approval_needed:
            approval = replace(approval, state="approved", execute_at=now)
            await unit.store(ApprovalStore).save(approval)
            await set_timer("approval_execution", approval, unit)
            return
        matrix = self.matrices.matrix(unit.context.organization_id, approval.domain)
        found = None if matrix is None else matrix.policies.get(approval.action)
        policy = found or ApprovalPolicy(always=True)
        approval = replace(
            approval,
            state="pending",
            due_at=now + timedelta(seconds=policy.sla_s),
            expires_at=now + timedelta(seconds=policy.expires_s),
        )
        await unit.store(ApprovalStore).save(approval)
        await request_approval(approval, self.matrices, unit)

    async def _refuse_lost_approver(self, approval: Approval, unit: UnitOfWork) -> None:
        approver = approval.decided_by
        if approver is None:
            return
        decision = await approver_decision(approval, self.matrices, unit, approver)
        if not decision.allowed:
            raise ApproverRightLostError(
                f"{approver} approved this and may not any more: {decision.reason}",
                approval_id=approval.approval_id,
                approved_by=approver,
                reason=decision.reason,
            )

    def _wanted(self, approval: Approval) -> Command:
        """Return the held command, when it is the one that was asked for."""
        wanted = self.held.command(approval.action, approval.payload)
        if payload_hash(wanted) != approval.payload_hash:
            raise ApprovalPayloadChangedError(
                "the stored command is not the one that was asked for",
                approval_id=approval.approval_id,
            )
        return wanted


async def opened(approval_id: str, unit: UnitOfWork) -> Approval:
    """Return the approval, locked; raises ApprovalUnknownError, ApprovalClosedError."""
    approval = await _locked(approval_id, unit)
    if not approval.is_open(unit.clock.now()):
        expired = approval.state == "pending"
        raise _closed(replace(approval, state="expired") if expired else approval)
    return approval


async def _locked(approval_id: str, unit: UnitOfWork) -> Approval:
    approval = await unit.store(ApprovalStore).locked(approval_id)
    if approval is None:
        raise ApprovalUnknownError("no such approval", approval_id=approval_id)
    return approval


def _closed(approval: Approval) -> ApprovalClosedError:
    return ApprovalClosedError(
        f"this approval is {approval.state}",
        approval_id=approval.approval_id,
        state=approval.state,
        decided_by=approval.decided_by,
    )


def _refuse_other_version(seen: str, approval: Approval) -> None:
    if seen and seen != approval.payload_hash:
        raise ApprovalPayloadChangedError(
            "the request was changed after it was read", approval_id=approval.approval_id
        )


def _check_own_rules(command: Command) -> None:
    check(type(command), command)
    own_check = getattr(command, "check", None)
    if own_check is not None:
        try:
            own_check()
        except ValueError as error:
            raise PayloadInvalidError(str(error)) from error


def _outcome(approval: Approval) -> ApprovalOutcome:
    return ApprovalOutcome(
        approval_id=approval.approval_id,
        action=approval.action,
        state=approval.state,
        payload_hash=approval.payload_hash,
    )
