"""Leave, lent rights and assigned work."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter

from cloud.commands.bus import CommandBus
from cloud.interfaces.rest_api.access import Asker
from cloud.interfaces.rest_api.pages import Paged
from cloud.permissions.commands import (
    AnswerAssignment,
    AssignWork,
    DelegateAuthority,
    EndAbsence,
    RecordAbsence,
    RevokeDelegation,
)
from cloud.permissions.queries import (
    AbsenceView,
    AssignmentView,
    DelegationView,
    Explanation,
    ListAbsences,
    ListAssignments,
    ListDelegations,
    ListMyRights,
    RightView,
    WhyAllowed,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceRequest:
    """Whose leave, from when until when, and why."""

    login: str
    begins_at: datetime
    ends_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationRequest:
    """What is lent to whom; without ``largest_amount_krw`` no act with an amount is covered."""

    taker: str
    actions: tuple[str, ...]
    begins_at: datetime
    ends_at: datetime
    reason: str
    ids: tuple[str, ...] = ()
    largest_amount_krw: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentRequest:
    """The action, the identifier it is about, and the fields by which positions are found."""

    action: str
    resource: str = ""
    fields: dict[str, str | int | float | bool] | None = None


def router(bus: CommandBus) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["authority"])
    _add_reading(routes, bus)
    _add_leave(routes, bus)
    _add_lending(routes, bus)
    return routes


def _add_reading(routes: APIRouter, bus: CommandBus) -> None:
    @routes.get("/absences")
    async def absences(context: Asker, turn: Paged) -> list[AbsenceView]:
        """Return every leave that is not over."""
        found = await bus.ask(ListAbsences(), context)
        return turn.page(found, lambda view: view.absence_id)

    @routes.get("/delegations")
    async def delegations(context: Asker, turn: Paged) -> list[DelegationView]:
        """Return what the asker lent and was lent."""
        found = await bus.ask(ListDelegations(), context)
        return turn.page(found, lambda view: view.delegation_id)

    @routes.get("/assignments")
    async def assignments(context: Asker, turn: Paged) -> list[AssignmentView]:
        """Return the work that was given to the asker."""
        found = await bus.ask(ListAssignments(limit_count=500), context)
        return turn.page(found, lambda view: view.assignment_id)

    @routes.get("/me/rights")
    async def rights(context: Asker, turn: Paged) -> list[RightView]:
        """Return what the asker may do, to show."""
        return turn.page(await bus.ask(ListMyRights(), context), _name_of, is_sorted=True)

    @routes.get("/permissions/why")
    async def why(user: str, action: str, context: Asker, *, domain: str = "") -> Explanation:
        """Explain what the matrix says about a person and an action."""
        query = WhyAllowed(user=user, domain=domain, action=action, fields={})
        found: Explanation = await bus.ask(query, context)
        return found


def _name_of(right: RightView) -> str:
    return f"{right.domain} {right.action} {right.lent_by} {right.begins_at} {right.ends_at}"


def _add_leave(routes: APIRouter, bus: CommandBus) -> None:
    @routes.post("/absences", status_code=201)
    async def record(body: AbsenceRequest, context: Asker) -> AbsenceView:
        """Note a person's leave."""
        command = RecordAbsence(
            login=body.login, begins_at=body.begins_at, ends_at=body.ends_at, reason=body.reason
        )
        kept: AbsenceView = await bus.send(command, context)
        return kept

    @routes.post("/absences/{absence_id}/end", status_code=204)
    async def end(absence_id: str, context: Asker) -> None:
        """Note that a person is back."""
        await bus.send(EndAbsence(absence_id=absence_id), context)


def _add_lending(routes: APIRouter, bus: CommandBus) -> None:
    @routes.post("/delegations", status_code=201)
    async def delegate(body: DelegationRequest, context: Asker) -> DelegationView:
        """Lend one's own rights for a while."""
        command = DelegateAuthority(
            taker=body.taker,
            actions=body.actions,
            begins_at=body.begins_at,
            ends_at=body.ends_at,
            reason=body.reason,
            ids=body.ids,
            largest_amount_krw=body.largest_amount_krw,
        )
        lent: DelegationView = await bus.send(command, context)
        return lent

    @routes.post("/delegations/{delegation_id}/revocation", status_code=204)
    async def revoke(delegation_id: str, context: Asker) -> None:
        """End a delegation of or to the asker."""
        await bus.send(RevokeDelegation(delegation_id=delegation_id), context)

    @routes.post("/assignments", status_code=201)
    async def assign(body: AssignmentRequest, context: Asker) -> AssignmentView:
        """Give work to whom the matrix names."""
        command = AssignWork(
            action=body.action, resource=body.resource, fields=dict(body.fields or {})
        )
        given: AssignmentView = await bus.send(command, context)
        return given

    @routes.post("/assignments/{assignment_id}/answer", status_code=204)
    async def answer(assignment_id: str, context: Asker) -> None:
        """Say that the work is taken up."""
        await bus.send(AnswerAssignment(assignment_id=assignment_id), context)
