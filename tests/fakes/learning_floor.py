"""Stations that people teach, over a real cloud."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from kyndof_wire.fleet.v1 import fleet_pb2
from kyndof_wire.floor.v1 import floor_pb2
from kyndof_wire.sync.v1 import sync_pb2

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.inspection.commands import CorrectInspection, CorrectionChange
from cloud.learning.commands import WithdrawBank
from cloud.production.work_order import PieceDraft
from cloud.stations.queries import StationKey
from edge.inspection.prototypes import Prototypes
from edge.inspection.style_bank import ScaleStatistics, StyleBank
from tests.fakes.core import DEMO, OTHER, context_of
from tests.fakes.intake import IntakeWorld, floor_event, intake_over
from tests.fakes.production import wish
from tests.interfaces.test_projector import Floor, projecting

LEAD = context_of("lead@demo.example")
BUNDLE = "ab" * 32
HOLE = np.linspace(0.1, 1, 48)
PIECES = tuple(PieceDraft(number=n, size="M") for n in range(1, 5))
MORNING = datetime(2026, 5, 4, 12, tzinfo=UTC)


def numbers(of: np.ndarray = HOLE, shake: int = 0) -> bytes:
    return (of + np.random.default_rng(shake).normal(0, 0.01, len(of))).astype("<f4").tobytes()


def naming(inspection_id: str, kind: str, minute: int = 0, **more: object) -> sync_pb2.Event:
    told = {
        "inspection_id": inspection_id,
        "finding_index": 0,
        "kind": kind,
        "bundle_digest": BUNDLE,
        "description": numbers(shake=minute) if kind else b"",
        **more,
    }
    event = floor_event("flaw_named", floor_pb2.FlawNamed(**told), worker="lead@demo.example")
    event.occurred_at.FromDatetime(MORNING + timedelta(minutes=minute))
    return event


class Factory:
    """Two stations of an organization, one of another, and pieces with a finding each."""

    def __init__(self, world: IntakeWorld, floors: list[Floor]) -> None:
        self.world, self.floors = world, floors

    async def found(self, number: int, at: int = 0, description: bytes = b"") -> str:
        """Let a station find a flaw in a piece; return the inspection."""
        floor = self.floors[at]
        begun = floor.started(number)
        inspected, done = floor.inspected_and_finished(number, verdict="REVIEW")
        if description:
            message = floor_pb2.InspectionRecorded.FromString(inspected.payload)
            message.findings[0].description = description
            inspected.payload = message.SerializeToString()
        await floor.say(begun, inspected, done, outbox_id=f"outbox-{at}")
        return floor_pb2.InspectionRecorded.FromString(inspected.payload).inspection_id

    async def say(self, *events: sync_pb2.Event, at: int = 0) -> None:
        await self.floors[at].say(*events, outbox_id=f"outbox-{at}")

    async def settled(self) -> None:
        await self.floors[0].settled()

    async def package(self, at: int = 0) -> fleet_pb2.WorkPackage:
        """What a station is given now."""
        key = StationKey(
            organization_id=OTHER if at == 2 else DEMO,
            station_id=self.floors[at].station.station_id,
        )
        self.world.desired.change(key.organization_id)
        wished = await self.world.desired.wish(key)
        content = await self.world.desired.package(key, wished.work_digest)
        assert content is not None
        return fleet_pb2.WorkPackage.FromString(content)

    async def bank(self, at: int = 0) -> tuple[bytes, list[str]]:
        """The bank of the only style that a station is given, and those withdrawn."""
        for style in (await self.package(at)).styles:
            return style.bank, list(style.withdrawn_banks)
        return b"", []

    async def withdraw(self, bank_id: str, reason: str) -> None:
        await self.world.core.bus.send(WithdrawBank(bank_id=bank_id, reason=reason), LEAD)

    async def rename(self, inspection_id: str, kind: str, index: int | None = 0) -> None:
        change = CorrectionChange(kind="finding_renamed", name=kind, finding_index=index)
        command = CorrectInspection(
            inspection_id=inspection_id, verdict="FAIL", reason="돋보기로 봄", changes=(change,)
        )
        await self.world.core.bus.send(command, LEAD)

    async def kinds(self, at: int = 0) -> list[tuple[str, ...]]:
        package = await self.package(at)
        return [Prototypes.from_bytes(one).kinds for one in package.learned_kinds.prototypes]


def bank_of(style: str = "demo-bodice", pieces: int = 14) -> bytes:
    """A small bank that can be read."""
    scale = ScaleStatistics(
        factor=1,
        mean=np.zeros(24, np.float32),
        whitening=np.eye(24, dtype=np.float32),
        bank_centre_score=1.0,
        bank_spread_score=1.0,
        head_centre_score=0.0,
        head_spread_score=1.0,
        limit_score=5.0,
    )
    return StyleBank(
        style=style,
        bundle_digest=BUNDLE,
        piece_count=pieces,
        overkill_ratio=0.02,
        mm_per_px=None,
        scales=(scale,),
    ).to_bytes()


def taught(bank: bytes, minute: int = 0, style: str = "demo-bodice") -> sync_pb2.Event:
    message = floor_pb2.StyleTaught(style=style, bank=bank)
    event = floor_event("style_taught", message, worker="lead@demo.example")
    event.occurred_at.FromDatetime(MORNING + timedelta(minutes=minute))
    return event


def calibrated(number: str, minute: int = 0, **more: object) -> sync_pb2.Event:
    told = {
        "calibration_id": number,
        "rms_px": 0.21,
        "table": "table-a",
        "residual_px": 0.05,
        "camera_height_mm": 1160.0,
        "views_count": 16,
        "dropped_count": 1,
        "coverage_ratio": 0.9,
        "board": floor_pb2.CalibrationBoard(
            name="charuco-a3",
            pattern="charuco",
            columns_count=11,
            rows_count=7,
            square_mm=30.0,
            marker_mm=22.0,
            dictionary="4X4_50",
        ),
        **more,
    }
    message = floor_pb2.StationCalibrated(**told)
    event = floor_event("station_calibrated", message, worker="lead@demo.example")
    event.occurred_at.FromDatetime(MORNING + timedelta(minutes=minute))
    return event


@asynccontextmanager
async def factory_over(database: DatabaseUrls, folder: Path) -> AsyncIterator[Factory]:
    """Open two stations of the demo and one of another organization; the projector runs."""
    async with intake_over(database, folder) as world:
        order = await world.core.bus.send(wish(pieces=PIECES), LEAD)
        floors = []
        for name, organization in (("CUT-01", DEMO), ("CUT-02", DEMO), ("CUT-01", OTHER)):
            station, device = await world.enrolled(name, organization)
            floors.append(Floor(world, station, device, order))
        async with projecting(world):
            yield Factory(world, floors)
