"""The approval gate: a command that needs its Accountable is stored, not run."""

from dataclasses import dataclass
from datetime import timedelta

from cloud.commands.command import Command, command_type
from cloud.commands.payload import payload_hash, plain
from cloud.commands.ports import Permission, UnitOfWork
from cloud.permissions.approval import Approval
from cloud.permissions.authorizer import fields_of
from cloud.permissions.decision import case_of
from cloud.permissions.events import ApprovalRequested
from cloud.permissions.ports import ApprovalStore, Matrices
from cloud.permissions.rabsic import ApprovalPolicy, Letter


@dataclass(frozen=True, slots=True)
class RabsicApprovalGate:
    """Keeps gated commands until the Accountable has spoken."""

    matrices: Matrices

    async def hold(self, command: Command, permission: Permission, unit: UnitOfWork) -> str:
        """Store the command for approval and return the approval's identifier."""
        now, context = unit.clock.now(), unit.context
        action, fields = command_type(type(command)), fields_of(command)
        matrix = self.matrices.matrix(context.organization_id, command.domain)
        case = None if matrix is None else case_of(matrix, action, fields)
        policy = (None if case is None else case.policy) or ApprovalPolicy(always=True)
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
            policy_version=self.matrices.version(context.organization_id),
            reason=permission.reason,
            state="pending",
            requested_at=now,
            due_at=now + timedelta(seconds=policy.sla_s),
            expires_at=now + timedelta(seconds=policy.expires_s),
        )
        await unit.store(ApprovalStore).add(approval)
        approvers = frozenset[str]() if case is None else case.holders(Letter.ACCOUNTABLE)
        unit.record(
            ApprovalRequested(
                approval_id=approval.approval_id,
                action=action,
                requester=context.user,
                approvers=tuple(sorted(approvers)),
                expires_at=approval.expires_at,
            )
        )
        return approval.approval_id
