"""What people taught, in PostgreSQL."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime

import asyncpg

from cloud.infrastructure.postgres.unit_of_work import read_json
from cloud.learning.bank import BankFacts
from cloud.learning.commands import CalibrationBoard, NameFlaw, RecordCalibration, TeachStyle
from cloud.learning.naming import NamedFinding, Naming
from cloud.learning.ports import BankStore, CalibrationStore, NamingStore
from cloud.learning.queries import CalibrationView, LearnedStyle, TaughtBankView

# A finding of an inspection.
_FINDING = """
SELECT bundle_digest, findings -> $3::integer AS finding FROM inspections
WHERE organization_id = $1 AND inspection_id = $2
"""

# Keep a naming once.
_ADD = """
INSERT INTO flaw_namings (
  organization_id, naming_id, inspection_id, finding_index, kind, bundle_digest, description,
  station_id, named_by, named_at, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (organization_id, naming_id) DO NOTHING
RETURNING 1
"""

# The newest word on each finding, said at a station or in a correction; one that takes a name back
# leaves nothing.
_NEWEST = """
WITH words AS (
  SELECT inspection_id, finding_index, kind, bundle_digest, description, named_at, naming_id
  FROM flaw_namings WHERE organization_id = $1
  UNION ALL
  SELECT i.inspection_id, (change ->> 'finding_index')::integer, change ->> 'name',
         i.bundle_digest,
         decode(coalesce(i.findings -> (change ->> 'finding_index')::integer ->> 'description',
                         ''), 'base64'),
         c.corrected_at, to_char(c.position, 'FM0000000000')
  FROM inspection_corrections c
  JOIN inspections i USING (organization_id, inspection_id)
  CROSS JOIN LATERAL jsonb_array_elements(c.changes) AS change
  WHERE c.organization_id = $1 AND c.changes @> '[{"kind": "finding_renamed"}]'
    AND change ->> 'kind' = 'finding_renamed'
)
SELECT kind, bundle_digest, description, named_at FROM (
  SELECT DISTINCT ON (inspection_id, finding_index) kind, bundle_digest, description, named_at
  FROM words ORDER BY inspection_id, finding_index, named_at DESC, naming_id DESC
) word WHERE kind <> '' ORDER BY named_at DESC LIMIT 5000
"""

# How many namings came from a station.
_COUNT = "SELECT count(*) FROM flaw_namings WHERE organization_id = $1 AND station_id = $2"


class PostgresNamingStore:
    """``NamingStore`` in one transaction."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization = organization_id

    async def finding(self, inspection_id: str, index: int) -> NamedFinding | None:
        """Return a finding of an inspection."""
        row = await self._connection.fetchrow(_FINDING, self._organization, inspection_id, index)
        finding = read_json(row["finding"]) if row else None
        if row is None or finding is None:
            return None
        return NamedFinding(
            bundle_digest=row["bundle_digest"],
            description=base64.b64decode(finding.get("description") or ""),
        )

    async def add(self, naming: NameFlaw, by: str, named_at: datetime, at: datetime) -> bool:
        """Keep a naming; False when its identifier is kept already."""
        added = await self._connection.fetchval(
            _ADD,
            self._organization,
            naming.naming_id,
            naming.inspection_id,
            naming.finding_index,
            naming.kind,
            naming.bundle_digest,
            naming.description if naming.kind else b"",
            naming.station_id,
            by,
            named_at,
            at,
        )
        return added is not None

    async def newest(self) -> Sequence[Naming]:
        """Return the newest word on each finding that somebody named."""
        rows = await self._connection.fetch(_NEWEST, self._organization)
        return [Naming(**dict(row)) for row in rows]

    async def count_of(self, station_id: str) -> int:
        """Return how many namings came from a station."""
        count: int = await self._connection.fetchval(_COUNT, self._organization, station_id)
        return count


# Keep a bank once.
_ADD_BANK = """
INSERT INTO taught_banks (
  organization_id, bank_id, style, content, sha256, bundle_digest, piece_count, threshold_score,
  overkill_ratio, station_id, taught_by, taught_at, recorded_at)
VALUES ($1, $2, $3, $4, encode(sha256($4), 'hex'), $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (organization_id, bank_id) DO NOTHING
RETURNING 1
"""

# Banks without their content; the newest of a style that is not withdrawn is in use.
_BANKS = """
SELECT b.bank_id, b.style, b.station_id, coalesce(s.name, '') AS station_name, b.taught_by,
       b.taught_at, b.piece_count, b.threshold_score, b.overkill_ratio, b.bundle_digest,
       octet_length(b.content) AS size_bytes, b.withdrawn_by, b.withdrawn_at, b.withdrawn_reason,
       b.withdrawn_at IS NULL AND NOT EXISTS (
         SELECT 1 FROM taught_banks newer
         WHERE newer.organization_id = b.organization_id AND newer.style = b.style
           AND newer.withdrawn_at IS NULL
           AND (newer.taught_at, newer.bank_id) > (b.taught_at, b.bank_id)) AS in_use
FROM taught_banks b
LEFT JOIN stations s ON s.organization_id = b.organization_id AND s.station_id = b.station_id
WHERE b.organization_id = $1
"""
_NEWEST_FIRST = """
  AND ($3 = '' OR (b.taught_at, b.bank_id) < (
    SELECT last.taught_at, last.bank_id FROM taught_banks last
    WHERE last.organization_id = $1 AND last.bank_id = $3))
ORDER BY b.taught_at DESC, b.bank_id DESC LIMIT $2
"""
_ONE_BANK = " AND b.bank_id = $2 FOR UPDATE OF b"

_WITHDRAW = """
UPDATE taught_banks SET withdrawn_by = $3, withdrawn_reason = $4, withdrawn_at = $5
WHERE organization_id = $1 AND bank_id = $2
"""

# Each style's newest banks, one for each bundle of the newest three, and those withdrawn last.
_STYLES = """
SELECT style,
       ARRAY(SELECT n.content FROM (
               SELECT DISTINCT ON (b.bundle_digest) b.content, b.taught_at, b.bank_id
               FROM taught_banks b
               WHERE b.organization_id = $1 AND b.style = s.style AND b.withdrawn_at IS NULL
               ORDER BY b.bundle_digest, b.taught_at DESC, b.bank_id DESC) n
             ORDER BY n.taught_at DESC, n.bank_id DESC LIMIT 3) AS banks,
       ARRAY(SELECT sha256 FROM taught_banks b
             WHERE b.organization_id = $1 AND b.style = s.style AND b.withdrawn_at IS NOT NULL
             ORDER BY b.withdrawn_at DESC, b.bank_id DESC LIMIT 50) AS withdrawn
FROM (SELECT DISTINCT style FROM taught_banks WHERE organization_id = $1) s ORDER BY style
"""


class PostgresBankStore:
    """``BankStore`` in one transaction."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization = organization_id

    async def add(self, taught: TeachStyle, facts: BankFacts, by: str, at: datetime) -> bool:
        """Keep a bank; False when its identifier is kept already."""
        added = await self._connection.fetchval(
            _ADD_BANK,
            self._organization,
            taught.bank_id,
            taught.style,
            taught.bank,
            facts.bundle_digest,
            facts.piece_count,
            facts.threshold_score,
            facts.overkill_ratio,
            taught.station_id,
            by,
            taught.taught_at,
            at,
        )
        return added is not None

    async def find(self, bank_id: str) -> TaughtBankView | None:
        """Return a bank, locked for this transaction."""
        row = await self._connection.fetchrow(_BANKS + _ONE_BANK, self._organization, bank_id)
        return TaughtBankView(**dict(row)) if row else None

    async def newest(self, limit: int, before: str) -> Sequence[TaughtBankView]:
        """Return banks, newest first, those after the bank ``before``."""
        rows = await self._connection.fetch(
            _BANKS + _NEWEST_FIRST, self._organization, limit, before
        )
        return [TaughtBankView(**dict(row)) for row in rows]

    async def withdraw(self, bank_id: str, by: str, reason: str, at: datetime) -> None:
        """Let a bank count no more."""
        await self._connection.execute(_WITHDRAW, self._organization, bank_id, by, reason, at)

    async def styles(self) -> Sequence[LearnedStyle]:
        """Return what stations should know of each taught style, by name."""
        rows = await self._connection.fetch(_STYLES, self._organization)
        return [
            LearnedStyle(
                style=row["style"],
                banks=tuple(row["banks"]),
                withdrawn=tuple(sorted(row["withdrawn"])),
            )
            for row in rows
        ]


# Keep a calibration once.
_ADD_CALIBRATION = """
INSERT INTO station_calibrations (
  organization_id, station_id, calibration_id, calibrated_by, calibrated_at, rms_px, board,
  table_name, residual_px, camera_height_mm, check_mm, views_count, dropped_count, coverage_ratio,
  recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT (organization_id, station_id, calibration_id) DO NOTHING
RETURNING 1
"""

# Calibrations of a station, or of all, after one of them.
_CALIBRATIONS = """
SELECT c.*, s.name AS station_name,
       NOT EXISTS (
         SELECT 1 FROM station_calibrations newer
         WHERE newer.organization_id = c.organization_id AND newer.station_id = c.station_id
           AND (newer.calibrated_at, newer.calibration_id) > (c.calibrated_at, c.calibration_id)
       ) AS newest
FROM station_calibrations c JOIN stations s USING (organization_id, station_id)
WHERE c.organization_id = $1 AND ($2 = '' OR c.station_id = $2)
  AND ($4 = '' OR (c.calibrated_at, c.station_id, c.calibration_id) < (
    SELECT last.calibrated_at, last.station_id, last.calibration_id FROM station_calibrations last
    WHERE last.organization_id = $1 AND last.station_id = $4 AND last.calibration_id = $5))
ORDER BY c.calibrated_at DESC, c.station_id DESC, c.calibration_id DESC LIMIT $3
"""


class PostgresCalibrationStore:
    """``CalibrationStore`` in one transaction."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization = organization_id

    async def add(self, made: RecordCalibration, by: str, at: datetime) -> bool:
        """Keep a calibration; False when its number is kept already."""
        added = await self._connection.fetchval(
            _ADD_CALIBRATION,
            self._organization,
            made.station_id,
            made.calibration_id,
            by,
            made.calibrated_at,
            made.rms_px,
            json.dumps(asdict(made.board), ensure_ascii=False),
            made.table,
            made.residual_px,
            made.camera_height_mm,
            made.check_mm,
            made.views_count,
            made.dropped_count,
            made.coverage_ratio,
            at,
        )
        return added is not None

    async def of_station(
        self, station_id: str, limit: int, before: str
    ) -> Sequence[CalibrationView]:
        """Return a station's calibrations, newest first; "" for every station's."""
        last_station, _, last_calibration = before.partition("/")
        rows = await self._connection.fetch(
            _CALIBRATIONS, self._organization, station_id, limit, last_station, last_calibration
        )
        return [
            CalibrationView(
                calibration_id=row["calibration_id"],
                station_id=row["station_id"],
                station_name=row["station_name"],
                calibrated_by=row["calibrated_by"],
                calibrated_at=row["calibrated_at"],
                rms_px=row["rms_px"],
                board=CalibrationBoard(**read_json(row["board"])),
                table=row["table_name"],
                residual_px=row["residual_px"],
                camera_height_mm=row["camera_height_mm"],
                check_mm=row["check_mm"],
                views_count=row["views_count"],
                dropped_count=row["dropped_count"],
                coverage_ratio=row["coverage_ratio"],
                newest=row["newest"],
            )
            for row in rows
        ]


STORES: dict[type, Callable[[asyncpg.Connection, str], object]] = {
    NamingStore: PostgresNamingStore,
    BankStore: PostgresBankStore,
    CalibrationStore: PostgresCalibrationStore,
}
