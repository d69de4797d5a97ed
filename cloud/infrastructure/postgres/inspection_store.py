"""Inspections in PostgreSQL, every number of them."""

import base64
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime

import asyncpg
from pydantic import TypeAdapter

from cloud.infrastructure.postgres.production_rows import to_json
from cloud.inspection.commands import CorrectInspection, RecordInspection
from cloud.inspection.ports import InspectionStore
from cloud.inspection.queries import AnomalyMapView, CorrectionView, InspectionView
from cloud.inspection.reading import CorrectionChange, Finding, Measurement, StitchReading
from cloud.production.ports import InspectedAttempt, InspectionReader

_FINDINGS = TypeAdapter(tuple[Finding, ...])
_MEASUREMENTS = TypeAdapter(tuple[Measurement, ...])
_STITCHES = TypeAdapter(tuple[StitchReading, ...])
_CHANGES = TypeAdapter(tuple[CorrectionChange, ...])

# Keep an inspection once.
_ADD = """
INSERT INTO inspections (
  organization_id, inspection_id, piece_id, step_id, stage, spec_version, attempt, station_id,
  worker, verdict, critical, findings, measurements, stitches, anomaly_score, threshold_score,
  anomaly_map_width, anomaly_map_height, anomaly_map, bundle, bundle_digest, style,
  calibration_id, frame_width_px, frame_height_px, reasons, elapsed_ms, picture_sha256,
  inspected_at, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::text::jsonb, $13::text::jsonb,
        $14::text::jsonb, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28,
        $29, $30)
ON CONFLICT (organization_id, inspection_id) DO NOTHING
RETURNING 1
"""

# Inspections with the names of piece, work order and station, and whether the picture is there.
_VIEW = """
SELECT i.*, p.number AS piece_number, w.work_order_id, w.number AS work_order_number,
       coalesce(s.name, '') AS station_name, m.sha256 IS NOT NULL AS picture_available
FROM inspections i
JOIN pieces p USING (organization_id, piece_id)
JOIN work_orders w USING (organization_id, work_order_id)
LEFT JOIN stations s ON s.organization_id = i.organization_id AND s.station_id = i.station_id
LEFT JOIN media m ON m.organization_id = i.organization_id AND m.sha256 = i.picture_sha256
"""

# One inspection.
_ONE = _VIEW + "WHERE i.organization_id = $1 AND i.inspection_id = $2"

# Some pieces' inspections, oldest first.
_OF_PIECES = (
    _VIEW + "WHERE i.organization_id = $1 AND i.piece_id = ANY($2) "
    "ORDER BY i.inspected_at, i.inspection_id"
)

# A piece's inspections, oldest first.
_OF_PIECE = (
    _VIEW + "WHERE i.organization_id = $1 AND i.piece_id = $2 "
    "ORDER BY i.inspected_at, i.inspection_id"
)

# What people said about some inspections, in order.
_CORRECTIONS = """
SELECT * FROM inspection_corrections
WHERE organization_id = $1 AND inspection_id = ANY($2) ORDER BY inspection_id, position
"""

# Append a person's word; the piece is locked by now, so positions count without a hole.
_CORRECT = """
INSERT INTO inspection_corrections (organization_id, inspection_id, position, verdict, reason,
                                    changes, corrected_by, corrected_at)
SELECT $1, $2, 1 + count(*), $3, $4, $5::text::jsonb, $6, $7
FROM inspection_corrections WHERE organization_id = $1 AND inspection_id = $2
"""

# What a step's finish needs to know of an inspection.
_ATTEMPT = """
SELECT inspection_id, piece_id, step_id, attempt, verdict, critical, measurements, stitches
FROM inspections WHERE organization_id = $1 AND inspection_id = $2
"""


class PostgresInspectionStore:
    """``InspectionStore`` and ``InspectionReader`` in one transaction."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization = organization_id

    async def add(self, record: RecordInspection, critical: bool, at: datetime) -> bool:
        """Keep the record; False when its identifier is kept already."""
        added = await self._connection.fetchval(
            _ADD,
            self._organization,
            record.inspection_id,
            record.piece_id,
            record.step_id,
            record.stage,
            record.spec_version,
            record.attempt,
            record.station_id,
            record.worker,
            record.verdict,
            critical,
            to_json(record.findings),
            to_json(record.measurements),
            to_json(record.stitches),
            record.anomaly_score,
            record.threshold_score,
            record.anomaly_map.width,
            record.anomaly_map.height,
            record.anomaly_map.values,
            record.bundle,
            record.bundle_digest,
            record.style,
            record.calibration_id,
            record.frame_width_px,
            record.frame_height_px,
            list(record.reasons),
            record.elapsed_ms,
            record.picture_sha256,
            record.inspected_at,
            at,
        )
        return added is not None

    async def find(self, inspection_id: str) -> InspectionView | None:
        """Return one inspection."""
        row = await self._connection.fetchrow(_ONE, self._organization, inspection_id)
        return (await self._views([row]))[0] if row else None

    async def of_piece(self, piece_id: str) -> tuple[InspectionView, ...]:
        """Return a piece's inspections, oldest first."""
        rows = await self._connection.fetch(_OF_PIECE, self._organization, piece_id)
        return await self._views(rows)

    async def of_pieces(self, piece_ids: tuple[str, ...]) -> tuple[InspectionView, ...]:
        """Return the inspections of some pieces, oldest first."""
        rows = await self._connection.fetch(_OF_PIECES, self._organization, list(piece_ids))
        return await self._views(rows)

    async def _views(self, rows: list[asyncpg.Record]) -> tuple[InspectionView, ...]:
        words: dict[str, list[CorrectionView]] = defaultdict(list)
        ids = [row["inspection_id"] for row in rows]
        for row in await self._connection.fetch(_CORRECTIONS, self._organization, ids):
            words[row["inspection_id"]].append(
                CorrectionView(
                    verdict=row["verdict"],
                    reason=row["reason"],
                    by=row["corrected_by"],
                    at=row["corrected_at"],
                    changes=_CHANGES.validate_json(row["changes"]),
                )
            )
        return tuple(_view(row, tuple(words[row["inspection_id"]])) for row in rows)

    async def correct(self, correction: CorrectInspection, by: str, at: datetime) -> None:
        """Append a person's word to an inspection."""
        await self._connection.execute(
            _CORRECT,
            self._organization,
            correction.inspection_id,
            correction.verdict,
            correction.reason,
            to_json(correction.changes),
            by,
            at,
        )

    async def attempt(self, inspection_id: str) -> InspectedAttempt | None:
        """Return what an inspection said."""
        row = await self._connection.fetchrow(_ATTEMPT, self._organization, inspection_id)
        if row is None:
            return None
        measured = {
            reading.name: reading.value_mm
            for reading in _MEASUREMENTS.validate_json(row["measurements"])
        }
        measured |= {
            reading.seam: reading.pitch_mm for reading in _STITCHES.validate_json(row["stitches"])
        }
        return InspectedAttempt(
            inspection_id=row["inspection_id"],
            piece_id=row["piece_id"],
            step_id=row["step_id"],
            attempt=row["attempt"],
            verdict=row["verdict"],
            critical=row["critical"],
            measured_mm={name: value for name, value in measured.items() if value is not None},
        )


def _view(row: asyncpg.Record, corrections: tuple[CorrectionView, ...]) -> InspectionView:
    return InspectionView(
        inspection_id=row["inspection_id"],
        piece_id=row["piece_id"],
        piece_number=row["piece_number"],
        work_order_id=row["work_order_id"],
        work_order_number=row["work_order_number"],
        step_id=row["step_id"],
        stage=row["stage"],
        spec_version=row["spec_version"],
        attempt=row["attempt"],
        station_id=row["station_id"],
        station_name=row["station_name"],
        worker=row["worker"],
        verdict=row["verdict"],
        final_verdict=corrections[-1].verdict if corrections else row["verdict"],
        critical=row["critical"],
        findings=_FINDINGS.validate_json(row["findings"]),
        measurements=_MEASUREMENTS.validate_json(row["measurements"]),
        stitches=_STITCHES.validate_json(row["stitches"]),
        anomaly_score=row["anomaly_score"],
        threshold_score=row["threshold_score"],
        anomaly_map=AnomalyMapView(
            width=row["anomaly_map_width"],
            height=row["anomaly_map_height"],
            base64=base64.b64encode(row["anomaly_map"]).decode("ascii"),
        ),
        bundle=row["bundle"],
        bundle_digest=row["bundle_digest"],
        style=row["style"],
        calibration_id=row["calibration_id"],
        frame_width_px=row["frame_width_px"],
        frame_height_px=row["frame_height_px"],
        reasons=tuple(row["reasons"]),
        elapsed_ms=row["elapsed_ms"],
        picture_sha256=row["picture_sha256"],
        picture_available=row["picture_available"],
        inspected_at=row["inspected_at"],
        corrections=corrections,
    )


STORES: dict[type, Callable[[asyncpg.Connection, str], object]] = {
    InspectionStore: PostgresInspectionStore,
    InspectionReader: PostgresInspectionStore,
}
