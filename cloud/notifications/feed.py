"""From what happened to who is told of it: one table, and a subscriber that sends the command."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cloud.commands.command import Command, CommandContext, Source
from cloud.commands.errors import PayloadInvalidError
from cloud.events.event import RecordedEvent
from cloud.notifications.commands import RaiseNotifications
from cloud.notifications.ports import Positions

_LOG = logging.getLogger("kyndof.notifications")
_LONGEST_COUNT = 300
Payload = Mapping[str, Any]
Whom = Callable[[Payload], tuple[str, ...]]


class Bus(Protocol):
    """The part of the bus that is used here."""

    async def send(self, command: Command, context: CommandContext) -> Any:  # noqa: ANN401
        """Carry out a command."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Who is told of one type of event, by which letter, and what it is about.

    ``whom`` reads persons from the event; without it, they are the holders of ``letter`` for
    ``action``, a domain and a command's type. ``letter`` "" means that the event says it. ``when``
    is a field of the event with the values that are told of; without it, all are.
    """

    letter: str
    subject: str
    shown: tuple[str, ...]
    whom: Whom | None = None
    action: tuple[str, str] = ("", "")
    when: tuple[str, frozenset[str]] = ("", frozenset())


def _field(name: str) -> Whom:
    def whom(payload: Payload) -> tuple[str, ...]:
        found = payload.get(name)
        if isinstance(found, list | tuple):
            return tuple(str(login) for login in found)
        return (str(found),) if found else ()

    return whom


_APPROVAL = ("action", "requester", "reason", "approved_by", "rejected_by", "changed_by")
_PIECE = ("work_order_number", "piece_number", "stage")
_TOLD = ("action", "domain", "by", "resource")

ROUTES: Mapping[str, Route] = {
    "approval_requested": Route(
        letter="A", subject="approval_id", shown=_APPROVAL, whom=_field("approvers")
    ),
    "approval_escalated": Route(
        letter="A", subject="approval_id", shown=_APPROVAL, whom=_field("told")
    ),
    **{
        kind: Route(letter="R", subject="approval_id", shown=_APPROVAL, whom=_field("requester"))
        for kind in (
            "approval_changed", "approval_granted", "approval_rejected", "approval_expired",
            "approval_failed",
        )
    },
    "person_informed": Route(letter="", subject="resource", shown=_TOLD, whom=_field("login")),
    "person_consulted": Route(letter="", subject="resource", shown=_TOLD, whom=_field("login")),
    "work_assigned": Route(
        letter="", subject="resource", shown=("action", "assigned_by"), whom=_field("assignee")
    ),
    "work_unanswered": Route(
        letter="A", subject="resource", shown=("action", "assignee"), whom=_field("told")
    ),
    "station_event_disputed": Route(
        letter="A",
        subject="event_id",
        shown=("station_name", "code"),
        action=("stations", "resolve_dispute"),
    ),
    "piece_quarantined": Route(
        letter="A", subject="piece_id", shown=_PIECE, action=("production", "decide_piece")
    ),
    "rework_escalated": Route(
        letter="A", subject="piece_id", shown=_PIECE, action=("production", "order_rework")
    ),
    "rollout_moved": Route(
        letter="A",
        subject="rollout_id",
        shown=("name", "version", "next_stage", "code", "reason"),
        action=("rollouts", "halt_rollout"),
        when=("next_stage", frozenset({"HALTED", "ROLLING_BACK", "DONE"})),
    ),
}  # fmt: skip


def told_of(event: RecordedEvent, positions: Positions) -> RaiseNotifications | None:
    """Return the command that tells of ``event``; None when nobody is to be told."""
    route, payload = ROUTES.get(event.type), event.payload
    if route is None or not _is_told(route, payload):
        return None
    letter = route.letter or str(payload.get("letter", ""))
    if route.whom is not None:
        logins = route.whom(payload)
    else:
        logins = positions.holders(event.organization_id, *route.action, letter)
    if not logins:
        return None
    return RaiseNotifications(
        event_id=event.event_id,
        kind=event.type,
        letter=letter,
        subject=str(payload.get(route.subject) or "")[:_LONGEST_COUNT],
        logins=tuple(sorted(set(logins))),
        details={
            name: str(payload[name])[:_LONGEST_COUNT]
            for name in route.shown
            if payload.get(name) not in (None, "")
        },
    )


def _is_told(route: Route, payload: Payload) -> bool:
    field, values = route.when
    return not field or str(payload.get(field)) in values


class NotificationFeed:
    """A subscriber of the outbox. The event is the command's key, so twice heard is once told."""

    name = "notifications"

    def __init__(self, bus: Bus, positions: Positions) -> None:
        self._bus = bus
        self._positions = positions

    async def hear(self, event: RecordedEvent) -> None:
        """Take one event."""
        command = told_of(event, self._positions)
        if command is None:
            return
        context = CommandContext(
            organization_id=event.organization_id,
            user="system",
            source=Source.SYSTEM,
            idempotency_key=f"notify:{event.event_id}",
        )
        try:
            await self._bus.send(command, context)
        except PayloadInvalidError as error:
            # It would stand in the way of every later one.
            _LOG.error("event %s tells nobody: %s", event.event_id, error)
