"""Facts from the floor that a rule refuses."""

from dataclasses import replace

from cloud.commands.ports import UnitOfWork
from cloud.stations.commands import DisputeEvent, ReopenDispute, ResolveDispute
from cloud.stations.errors import DecisionInvalidError, DisputeResolvedError, DisputeUnknownError
from cloud.stations.events import (
    StationDisputeAccepted,
    StationDisputeResolved,
    StationEventDisputed,
)
from cloud.stations.handlers.lookup import acts_for_itself, station_of
from cloud.stations.ports import DisputeStore
from cloud.stations.queries import DisputeView

_DECISIONS = ("ACCEPTED", "REJECTED")


async def dispute_event(command: DisputeEvent, unit: UnitOfWork) -> None:
    """Mark a fact that a rule refuses; a second mark changes nothing.

    Raises:
        StationUnknownError: no such station.
    """
    acts_for_itself(command.station_id, unit)
    station = await station_of(command.station_id, unit, revoked_too=True)
    is_new = await unit.store(DisputeStore).add(
        station.station_id, command.event_id, command.code, command.detail, unit.clock.now()
    )
    if is_new:
        unit.record(
            StationEventDisputed(
                station_id=station.station_id,
                station_name=station.name,
                event_id=command.event_id,
                code=command.code,
                detail=command.detail,
            )
        )


async def resolve_dispute(command: ResolveDispute, unit: UnitOfWork) -> DisputeView:
    """Keep a person's decision about a disputed fact.

    Raises:
        DecisionInvalidError: neither ACCEPTED nor REJECTED, or without a reason.
        DisputeUnknownError: no such dispute.
        DisputeResolvedError: it was decided before.
    """
    if command.decision not in _DECISIONS or not command.reason.strip():
        raise DecisionInvalidError(
            "decide ACCEPTED or REJECTED and say why", field="decision", expected=list(_DECISIONS)
        )
    disputes = unit.store(DisputeStore)
    dispute = await disputes.find(command.event_id)
    if dispute is None:
        raise DisputeUnknownError("no such dispute", event_id=command.event_id)
    if dispute.resolved_at is not None:
        raise DisputeResolvedError("the dispute was decided before", decision=dispute.decision)
    decided = replace(
        dispute,
        decision=command.decision,
        reason=command.reason,
        resolved_by=unit.context.user,
        resolved_at=unit.clock.now(),
        outcome="UNDERWAY" if command.decision == "ACCEPTED" else "",
    )
    await disputes.resolve(decided)
    unit.record(
        StationDisputeResolved(
            event_id=dispute.event_id,
            station_id=dispute.station_id,
            decision=command.decision,
            reason=command.reason,
            resolved_by=unit.context.user,
        )
    )
    if command.decision == "ACCEPTED":
        unit.record(
            StationDisputeAccepted(
                station_id=dispute.station_id,
                station_name=dispute.station_name,
                event_id=dispute.event_id,
                fact_type=dispute.type,
                code=dispute.code,
                reason=command.reason,
                accepted_by=unit.context.user,
            )
        )
    return decided


async def reopen_dispute(command: ReopenDispute, unit: UnitOfWork) -> None:
    """Open an accepted dispute again with the new reason; any other stays as it is.

    Raises:
        StationUnknownError: no such station.
    """
    acts_for_itself(command.station_id, unit)
    station = await station_of(command.station_id, unit, revoked_too=True)
    reopened = await unit.store(DisputeStore).reopen(
        command.event_id, command.code, command.detail, unit.clock.now()
    )
    if reopened:
        unit.record(
            StationEventDisputed(
                station_id=station.station_id,
                station_name=station.name,
                event_id=command.event_id,
                code=command.code,
                detail=command.detail,
            )
        )
