"""The work of a small factory, for tests of production, inspection and their doors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from ulid import ULID

from cloud.commands.command import CommandContext, Source
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.labels import printer
from cloud.infrastructure.postgres import inspection_store, production_store
from cloud.infrastructure.postgres.floor_store import PostgresRoster
from cloud.inspection import handlers as inspection
from cloud.inspection.commands import RecordInspection
from cloud.inspection.reading import AnomalyMap, Finding, Measurement, Point, StitchReading
from cloud.inspection.standard import (
    DefectStandard,
    PointOfMeasure,
    StageStandard,
    StitchStandard,
)
from cloud.production import handlers as production
from cloud.production.commands import CreateWorkOrder, FinishStep, StartStep
from cloud.production.ports import Roster
from cloud.production.queries import StepOutcome, WorkOrderCreation
from cloud.production.spec import SpecDraft
from cloud.production.work_order import PieceDraft, StepDraft
from tests.fakes.core import DEMO, OTHER, Core, add_organization, context_of, core_over
from tests.fakes.standards import HEM_TITLES, LENGTH_TITLES, point, seam

STORES = {
    **production_store.STORES,
    **inspection_store.STORES,
    **printer.STORES,
    Roster: PostgresRoster,
}
CUT_01 = "sta_01K0CVT0000000000000000000"
QC_01 = "sta_01K0QC00000000000000000000"
NOON = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)

LENGTH = point(PointOfMeasure, **LENGTH_TITLES)
HEM = seam(StitchStandard, **HEM_TITLES)
DEFECTS = DefectStandard(minor_below_mm2=4.0, major_from_mm2=4.0)


def wish(**changes: Any) -> CreateWorkOrder:
    """A work order of two pieces with CUT, SEW and QC."""
    values: dict[str, Any] = {
        "number": "WO-1",
        "title_ko": "무대의상 보디스",
        "title_en": "Stage bodice",
        "style": "demo-bodice",
        "spec": SpecDraft(
            stages=(
                StageStandard(
                    stage="CUT", checks=("measure", "defects"), points=(LENGTH,), defects=DEFECTS
                ),
                StageStandard(
                    stage="QC",
                    checks=("measure", "stitches", "defects"),
                    points=(LENGTH,),
                    stitches=(HEM,),
                    defects=DEFECTS,
                ),
            )
        ),
        "steps": (
            StepDraft(stage="CUT", requires_quality_check=True),
            StepDraft(stage="SEW"),
            StepDraft(stage="QC", requires_quality_check=True),
        ),
        "pieces": (PieceDraft(number=1, size="M"), PieceDraft(number=2, size="M")),
        **changes,
    }
    return CreateWorkOrder(**values)


def measured(outcome: str = "PASS", value_mm: float | None = 502.0, **more: Any) -> Measurement:
    values: dict[str, Any] = {
        "name": "length",
        "nominal_mm": 500.0,
        "lower_mm": -5.0,
        "upper_mm": 5.0,
        "value_mm": value_mm,
        "uncertainty_mm": 0.9,
        "outcome": outcome,
        "from_px": Point(x_px=10.5, y_px=20.25),
        "to_px": Point(x_px=10.5, y_px=900.0),
        "severity": "major",
        **more,
    }
    return Measurement(**values)


def stitched(outcome: str = "FAIL", pitch_mm: float = 3.4, **more: Any) -> StitchReading:
    values: dict[str, Any] = {
        "seam": "hem",
        "nominal_mm": 3.0,
        "lower_mm": -0.3,
        "upper_mm": 0.3,
        "pitch_mm": pitch_mm,
        "uncertainty_mm": 0.05,
        "cv_ratio": 0.21,
        "skipped_count": 1,
        "outcome": outcome,
        "seam_px": (Point(x_px=1.0, y_px=2.0), Point(x_px=3.0, y_px=4.0)),
        "severity": "major",
        "max_cv_ratio": 0.12,
        **more,
    }
    return StitchReading(**values)


@dataclass
class Factory:
    """A bus, a work order, and a hand that scans."""

    core: Core
    urls: DatabaseUrls
    order: WorkOrderCreation
    organization_id: str = DEMO
    worker: str = "worker@demo.example"

    def context(self, source: Source = Source.STATION, user: str | None = None) -> CommandContext:
        return context_of(user or self.worker, source=source, organization_id=self.organization_id)

    async def send(self, command: Any, source: Source = Source.WEB, user: str | None = None) -> Any:
        return await self.core.bus.send(command, self.context(source, user))

    async def ask(self, query: Any) -> Any:
        return await self.core.bus.ask(query, self.context(Source.WEB))

    async def start(self, piece: int, step: int, **changes: Any) -> StepOutcome:
        stage = ("CUT", "SEW", "QC")[step]
        command = StartStep(
            piece_id=self.order.piece_ids[piece],
            step_id=self.order.step_ids[step],
            stage=stage,
            attempt=1,
            spec_version=self.order.spec_version,
            station_id=QC_01 if stage == "QC" else CUT_01,
            started_at=self.core.clock.now(),
        )
        source = changes.pop("source", Source.STATION)
        return await self.send(replace(command, **changes), source)

    async def finish(self, piece: int, step: int, **changes: Any) -> StepOutcome:
        stage = ("CUT", "SEW", "QC")[step]
        command = FinishStep(
            piece_id=self.order.piece_ids[piece],
            step_id=self.order.step_ids[step],
            stage=stage,
            attempt=1,
            spec_version=self.order.spec_version,
            station_id=QC_01 if stage == "QC" else CUT_01,
            finished_at=self.core.clock.now() + timedelta(minutes=5),
        )
        source = changes.pop("source", Source.STATION)
        return await self.send(replace(command, **changes), source)

    def inspection(self, piece: int, step: int, verdict: str, **changes: Any) -> RecordInspection:
        stage = ("CUT", "SEW", "QC")[step]
        values: dict[str, Any] = {
            "inspection_id": f"ins_{ULID()}",
            "piece_id": self.order.piece_ids[piece],
            "step_id": self.order.step_ids[step],
            "stage": stage,
            "spec_version": self.order.spec_version,
            "attempt": 1,
            "station_id": QC_01 if stage == "QC" else CUT_01,
            "worker": self.worker,
            "verdict": verdict,
            "measurements": (measured(),),
            "anomaly_score": 0.2,
            "threshold_score": 0.5,
            "anomaly_map": AnomalyMap(width=3, height=2, values=bytes(range(6))),
            "bundle": "base@1",
            "bundle_digest": "ab" * 32,
            "style": "demo-bodice",
            "calibration_id": "",
            "frame_width_px": 4000,
            "frame_height_px": 3000,
            "elapsed_ms": 412.5,
            "picture_sha256": "cd" * 32,
            "inspected_at": self.core.clock.now(),
            **changes,
        }
        return RecordInspection(**values)

    async def inspected(self, piece: int, step: int, verdict: str, **changes: Any) -> StepOutcome:
        """Inspect and finish, as a station's two events in one transaction do."""
        record = self.inspection(piece, step, verdict, **changes)
        await self.send(record, Source.STATION)
        return await self.finish(
            piece,
            step,
            attempt=record.attempt,
            spec_version=record.spec_version,
            inspection_id=record.inspection_id,
            verdict=verdict,
        )

    async def events(self) -> list[str]:
        """Return the types of all events so far."""
        connection = await asyncpg.connect(self.urls.owner)
        try:
            async with connection.transaction():
                await connection.execute(
                    "SELECT set_config('kyndof.organization', $1, true)", self.organization_id
                )
                rows = await connection.fetch("SELECT type FROM events ORDER BY sequence")
            return [row["type"] for row in rows]
        finally:
            await connection.close()


CRITICAL = Finding(defect_class="unknown_anomaly", score=0.9, area_px=50.0, severity="critical")


async def add_stations(owner_url: str, organization_id: str) -> None:
    """Write two stations as their registration does."""
    connection = await asyncpg.connect(owner_url)
    try:
        async with connection.transaction():
            await connection.execute(
                "SELECT set_config('kyndof.organization', $1, true)", organization_id
            )
            for station_id, name, stages in (
                (CUT_01, "CUT-01", ["CUT", "SEW"]),
                (QC_01, "QC-01", ["QC"]),
            ):
                await connection.execute(
                    "INSERT INTO stations (organization_id, station_id, name, stages, title_ko,"
                    " title_en, status, registered_at)"
                    " VALUES ($1, $2, $3, $4, $3, $3, 'ENROLLED', now())",
                    organization_id,
                    station_id,
                    name,
                    stages,
                )
    finally:
        await connection.close()


@asynccontextmanager
async def factory_over(urls: DatabaseUrls, **changes: Any) -> AsyncIterator[Factory]:
    """Open two organizations, two stations and one work order."""
    await add_organization(urls.owner, DEMO, "demo", "worker@demo.example", "lead@demo.example")
    await add_organization(urls.owner, OTHER, "other", "worker@other.example")
    await add_stations(urls.owner, DEMO)
    async with core_over(urls.app, STORES) as core:
        for feature in (production, inspection):
            for command, handler in feature.COMMANDS.items():
                core.bus.register(command, handler)
            for query, question in feature.QUERIES.items():
                core.bus.register_query(query, question)
        order = await core.bus.send(wish(**changes), context_of("lead@demo.example"))
        yield Factory(core=core, urls=urls, order=order)
