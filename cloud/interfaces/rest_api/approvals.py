"""Held commands: see them, decide them, change them, advise on them."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from cloud.commands.bus import CommandBus
from cloud.interfaces.rest_api.access import Asker
from cloud.interfaces.rest_api.pages import Paged
from cloud.permissions.commands import (
    ApproveRequest,
    GiveAdvice,
    ModifyRequest,
    RejectRequest,
    UndoApproval,
    WithdrawRequest,
)
from cloud.permissions.queries import (
    ApprovalDetail,
    ApprovalView,
    FindApproval,
    ListAllApprovals,
    ListApprovals,
    ListOwnRequests,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """The hash of the version that was read; empty: whatever is stored."""

    payload_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonRequest:
    """Why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRequest:
    """New values by field name, why, and the hash of the version that was read."""

    changes: dict[str, Any]
    reason: str
    payload_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceRequest:
    """What the consulted person says."""

    advice: str


def router(bus: CommandBus) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["approvals"])
    _add_reading(routes, bus)
    _add_deciding(routes, bus)
    _add_parties(routes, bus)
    return routes


def _add_reading(routes: APIRouter, bus: CommandBus) -> None:
    @routes.get("/approvals")
    async def waiting(context: Asker, turn: Paged) -> list[ApprovalView]:
        """Return what waits and concerns the asker."""
        found = await bus.ask(ListApprovals(), context)
        return turn.page(found, lambda view: view.approval_id)

    @routes.get("/approvals/own")
    async def own(context: Asker, turn: Paged) -> list[ApprovalView]:
        """Return what the asker has asked for, newest first."""
        query = ListOwnRequests(limit_count=turn.one_more, before=turn.after)
        return turn.begun(await bus.ask(query, context), lambda view: view.approval_id)

    @routes.get("/approvals/all")
    async def everybody(context: Asker, turn: Paged) -> list[ApprovalView]:
        """Return everybody's requests, newest first; needs a letter."""
        query = ListAllApprovals(limit_count=turn.one_more, before=turn.after)
        return turn.begun(await bus.ask(query, context), lambda view: view.approval_id)

    @routes.get("/approvals/{approval_id}")
    async def one(approval_id: str, context: Asker) -> ApprovalDetail:
        """Return one approval with its fields, changes and advice."""
        found: ApprovalDetail = await bus.ask(FindApproval(approval_id=approval_id), context)
        return found


def _add_deciding(routes: APIRouter, bus: CommandBus) -> None:
    @routes.post("/approvals/{approval_id}/approval")
    async def approve(approval_id: str, body: ApprovalRequest, context: Asker) -> ApprovalDetail:
        """Let the command be carried out."""
        await bus.send(
            ApproveRequest(approval_id=approval_id, payload_hash=body.payload_hash), context
        )
        found: ApprovalDetail = await bus.ask(FindApproval(approval_id=approval_id), context)
        return found

    @routes.post("/approvals/{approval_id}/rejection")
    async def reject(approval_id: str, body: ReasonRequest, context: Asker) -> ApprovalDetail:
        """Refuse the command for good."""
        await bus.send(RejectRequest(approval_id=approval_id, reason=body.reason), context)
        found: ApprovalDetail = await bus.ask(FindApproval(approval_id=approval_id), context)
        return found

    @routes.post("/approvals/{approval_id}/changes")
    async def modify(approval_id: str, body: ChangeRequest, context: Asker) -> ApprovalDetail:
        """Change typed fields before deciding."""
        await bus.send(
            ModifyRequest(
                approval_id=approval_id,
                changes=body.changes,
                reason=body.reason,
                payload_hash=body.payload_hash,
            ),
            context,
        )
        found: ApprovalDetail = await bus.ask(FindApproval(approval_id=approval_id), context)
        return found

    @routes.post("/approvals/{approval_id}/undo")
    async def undo(approval_id: str, body: ReasonRequest, context: Asker) -> ApprovalDetail:
        """Take the approval back while the command waits for the end of its undo window."""
        await bus.send(UndoApproval(approval_id=approval_id, reason=body.reason), context)
        found: ApprovalDetail = await bus.ask(FindApproval(approval_id=approval_id), context)
        return found


def _add_parties(routes: APIRouter, bus: CommandBus) -> None:
    @routes.post("/approvals/{approval_id}/withdrawal")
    async def withdraw(approval_id: str, context: Asker) -> ApprovalDetail:
        """Take one's own request back."""
        await bus.send(WithdrawRequest(approval_id=approval_id), context)
        found: ApprovalDetail = await bus.ask(FindApproval(approval_id=approval_id), context)
        return found

    @routes.post("/approvals/{approval_id}/advice")
    async def advise(approval_id: str, body: AdviceRequest, context: Asker) -> ApprovalDetail:
        """Answer a consultation."""
        await bus.send(GiveAdvice(approval_id=approval_id, advice=body.advice), context)
        found: ApprovalDetail = await bus.ask(FindApproval(approval_id=approval_id), context)
        return found
