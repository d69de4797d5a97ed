"""Everything that serves stations, put together: two doors, the projector, the wishes."""

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from cloud.events.ports import Clock
from cloud.interfaces.edge_intake.accepted_disputes import AcceptedDisputes
from cloud.interfaces.edge_intake.admission import Admission
from cloud.interfaces.edge_intake.artifacts import ArtifactDoor
from cloud.interfaces.edge_intake.certificates import CertificateDoor
from cloud.interfaces.edge_intake.conversation import Patience, StreamParts
from cloud.interfaces.edge_intake.desired_state import DesiredState
from cloud.interfaces.edge_intake.enrolment import EnrolmentDoor
from cloud.interfaces.edge_intake.event_sync import EventSync
from cloud.interfaces.edge_intake.fleet import FleetDoor
from cloud.interfaces.edge_intake.live_streams import LiveStreams
from cloud.interfaces.edge_intake.media import MediaDoor
from cloud.interfaces.edge_intake.pacing import Intake, Pacing
from cloud.interfaces.edge_intake.ports import (
    BundleFiles,
    Bus,
    CertificateReader,
    EventLog,
    PictureVault,
    ServerCertificates,
    StationDoor,
    StyleFiles,
    WorkPackages,
)
from cloud.interfaces.edge_intake.projector import Pace, Projector
from cloud.interfaces.edge_intake.rate_limit import Rate, RateLimit
from cloud.interfaces.edge_intake.servers import DoorAddress, IntakeServers, Servicers

#: A device knocks once, and again when an answer was lost.
ONE_PEER = Rate(burst_count=30, per_minute_count=30)
ALL_PEERS = Rate(burst_count=200, per_minute_count=200)


class StationBorder(StationDoor, EventLog, WorkPackages, Protocol):
    """The database as the border sees it beside commands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeParts:
    """What composition hands in."""

    bus: Bus
    border: StationBorder
    authority: CertificateReader
    certificates: ServerCertificates
    vault: PictureVault
    bundles: BundleFiles
    styles: StyleFiles
    clock: Clock
    intake: DoorAddress
    enrolment: DoorAddress
    patience: Patience = field(default_factory=Patience)
    pace: Pace = field(default_factory=Pace)
    pacing: Pacing = field(default_factory=Pacing)
    knocks_by_peer: Rate = ONE_PEER
    knocks_by_all: Rate = ALL_PEERS


class EdgeIntake:
    """Runs in `serve`: ``async with EdgeIntake(parts)`` opens the doors and starts the projector.

    ``desired`` and ``accepted`` hear domain events and belong among the relay's subscribers.
    """

    def __init__(self, parts: IntakeParts) -> None:
        admission = Admission(parts.bus, parts.authority)
        limit = RateLimit(parts.clock, parts.knocks_by_peer, parts.knocks_by_all)
        streams = StreamParts(
            bus=parts.bus,
            admission=admission,
            door=parts.border,
            live=LiveStreams(),
            clock=parts.clock,
            intake=Intake(parts.pacing),
            patience=parts.patience,
        )
        self.desired = DesiredState(parts.bus, parts.border, parts.styles)
        self.accepted = AcceptedDisputes(parts.bus, parts.border)
        self._projector = Projector(parts.bus, parts.border, parts.pace)
        self._projecting: asyncio.Task[None] | None = None
        self.servers = IntakeServers(
            certificates=parts.certificates,
            servicers=Servicers(
                events=EventSync(streams),
                fleet=FleetDoor(parts.bus, admission, self.desired),
                media=MediaDoor(parts.bus, admission, parts.vault),
                enrolment=EnrolmentDoor(
                    parts.bus, parts.border, parts.authority, limit, parts.clock
                ),
                certificates=CertificateDoor(parts.bus, admission, parts.authority, parts.clock),
                artifacts=ArtifactDoor(parts.bus, admission, parts.bundles),
            ),
            intake=parts.intake,
            enrolment=parts.enrolment,
        )

    async def problem(self) -> str | None:
        """Say in one sentence what does not work, for the readiness check."""
        if self._projecting is None:
            return "the stations' doors are closed"
        if self._projecting.done():
            return "the projector has ended"
        return None

    async def run(self) -> None:
        """Wait for the projector, which ends only by an error.

        Raises:
            Exception: what ended it.
        """
        if self._projecting is not None:
            await asyncio.shield(self._projecting)

    async def __aenter__(self) -> "EdgeIntake":
        await self.servers.start()
        self._projecting = asyncio.create_task(self._projector.run(), name="projector")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.servers.stop()
        if self._projecting is not None:
            self._projecting.cancel()
            await asyncio.gather(self._projecting, return_exceptions=True)
            self._projecting = None
