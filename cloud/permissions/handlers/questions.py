"""Questions about approvals, leave, lent rights, assigned work, and why somebody may."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloud.commands.command import Command, command_type
from cloud.commands.errors import PayloadInvalidError
from cloud.commands.ports import UnitOfWork
from cloud.commands.typed import field_types, read
from cloud.permissions.approval import Advice, Approval, Change
from cloud.permissions.authorizer import approver_decisions, standing_for
from cloud.permissions.decision import Request
from cloud.permissions.errors import ApprovalUnknownError
from cloud.permissions.explanation import explain
from cloud.permissions.handlers.assignments import view_of as assignment_view
from cloud.permissions.handlers.lending import view_of as delegation_view
from cloud.permissions.ports import (
    ApprovalStore,
    AssignmentStore,
    HeldCommands,
    Matrices,
    Plugins,
    StandingStore,
)
from cloud.permissions.queries import (
    AbsenceView,
    AdviceView,
    ApprovalDetail,
    ApprovalView,
    AssignmentView,
    ChangeView,
    DelegationView,
    DifferenceView,
    Explanation,
    FieldView,
    FindApproval,
    ListAbsences,
    ListAllApprovals,
    ListApprovals,
    ListAssignments,
    ListDelegations,
    ListMyRights,
    ListOwnRequests,
    ListPlugins,
    PluginView,
    ReadApprovals,
    RegistryProblem,
    RegistryProblems,
    RightView,
    WhyAllowed,
)
from cloud.permissions.rabsic import action_name
from cloud.permissions.rights import rights_of, valid_at

# One more than the largest page of an interface, which so knows whether there is a next one.
_LARGEST_LIMIT_COUNT = 501
_MOST_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Questions:
    """Answers with the organization's matrices and the bus's catalogue."""

    held: HeldCommands
    matrices: Matrices

    async def list_approvals(
        self, query: ListApprovals, unit: UnitOfWork
    ) -> tuple[ApprovalView, ...]:
        """Return what waits for the asker or was asked by them."""
        found = await self._seen(await unit.store(ApprovalStore).pending(), unit)
        return tuple(
            _view(one.approval, may_decide=one.allowed and one.approval.state == "pending")
            for one in found
        )

    async def list_my_rights(self, query: ListMyRights, unit: UnitOfWork) -> tuple[RightView, ...]:
        """Return what the asker may do."""
        now, store = unit.clock.now(), unit.store(StandingStore)
        context = unit.context
        found = await rights_of(context.user, context.organization_id, self.matrices, store, now)
        return valid_at(found or (), now)

    async def list_own_requests(
        self, query: ListOwnRequests, unit: UnitOfWork
    ) -> tuple[ApprovalView, ...]:
        """Return what the asker asked for."""
        found = await unit.store(ApprovalStore).recent(
            unit.context.user, _limit(query.limit_count), query.before
        )
        return tuple(_view(approval, may_decide=False) for approval in found)

    async def list_all_approvals(
        self, query: ListAllApprovals, unit: UnitOfWork
    ) -> tuple[ApprovalView, ...]:
        """Return what anybody asked for."""
        store, now = unit.store(ApprovalStore), unit.clock.now()
        found = await store.recent(None, _limit(query.limit_count), query.before)
        changes = await store.all_changes(one.approval_id for one in found)
        decisions = await approver_decisions(found, changes, self.matrices, unit)
        return tuple(
            _view(approval, may_decide=decision.allowed and approval.is_open(now))
            for approval, decision in zip(found, decisions, strict=True)
        )

    async def find_approval(self, query: FindApproval, unit: UnitOfWork) -> ApprovalDetail:
        """Return one approval whole; raises ApprovalUnknownError."""
        found = await self._details((query.approval_id,), unit)
        if not found:
            raise ApprovalUnknownError("no such approval", approval_id=query.approval_id)
        return found[0]

    async def read_approvals(
        self, query: ReadApprovals, unit: UnitOfWork
    ) -> tuple[ApprovalDetail, ...]:
        """Return some approvals whole, those that the asker may see."""
        if len(query.approval_ids) > _MOST_AT_ONCE:
            raise PayloadInvalidError(
                f"a question names {_MOST_AT_ONCE} at most", field="approval_ids"
            )
        return await self._details(query.approval_ids, unit)

    async def _details(
        self, approval_ids: tuple[str, ...], unit: UnitOfWork
    ) -> tuple[ApprovalDetail, ...]:
        approvals = await unit.store(ApprovalStore).some(approval_ids)
        return tuple(self._detail(one, unit) for one in await self._seen(approvals, unit))

    async def _seen(self, approvals: Sequence[Approval], unit: UnitOfWork) -> "list[_Read]":
        """Return what the asker asked for, may decide or is consulted on, with all about it."""
        store, user = unit.store(ApprovalStore), unit.context.user
        ids = [one.approval_id for one in approvals]
        changes, advice = await store.all_changes(ids), await store.all_advice(ids)
        decisions = await approver_decisions(approvals, changes, self.matrices, unit)
        found = [
            _Read(
                approval=one,
                allowed=decision.allowed,
                changes=changes.get(one.approval_id, ()),
                advice=advice.get(one.approval_id, ()),
                now=unit.clock.now(),
            )
            for one, decision in zip(approvals, decisions, strict=True)
        ]
        return [
            one
            for one in found
            if one.allowed
            or one.approval.requester == user
            or any(asked.login == user for asked in one.advice)
        ]

    def _detail(self, found: "_Read", unit: UnitOfWork) -> ApprovalDetail:
        approval, user = found.approval, unit.context.user
        version = self.matrices.version(unit.context.organization_id)
        undoable = (
            approval.state == "approved"
            and approval.decided_by is not None
            and approval.execute_at is not None
            and approval.execute_at > found.now
        )
        waits = approval.state in {"consulting", "pending"}
        return ApprovalDetail(
            approval=_view(approval, may_decide=found.allowed and approval.is_open(found.now)),
            domain=approval.domain,
            payload_hash=approval.payload_hash,
            revision=approval.revision,
            fields=_fields(approval, self._kind(approval.action)),
            changes=tuple(_change(change) for change in found.changes),
            advice=tuple(
                AdviceView(login=one.login, advice=one.advice, given_at=one.given_at)
                for one in found.advice
            ),
            policy_changed=approval.policy_version != version,
            undo_until=approval.execute_at if undoable else None,
            may_undo=undoable and approval.decided_by == user,
            may_withdraw=waits and approval.requester == user,
            may_advise=waits
            and any(one.login == user and one.given_at is None for one in found.advice),
        )

    async def list_absences(self, query: ListAbsences, unit: UnitOfWork) -> tuple[AbsenceView, ...]:
        """Return every leave that is not over."""
        return await unit.store(StandingStore).absences(unit.clock.now())

    async def list_delegations(
        self, query: ListDelegations, unit: UnitOfWork
    ) -> tuple[DelegationView, ...]:
        """Return what the asker lent and was lent."""
        found = await unit.store(StandingStore).delegations(unit.context.user, unit.clock.now())
        return tuple(delegation_view(delegation) for delegation in found)

    async def list_assignments(
        self, query: ListAssignments, unit: UnitOfWork
    ) -> tuple[AssignmentView, ...]:
        """Return the work that was given to the asker."""
        found = await unit.store(AssignmentStore).of(unit.context.user, _limit(query.limit_count))
        return tuple(assignment_view(assignment) for assignment in found)

    async def registry_problems(
        self, query: RegistryProblems, unit: UnitOfWork
    ) -> tuple[RegistryProblem, ...]:
        """Return what is wrong with the registry files, and what serves instead."""
        return self.matrices.problems(unit.context.organization_id)

    async def list_plugins(self, query: ListPlugins, unit: UnitOfWork) -> tuple[PluginView, ...]:
        """Return the plug-ins that are in use."""
        return unit.store(Plugins).enabled(query.kind)

    async def why_allowed(self, query: WhyAllowed, unit: UnitOfWork) -> Explanation:
        """Explain a decision without taking it."""
        action, organization_id = action_name(query.action), unit.context.organization_id
        kind = self._kind(action)
        domain = query.domain or self._domain(action, kind, organization_id)
        matrix = self.matrices.matrix(organization_id, domain)
        request = Request(user=query.user, action=action, fields=_typed(query.fields, kind))
        standing = await standing_for(request, matrix, unit, with_delegations=True)
        return explain(request, domain, matrix, standing)

    def _kind(self, action: str) -> type[Command] | None:
        return next((k for k in self.held.catalogue() if command_type(k) == action), None)

    def _domain(self, action: str, kind: type[Command] | None, organization_id: str) -> str:
        if kind is not None:
            return kind.domain
        for domain in self.matrices.domains(organization_id):
            matrix = self.matrices.matrix(organization_id, domain)
            if matrix is not None and matrix.entries(action):
                return domain
        return ""


@dataclass(frozen=True, slots=True)
class _Read:
    approval: Approval
    allowed: bool
    changes: tuple[Change, ...]
    advice: tuple[Advice, ...]
    now: datetime


def _limit(wanted_count: int) -> int:
    return max(1, min(wanted_count, _LARGEST_LIMIT_COUNT))


def _typed(
    fields: Mapping[str, str | int | float | bool], kind: type[Command] | None
) -> dict[str, object]:
    """Return the fields as the command types them; text that does not fit stays text."""
    hints = {} if kind is None else field_types(kind)
    return {
        name: _read(hints[name], value) if name in hints and isinstance(value, str) else value
        for name, value in fields.items()
    }


def _read(hint: object, text: str) -> object:
    try:
        return read(hint, text)
    except PayloadInvalidError:
        pass
    try:
        return read(hint, json.loads(text))
    except (ValueError, PayloadInvalidError):
        return text


def _fields(approval: Approval, kind: type[Command] | None) -> tuple[FieldView, ...]:
    hints = {} if kind is None else field_types(kind)
    return tuple(
        FieldView(name=name, type=_words(hints.get(name)), value=value)
        for name, value in approval.payload.items()
    )


def _words(hint: object) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint)


def _change(change: Change) -> ChangeView:
    return ChangeView(
        revision=change.revision,
        changed_by=change.changed_by,
        changed_at=change.changed_at,
        reason=change.reason,
        differences=tuple(
            DifferenceView(field=one.field, before=one.before, after=one.after)
            for one in change.differences
        ),
    )


def _view(approval: Approval, *, may_decide: bool) -> ApprovalView:
    amount = approval.payload.get("amount_krw")
    return ApprovalView(
        approval_id=approval.approval_id,
        action=approval.action,
        requester=approval.requester,
        reason=approval.reason,
        state=approval.state,
        requested_at=approval.requested_at,
        due_at=approval.due_at,
        expires_at=approval.expires_at,
        may_decide=may_decide,
        escalated=approval.escalated_at is not None,
        amount_krw=amount if isinstance(amount, int) and not isinstance(amount, bool) else None,
        decided_by=approval.decided_by,
        decided_at=approval.decided_at,
        decision_reason=approval.decision_reason,
    )
