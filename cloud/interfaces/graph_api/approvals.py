"""What the graph shows of approvals: what waits, what was asked, what was decided about it."""

from dataclasses import dataclass
from typing import Any, NewType

import strawberry

from cloud.interfaces.graph_api.linked import First, Where, WorkOrder, check_first
from cloud.interfaces.graph_api.views import node
from cloud.organizations.queries import PersonView
from cloud.permissions.queries import (
    AdviceView,
    ApprovalDetail,
    ApprovalView,
    ChangeView,
    FieldView,
    ListAllApprovals,
    ListApprovals,
    ListOwnRequests,
)

Person = node(PersonView)
Field = node(FieldView)
Won = NewType("Won", int)
#: How the graph writes types of its own.
SCALARS: dict[object, Any] = {
    Won: strawberry.scalar(
        name="Won", description="Whole won; may be larger than an Int.", serialize=int
    )
}


@dataclass(frozen=True, slots=True)
class _CommandOf:
    """The command that an approval holds."""

    type: str
    domain: str
    fields: tuple[FieldView, ...]


@strawberry.type
class HeldCommand:
    """A command that waits: its type, its domain and its typed fields."""

    type: str
    domain: str
    fields: list[Field]  # type: ignore[valid-type]  # made of the answer's fields

    @strawberry.field
    async def work_order(self, info: Where) -> WorkOrder | None:
        """Return the work order that a field names."""
        fields: Any = self.fields
        named = (one.value for one in fields if one.name == "work_order_id")
        found = next(named, None)
        if not isinstance(found, str) or not found:
            return None
        return await info.context.loaders.work_orders.load(found)  # type: ignore[return-value]


@strawberry.type(name="Advice", description="A consulted person and the answer.")
class Advice(node(AdviceView)):  # type: ignore[misc]  # made of the answer's fields
    """An advice and who gives it."""

    @strawberry.field
    async def person(self, info: Where) -> Person | None:  # type: ignore[valid-type]
        """Return who is asked."""
        return await info.context.loaders.persons.load(self.login)


@strawberry.type(name="ApprovalChange", description="What one person changed, why and when.")
class Change(node(ChangeView)):  # type: ignore[misc]  # made of the answer's fields
    """A change and who made it."""

    @strawberry.field
    async def person(self, info: Where) -> Person | None:  # type: ignore[valid-type]
        """Return who changed it."""
        return await info.context.loaders.persons.load(self.changed_by)


@strawberry.type(name="Approval", description="One approval as people see it.")
class Approval(node(ApprovalView)):  # type: ignore[misc]  # made of the answer's fields
    """A line of the lists of approvals and what it is linked with."""

    amount_krw: Won | None

    @strawberry.field
    async def requester_person(self, info: Where) -> Person | None:  # type: ignore[valid-type]
        """Return who asked."""
        return await info.context.loaders.persons.load(self.requester)

    @strawberry.field
    async def decider(self, info: Where) -> Person | None:  # type: ignore[valid-type]
        """Return who decided."""
        if not self.decided_by:
            return None
        return await info.context.loaders.persons.load(self.decided_by)

    @strawberry.field
    async def whole(self, info: Where) -> "ApprovalWhole | None":
        """Return the command, what was changed in it and what was advised; to whom it concerns."""
        return await info.context.loaders.approvals.load(self.approval_id)  # type: ignore[return-value]


@strawberry.type(name="ApprovalWhole", description="One approval with its whole history.")
class ApprovalWhole(node(ApprovalDetail)):  # type: ignore[misc]  # made of the answer's fields
    """An approval whole and what it is linked with."""

    approval: Approval
    changes: list[Change]
    advice: list[Advice]

    @strawberry.field
    def command(self) -> HeldCommand:
        """Return the command that waits."""
        view: Any = self
        return _CommandOf(view.approval.action, view.domain, view.fields)  # type: ignore[return-value]


@strawberry.type
class Approvals:
    """A page of approvals; ``nextCursor`` is empty on the last one."""

    items: list[Approval]
    next_cursor: str


@strawberry.type
class ApprovalQuestions:
    """The questions about approvals; each answers what REST's answers."""

    @strawberry.field
    async def approvals(self, info: Where, first: First = 20, after: str = "") -> Approvals | None:
        """Return what waits and concerns the asker, by its identifier."""
        count = check_first(first)
        found = await info.context.bus.ask(ListApprovals(), info.context.asker)
        waiting = sorted(found, key=lambda view: view.approval_id)
        return _page([one for one in waiting if one.approval_id > after][: count + 1], count)

    @strawberry.field
    async def own_requests(
        self, info: Where, first: First = 20, after: str = ""
    ) -> Approvals | None:
        """Return what the asker asked for, waiting and decided, newest first."""
        query = ListOwnRequests(limit_count=check_first(first) + 1, before=after)
        return _page(await info.context.bus.ask(query, info.context.asker), first)

    @strawberry.field
    async def all_approvals(
        self, info: Where, first: First = 20, after: str = ""
    ) -> Approvals | None:
        """Return what anybody asked for, newest first; needs a letter."""
        query = ListAllApprovals(limit_count=check_first(first) + 1, before=after)
        return _page(await info.context.bus.ask(query, info.context.asker), first)

    @strawberry.field
    async def approval(self, info: Where, approval_id: strawberry.ID) -> ApprovalWhole | None:
        """Return one approval, to whom it concerns."""
        return await info.context.loaders.approvals.load(str(approval_id))  # type: ignore[return-value]


def _page(found: Any, count: int) -> Approvals:  # noqa: ANN401  the views that the graph shows
    is_more = len(found) > count
    return Approvals(
        items=list(found[:count]), next_cursor=found[count - 1].approval_id if is_more else ""
    )


async def approval_of(payload: Any, info: Where) -> ApprovalWhole | None:  # noqa: ANN401  an event's
    """Return the approval that an event's payload names, to whom it concerns."""
    found = payload.get("approval_id")
    if not isinstance(found, str) or not found:
        return None
    return await info.context.loaders.approvals.load(found)  # type: ignore[return-value]
