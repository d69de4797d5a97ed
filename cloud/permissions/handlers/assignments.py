"""Work given to one person at a time; silence sends it on."""

from dataclasses import dataclass
from datetime import timedelta

from cloud.commands.ports import UnitOfWork
from cloud.permissions.assignment import Assignment
from cloud.permissions.authorizer import standing_for
from cloud.permissions.commands import AnswerAssignment, AssignWork
from cloud.permissions.decision import Request, Route, case_of, route
from cloud.permissions.errors import AssignmentUnknownError, NobodyToAssignError
from cloud.permissions.events import WorkAssigned, WorkTakenUp, WorkUnanswered
from cloud.permissions.gate import overseers
from cloud.permissions.ports import AssignmentStore, Matrices, TimerStore
from cloud.permissions.queries import AssignmentView
from cloud.permissions.rabsic import ApprovalPolicy, Matrix, action_name
from cloud.permissions.timer import Timer


@dataclass(frozen=True, slots=True)
class Assignments:
    """Assigns by the organization's matrices."""

    matrices: Matrices

    async def assign_work(self, command: AssignWork, unit: UnitOfWork) -> AssignmentView:
        """Give work to whom the matrix names; raises NobodyToAssignError."""
        action = action_name(command.action)
        matrix = self._matrix(action, unit)
        if matrix is None:
            raise NobodyToAssignError(f"no position has a letter for {action}", action=action)
        way = await self._way(matrix, action, command.resource, dict(command.fields), unit)
        if not way.logins:
            raise NobodyToAssignError(f"nobody is there for {action}", action=action)
        now = unit.clock.now()
        assignment = Assignment(
            assignment_id=unit.ids.new("asg"),
            domain=matrix.domain,
            action=action,
            resource=command.resource,
            fields=dict(command.fields),
            position=way.position,
            assignee=way.logins[0],
            letter=way.level,
            assigned_by=unit.context.user,
            assigned_at=now,
            due_at=now + timedelta(seconds=_patience_s(matrix, action)),
        )
        await _give(assignment, unit)
        return view_of(assignment)

    async def answer_assignment(self, command: AnswerAssignment, unit: UnitOfWork) -> None:
        """Note that the asker took the work up, late or in time; raises AssignmentUnknownError."""
        store = unit.store(AssignmentStore)
        assignment = await store.locked(command.assignment_id)
        if (
            assignment is None
            or assignment.assignee != unit.context.user
            or assignment.state == "answered"
        ):
            raise AssignmentUnknownError(
                "no such work waits for your answer", assignment_id=command.assignment_id
            )
        await store.close(assignment.assignment_id, "answered", unit.clock.now())
        unit.record(
            WorkTakenUp(
                assignment_id=assignment.assignment_id,
                action=assignment.action,
                resource=assignment.resource,
                assignee=assignment.assignee,
            )
        )

    async def deadline(self, assignment_id: str, unit: UnitOfWork) -> str:
        """Count silence as absence and give the work to the next; return what happened."""
        store, now = unit.store(AssignmentStore), unit.clock.now()
        assignment = await store.locked(assignment_id)
        if assignment is None or assignment.state != "open":
            return "nothing to do"
        if await store.acted_on(assignment):
            await store.close(assignment_id, "answered", now)
            return "answered by doing it"
        await store.close(assignment_id, "silent", now)
        following = await self._following(assignment, unit)
        told = () if following else await overseers(assignment.domain, self.matrices, unit)
        unit.record(
            WorkUnanswered(
                assignment_id=assignment_id,
                action=assignment.action,
                resource=assignment.resource,
                assignee=assignment.assignee,
                next_assignee=following.assignee if following else "",
                told=told,
            )
        )
        if following is None:
            return "escalated"
        await _give(following, unit)
        return "sent on"

    async def _following(self, silent: Assignment, unit: UnitOfWork) -> Assignment | None:
        matrix = self.matrices.matrix(unit.context.organization_id, silent.domain)
        if matrix is None:
            return None
        way = await self._way(matrix, silent.action, silent.resource, silent.fields, unit)
        if not way.logins:
            return None
        now = unit.clock.now()
        return Assignment(
            assignment_id=unit.ids.new("asg"),
            domain=silent.domain,
            action=silent.action,
            resource=silent.resource,
            fields=silent.fields,
            position=way.position,
            assignee=way.logins[0],
            letter=way.level,
            assigned_by=silent.assigned_by,
            assigned_at=now,
            due_at=now + timedelta(seconds=_patience_s(matrix, silent.action)),
        )

    async def _way(
        self,
        matrix: Matrix,
        action: str,
        resource: str,
        fields: dict[str, object],
        unit: UnitOfWork,
    ) -> Route:
        known = {**fields, "resource_id": resource} if resource else fields
        request = Request(user=unit.context.user, action=action, fields=known)
        standing = await standing_for(request, matrix, unit, with_delegations=False)
        return route(case_of(matrix, action, fields), standing)

    def _matrix(self, action: str, unit: UnitOfWork) -> Matrix | None:
        organization_id = unit.context.organization_id
        for domain in self.matrices.domains(organization_id):
            matrix = self.matrices.matrix(organization_id, domain)
            if matrix is not None and matrix.entries(action):
                return matrix
        return None


def _patience_s(matrix: Matrix, action: str) -> int:
    return matrix.policies.get(action, ApprovalPolicy(always=True)).sla_s


async def _give(assignment: Assignment, unit: UnitOfWork) -> None:
    await unit.store(AssignmentStore).add(assignment)
    await unit.store(TimerStore).add(
        Timer(
            timer_id=unit.ids.new("tmr"),
            kind="work_silence",
            subject_id=assignment.assignment_id,
            due_at=assignment.due_at,
        )
    )
    unit.record(
        WorkAssigned(
            assignment_id=assignment.assignment_id,
            action=assignment.action,
            resource=assignment.resource,
            assignee=assignment.assignee,
            letter=assignment.letter,
            assigned_by=assignment.assigned_by,
            due_at=assignment.due_at,
        )
    )


def view_of(assignment: Assignment) -> AssignmentView:
    """Return the assignment as people see it."""
    return AssignmentView(
        assignment_id=assignment.assignment_id,
        action=assignment.action,
        resource=assignment.resource,
        assignee=assignment.assignee,
        letter=assignment.letter,
        assigned_by=assignment.assigned_by,
        assigned_at=assignment.assigned_at,
        due_at=assignment.due_at,
        state=assignment.state,
    )
