"""What happens at a moment: reminders, expiry, delayed execution, silence."""

from dataclasses import dataclass, replace

from cloud.commands.errors import CommandError
from cloud.commands.ports import UnitOfWork
from cloud.permissions.approval import Approval
from cloud.permissions.commands import CloseTimer, FireTimer
from cloud.permissions.events import ApprovalEscalated, ApprovalExpired, ApprovalFailed
from cloud.permissions.gate import approvers_of, overseers
from cloud.permissions.handlers.approvals import Approvals
from cloud.permissions.handlers.assignments import Assignments
from cloud.permissions.ports import ApprovalStore, Matrices, TimerStore
from cloud.permissions.timer import Timer

# A timer does something only while what it is about is still in this state.
_STATES = {
    "approval_due": "pending",
    "approval_expiry": "pending",
    "approval_execution": "approved",
    "consultation_end": "consulting",
}


@dataclass(frozen=True, slots=True)
class Timers:
    """Fires timers; each at most once, because firing and its effect commit together."""

    approvals: Approvals
    assignments: Assignments
    matrices: Matrices

    async def fire_timer(self, command: FireTimer, unit: UnitOfWork) -> str:
        """Do what was due and return what happened; one that has fired does nothing."""
        store, now = unit.store(TimerStore), unit.clock.now()
        timer = await store.locked(command.timer_id)
        if timer is None or timer.fired_at is not None or timer.due_at > now:
            return "nothing to do"
        outcome = await self._fired(timer, unit)
        await store.close(timer.timer_id, now, outcome)
        return outcome

    async def _fired(self, timer: Timer, unit: UnitOfWork) -> str:
        if timer.kind == "work_silence":
            return await self.assignments.deadline(timer.subject_id, unit)
        approval = await unit.store(ApprovalStore).locked(timer.subject_id)
        if approval is None or approval.state != _STATES[timer.kind]:
            return "nothing to do"
        if timer.kind == "approval_due":
            return await self._escalated(approval, unit)
        if timer.kind == "approval_expiry":
            return await self._expired(approval, unit)
        if timer.kind == "approval_execution":
            return await self._executed(approval, unit)
        await self.approvals.after_advice(approval, unit)
        return "the wait for advice is over"

    async def _executed(self, approval: Approval, unit: UnitOfWork) -> str:
        # Taken back and approved again: the newer timer carries it out.
        if approval.execute_at is None or approval.execute_at > unit.clock.now():
            return "nothing to do"
        try:
            return (await self.approvals.execute(approval, unit)).state
        except CommandError as error:
            error.details.setdefault("approval_id", approval.approval_id)
            raise

    async def _escalated(self, approval: Approval, unit: UnitOfWork) -> str:
        if approval.escalated_at is not None:
            return "nothing to do"
        approval = replace(approval, escalated_at=unit.clock.now())
        await unit.store(ApprovalStore).save(approval)
        told = {
            *await approvers_of(approval, self.matrices, unit),
            *await overseers(approval.domain, self.matrices, unit),
        }
        unit.record(
            ApprovalEscalated(
                approval_id=approval.approval_id,
                action=approval.action,
                requester=approval.requester,
                reason="nobody decided within the time that the action allows",
                told=tuple(sorted(told)),
                expires_at=approval.expires_at,
            )
        )
        return "escalated"

    async def _expired(self, approval: Approval, unit: UnitOfWork) -> str:
        await unit.store(ApprovalStore).save(
            replace(approval, state="expired", decided_at=unit.clock.now())
        )
        unit.record(
            ApprovalExpired(
                approval_id=approval.approval_id,
                action=approval.action,
                requester=approval.requester,
                told=await approvers_of(approval, self.matrices, unit),
            )
        )
        return "expired"

    async def close_timer(self, command: CloseTimer, unit: UnitOfWork) -> None:
        """Give up what could not be done; a command that was to be carried out has failed."""
        timers, approvals = unit.store(TimerStore), unit.store(ApprovalStore)
        timer = await timers.locked(command.timer_id)
        if timer is None or timer.fired_at is not None:
            return
        await timers.close(timer.timer_id, unit.clock.now(), f"{command.code}: {command.reason}")
        if timer.kind != "approval_execution":
            return
        approval = await approvals.locked(timer.subject_id)
        if approval is None or approval.state != "approved":
            return
        await approvals.save(
            replace(
                approval,
                state="failed",
                decided_at=unit.clock.now(),
                decision_reason=f"{command.code}: {command.reason}",
            )
        )
        unit.record(
            ApprovalFailed(
                approval_id=approval.approval_id,
                action=approval.action,
                requester=approval.requester,
                code=command.code,
                reason=command.reason,
            )
        )
