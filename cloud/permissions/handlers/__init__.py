"""Handlers of permissions: approvals, leave, lent rights, assigned work, timers, questions."""

from cloud.commands.command import Command, Query
from cloud.commands.ports import Handler
from cloud.permissions.commands import (
    AnswerAssignment,
    ApproveRequest,
    AssignWork,
    CloseTimer,
    DelegateAuthority,
    EndAbsence,
    FireTimer,
    GiveAdvice,
    ModifyRequest,
    RecordAbsence,
    RejectRequest,
    RevokeDelegation,
    UndoApproval,
    WithdrawRequest,
)
from cloud.permissions.handlers.approvals import ApprovalOutcome, Approvals
from cloud.permissions.handlers.assignments import Assignments
from cloud.permissions.handlers.leave import end_absence, record_absence
from cloud.permissions.handlers.lending import Lending, revoke_delegation
from cloud.permissions.handlers.questions import Questions
from cloud.permissions.handlers.timers import Timers
from cloud.permissions.ports import HeldCommands, Matrices
from cloud.permissions.queries import (
    FindApproval,
    ListAbsences,
    ListAllApprovals,
    ListApprovals,
    ListAssignments,
    ListDelegations,
    ListMyRights,
    ListOwnRequests,
    ListPlugins,
    ReadApprovals,
    RegistryProblems,
    WhyAllowed,
)

__all__ = ["ApprovalOutcome", "commands", "end_absence", "queries", "record_absence"]


def commands(held: HeldCommands, matrices: Matrices) -> dict[type[Command], Handler]:
    """Return the handlers of this room's commands; ``held`` is the bus."""
    approvals = Approvals(held, matrices)
    assignments = Assignments(matrices)
    timers = Timers(approvals, assignments, matrices)
    return {
        ApproveRequest: approvals.approve_request,
        RejectRequest: approvals.reject_request,
        ModifyRequest: approvals.modify_request,
        UndoApproval: approvals.undo_approval,
        WithdrawRequest: approvals.withdraw_request,
        GiveAdvice: approvals.give_advice,
        RecordAbsence: record_absence,
        EndAbsence: end_absence,
        DelegateAuthority: Lending(matrices).delegate_authority,
        RevokeDelegation: revoke_delegation,
        AssignWork: assignments.assign_work,
        AnswerAssignment: assignments.answer_assignment,
        FireTimer: timers.fire_timer,
        CloseTimer: timers.close_timer,
    }


def queries(held: HeldCommands, matrices: Matrices) -> dict[type[Query], Handler]:
    """Return the handlers of this room's questions."""
    questions = Questions(held, matrices)
    return {
        ListApprovals: questions.list_approvals,
        ListMyRights: questions.list_my_rights,
        ListOwnRequests: questions.list_own_requests,
        ListAllApprovals: questions.list_all_approvals,
        ReadApprovals: questions.read_approvals,
        FindApproval: questions.find_approval,
        ListAbsences: questions.list_absences,
        ListDelegations: questions.list_delegations,
        ListAssignments: questions.list_assignments,
        ListPlugins: questions.list_plugins,
        RegistryProblems: questions.registry_problems,
        WhyAllowed: questions.why_allowed,
    }
