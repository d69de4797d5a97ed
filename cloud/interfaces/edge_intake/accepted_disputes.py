"""What a person accepts of the floor's disputed facts takes effect after all."""

import logging

from cloud.commands.command import CommandContext, Source
from cloud.commands.errors import ApprovalPendingError, CommandError
from cloud.events.event import RecordedEvent
from cloud.interfaces.edge_intake.admission import cloud_context
from cloud.interfaces.edge_intake.ports import Bus, EventLog
from cloud.interfaces.edge_intake.projection import COMMANDS, command_of
from cloud.stations.commands import ReopenDispute
from cloud.stations.queries import LoggedEvent, StationKey

LOG = logging.getLogger("kyndof.projector")


class AcceptedDisputes:
    """A subscriber: sends the refused command again, in the name of the person who decided.

    That person's own rights count, so accepting is no way around them. The floor's event is the
    idempotency key: however often the decision is heard, the fact takes effect once. What is still
    refused becomes an open dispute again, with the new reason.
    """

    name = "accepted_disputes"

    def __init__(self, bus: Bus, log: EventLog) -> None:
        self._bus = bus
        self._log = log

    async def hear(self, event: RecordedEvent) -> None:
        """Carry a fact whose dispute was just accepted."""
        told = event.payload
        if event.type != "station_dispute_accepted":
            return
        station = StationKey(
            organization_id=event.organization_id, station_id=str(told["station_id"])
        )
        fact = await self._log.find(station, str(told["event_id"]))
        if fact is None or fact.type not in COMMANDS:
            LOG.warning("accepted, and nothing to carry", extra={"event": told["event_id"]})
            return
        decider, reason = str(told.get("accepted_by", "")), str(told.get("reason", ""))
        try:
            await self._bus.send(
                command_of(station, fact), _override(station, fact, decider, reason)
            )
        except ApprovalPendingError:
            LOG.info("accepted, waits for an approval", extra={"event": fact.event_id})
        except CommandError as error:
            LOG.info("accepted, and refused again", extra={"event": fact.event_id})
            await self._reopen(station, fact, error)

    async def _reopen(self, station: StationKey, fact: LoggedEvent, error: CommandError) -> None:
        command = ReopenDispute(
            station_id=station.station_id,
            event_id=fact.event_id,
            code=error.code,
            detail=error.message.replace("\0", "\N{REPLACEMENT CHARACTER}")[:500],
        )
        await self._bus.send(command, cloud_context(station.organization_id))


def _override(station: StationKey, fact: LoggedEvent, decider: str, reason: str) -> CommandContext:
    """Return the decider's context; that it happened at a station stays true."""
    return CommandContext(
        organization_id=station.organization_id,
        user=decider,
        source=Source.STATION,
        idempotency_key=fact.event_id,
        metadata={
            "station_id": station.station_id,
            "basis": fact.basis,
            "worker": fact.worker,
            "accepted_because": reason,
        },
    )
