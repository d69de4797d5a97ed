"""Work orders and pieces in PostgreSQL."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime

import asyncpg

from cloud.infrastructure.postgres.floor_store import PostgresFloorStore
from cloud.infrastructure.postgres.production_rows import (
    GAPS,
    STAGES,
    decision_values,
    head_of,
    piece_of,
    run_values,
    spec_of,
    step_of,
    to_json,
)
from cloud.infrastructure.registry_files.stage_files import StageFiles
from cloud.infrastructure.spreadsheet_reader import OpenpyxlReader
from cloud.inspection.ports import Consequences
from cloud.production.consequences import PieceConsequences
from cloud.production.errors import WorkOrderInvalidError
from cloud.production.piece import Piece
from cloud.production.ports import (
    FloorStore,
    PieceStore,
    SpecOrigin,
    SpreadsheetReader,
    StageCatalogue,
    WorkOrderHead,
    WorkOrderParts,
    WorkOrderStore,
)
from cloud.production.queries import WorkOrderPage, WorkOrderSummary
from cloud.production.spec import Gap, Spec
from cloud.production.step import Step
from cloud.stations.ports import StageCodes

# A piece's facts as JSON, so that one statement reads any number of pieces.
_PIECES = """
SELECT p.piece_id, p.work_order_id, p.number, p.size, p.spec_version,
       (SELECT array_agg(s.spec_version) FROM specs s
         WHERE s.organization_id = p.organization_id
           AND s.work_order_id = p.work_order_id) AS versions,
       (SELECT coalesce(json_agg(r), '[]') FROM step_runs r
         WHERE r.organization_id = p.organization_id AND r.piece_id = p.piece_id) AS runs,
       (SELECT coalesce(json_agg(d ORDER BY d.position), '[]') FROM piece_decisions d
         WHERE d.organization_id = p.organization_id AND d.piece_id = p.piece_id) AS decisions
FROM pieces p
"""

# One piece.
_PIECE = _PIECES + "WHERE p.organization_id = $1 AND p.piece_id = $2"

# All pieces of some work orders, in their order.
_PIECES_OF = (
    _PIECES + "WHERE p.organization_id = $1 AND p.work_order_id = ANY($2) ORDER BY p.number"
)

# Keep others from changing a piece until the transaction ends.
_LOCK_PIECE = "SELECT 1 FROM pieces WHERE organization_id = $1 AND piece_id = $2 FOR UPDATE"

# The work order of a piece.
_HEAD_OF_PIECE = """
SELECT w.* FROM work_orders w JOIN pieces p USING (organization_id, work_order_id)
WHERE p.organization_id = $1 AND p.piece_id = $2
"""

# The ordered steps of some work orders.
_STEPS_OF = """
SELECT * FROM steps WHERE organization_id = $1 AND work_order_id = ANY($2)
ORDER BY work_order_id, position
"""

# All spec versions of some work orders, oldest first.
_SPECS_OF = """
SELECT *, lead(spec_version) OVER (PARTITION BY work_order_id ORDER BY version_number)
  AS next_version
FROM specs WHERE organization_id = $1 AND work_order_id = ANY($2)
ORDER BY work_order_id, version_number
"""

# One work order.
_HEAD = "SELECT * FROM work_orders WHERE organization_id = $1 AND work_order_id = $2"

# Some work orders.
_HEADS = """
SELECT * FROM work_orders WHERE organization_id = $1 AND work_order_id = ANY($2) ORDER BY number
"""

# Work orders with a piece still to be made, or with one that moved lately.
_OPEN_HEADS = """
SELECT w.* FROM work_orders w
WHERE w.organization_id = $1
  AND EXISTS (SELECT 1 FROM pieces p
              WHERE p.organization_id = w.organization_id AND p.work_order_id = w.work_order_id
                AND (p.state NOT IN ('DONE', 'SCRAPPED') OR p.changed_at > $2))
ORDER BY w.number
"""

# A page of work orders, newest first, with the counts of their pieces.
_PAGE = """
SELECT w.*, c.pieces_count, c.done_count, c.waiting_count
FROM work_orders w,
     LATERAL (SELECT count(*) AS pieces_count,
                     count(*) FILTER (WHERE p.state = 'DONE') AS done_count,
                     count(*) FILTER (WHERE p.state IN ('REVIEW', 'REWORK', 'QUARANTINE',
                                                        'ESCALATED')) AS waiting_count
                FROM pieces p
               WHERE p.organization_id = w.organization_id
                 AND p.work_order_id = w.work_order_id) c
WHERE w.organization_id = $1 AND ($2 = '' OR w.work_order_id < $2)
ORDER BY w.work_order_id DESC
LIMIT $3
"""

# Is the number in use?
_TAKEN = "SELECT 1 FROM work_orders WHERE organization_id = $1 AND number = $2"

_ADD_HEAD = """
INSERT INTO work_orders (organization_id, work_order_id, number, title_ko, title_en, style,
                         spec_version, rework_limit, due_at, created_at, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""

_ADD_SPEC = """
INSERT INTO specs (organization_id, spec_version, work_order_id, version_number, stages, based_on,
                   reason, inspection_id, gaps, created_at, created_by)
VALUES ($1, $2, $3, $4, $5::text::jsonb, $6, $7, $8, $9::text::jsonb, $10, $11)
"""

_ADD_STEP = """
INSERT INTO steps (organization_id, step_id, work_order_id, position, stage, title_ko, title_en,
                   requires_quality_check, guide)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::jsonb)
"""

_ADD_PIECE = """
INSERT INTO pieces (organization_id, piece_id, work_order_id, number, size, spec_version, state,
                    open_step_id, attempt, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

# The work order follows its newest spec version.
_FOLLOW_ORDER = """
UPDATE work_orders SET spec_version = $3 WHERE organization_id = $1 AND work_order_id = $2
"""

# So do the pieces that nobody has begun.
_FOLLOW_PIECES = """
UPDATE pieces p SET spec_version = $3, changed_at = $4
WHERE p.organization_id = $1 AND p.work_order_id = $2
  AND NOT EXISTS (SELECT 1 FROM step_runs r
                  WHERE r.organization_id = p.organization_id AND r.piece_id = p.piece_id)
"""

# A run with all that is known of it now; it was merged under the piece's lock.
_PUT_RUN = """
INSERT INTO step_runs (organization_id, piece_id, step_id, attempt, started_at, started_by,
                       start_station_id, start_spec_version, start_unconfirmed, finished_at,
                       finished_by, finish_station_id, finish_spec_version, finish_unconfirmed,
                       inspection_id, verdict, critical, started_err_ms, finished_err_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
ON CONFLICT (organization_id, piece_id, step_id, attempt) DO UPDATE SET
  started_at = excluded.started_at, started_by = excluded.started_by,
  start_station_id = excluded.start_station_id, start_spec_version = excluded.start_spec_version,
  start_unconfirmed = excluded.start_unconfirmed, finished_at = excluded.finished_at,
  finished_by = excluded.finished_by, finish_station_id = excluded.finish_station_id,
  finish_spec_version = excluded.finish_spec_version,
  finish_unconfirmed = excluded.finish_unconfirmed, inspection_id = excluded.inspection_id,
  verdict = excluded.verdict, critical = excluded.critical,
  started_err_ms = excluded.started_err_ms, finished_err_ms = excluded.finished_err_ms
"""

_ADD_DECISION = """
INSERT INTO piece_decisions (organization_id, piece_id, position, kind, step_id, attempt, verdict,
                             inspection_id, spec_version, reason, instruction_ko, instruction_en,
                             decided_by, decided_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
"""

# Where the piece stands, for quick lists.
_PUT_PLACE = """
UPDATE pieces SET spec_version = $3, state = $4, open_step_id = $5, attempt = $6,
                  instruction_ko = $7, instruction_en = $8, changed_at = $9
WHERE organization_id = $1 AND piece_id = $2
"""


class PostgresWorkOrderStore:
    """``WorkOrderStore`` in one transaction."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization = organization_id

    async def is_taken(self, number: str) -> bool:
        """Say whether a work order has this number."""
        return bool(await self._connection.fetchval(_TAKEN, self._organization, number))

    async def add(
        self, head: WorkOrderHead, spec: Spec, steps: tuple[Step, ...], pieces: tuple[Piece, ...]
    ) -> None:
        """Keep a new work order with its first spec version."""
        organization = self._organization
        await self._connection.execute(
            _ADD_HEAD,
            organization,
            head.work_order_id,
            head.number,
            head.title_ko,
            head.title_en,
            head.style,
            head.spec_version,
            head.rework_limit,
            head.due_at,
            head.created_at,
            head.created_by,
        )
        await self._insert_spec(spec, SpecOrigin(by=head.created_by, at=head.created_at))
        await self._connection.executemany(
            _ADD_STEP,
            [
                (
                    organization,
                    step.step_id,
                    head.work_order_id,
                    step.position,
                    step.stage,
                    step.title_ko,
                    step.title_en,
                    step.requires_quality_check,
                    to_json(step.guide),
                )
                for step in steps
            ],
        )
        await self._connection.executemany(
            _ADD_PIECE,
            [
                (
                    organization,
                    piece.piece_id,
                    head.work_order_id,
                    piece.number,
                    piece.size,
                    piece.spec_version,
                    piece.progress().state.value,
                    steps[0].step_id,
                    piece.progress().attempt,
                    head.created_at,
                )
                for piece in pieces
            ],
        )

    async def _insert_spec(self, spec: Spec, origin: SpecOrigin) -> None:
        await self._connection.execute(
            _ADD_SPEC,
            self._organization,
            spec.spec_version,
            spec.work_order_id,
            spec.version_number,
            to_json(spec.stages),
            origin.based_on or None,
            origin.reason,
            origin.inspection_id or None,
            to_json(origin.gaps),
            origin.at,
            origin.by,
        )

    async def spec(self, spec_version: str) -> Spec | None:
        """Return one spec version."""
        row = await self._connection.fetchrow(
            "SELECT * FROM specs WHERE organization_id = $1 AND spec_version = $2",
            self._organization,
            spec_version,
        )
        if row is None:
            return None
        return Spec(
            spec_version=row["spec_version"],
            work_order_id=row["work_order_id"],
            version_number=row["version_number"],
            stages=STAGES.validate_json(row["stages"]),
        )

    async def gaps(self, spec_version: str) -> tuple[Gap, ...]:
        """Return the gaps that a spec version answers."""
        found = await self._connection.fetchval(
            "SELECT gaps FROM specs WHERE organization_id = $1 AND spec_version = $2",
            self._organization,
            spec_version,
        )
        return GAPS.validate_json(found) if found else ()

    async def locked_head(self, work_order_id: str) -> WorkOrderHead | None:
        """Return a work order and keep others from changing it until the transaction ends."""
        row = await self._connection.fetchrow(
            _HEAD + " FOR UPDATE", self._organization, work_order_id
        )
        return head_of(row) if row else None

    async def add_spec(self, spec: Spec, origin: SpecOrigin) -> None:
        """Keep the next version; the order and its pieces that nobody began follow it."""
        await self._insert_spec(spec, origin)
        order, version = spec.work_order_id, spec.spec_version
        await self._connection.execute(_FOLLOW_ORDER, self._organization, order, version)
        await self._connection.execute(
            _FOLLOW_PIECES, self._organization, order, version, origin.at
        )

    async def page(self, cursor: str, limit: int) -> WorkOrderPage:
        """Return a page, newest first; the cursor is the last identifier of the page before."""
        if cursor and not cursor.startswith("wo_"):
            raise WorkOrderInvalidError("no such cursor", field="cursor")
        rows = await self._connection.fetch(_PAGE, self._organization, cursor, limit + 1)
        items = tuple(
            WorkOrderSummary(
                work_order_id=row["work_order_id"],
                number=row["number"],
                title_ko=row["title_ko"],
                title_en=row["title_en"],
                style=row["style"],
                spec_version=row["spec_version"],
                due_at=row["due_at"],
                created_at=row["created_at"],
                pieces_count=row["pieces_count"],
                done_count=row["done_count"],
                waiting_count=row["waiting_count"],
            )
            for row in rows[:limit]
        )
        more = len(rows) > limit
        return WorkOrderPage(items=items, next_cursor=items[-1].work_order_id if more else "")

    async def parts(self, work_order_id: str) -> WorkOrderParts | None:
        """Return one work order whole."""
        row = await self._connection.fetchrow(_HEAD, self._organization, work_order_id)
        return (await self._with_parts([head_of(row)]))[0] if row else None

    async def some_parts(self, work_order_ids: tuple[str, ...]) -> tuple[WorkOrderParts, ...]:
        """Return those of the named work orders that exist, whole, by number."""
        rows = await self._connection.fetch(_HEADS, self._organization, list(work_order_ids))
        return await self._with_parts([head_of(row) for row in rows])

    async def open_parts(self, since: datetime) -> tuple[WorkOrderParts, ...]:
        """Return, by number, orders with a piece to be made or one moved after ``since``."""
        rows = await self._connection.fetch(_OPEN_HEADS, self._organization, since)
        return await self._with_parts([head_of(row) for row in rows])

    async def _with_parts(self, heads: list[WorkOrderHead]) -> tuple[WorkOrderParts, ...]:
        ids = [head.work_order_id for head in heads]
        steps, specs, pieces = [
            await self._connection.fetch(sql, self._organization, ids)
            for sql in (_STEPS_OF, _SPECS_OF, _PIECES_OF)
        ]
        return tuple(
            _assembled(head, by_order(steps), by_order(specs), by_order(pieces)) for head in heads
        )


def by_order(rows: list[asyncpg.Record]) -> Mapping[str, list[asyncpg.Record]]:
    """Return rows by their work order."""
    found: dict[str, list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        found[row["work_order_id"]].append(row)
    return found


Rows = Mapping[str, list[asyncpg.Record]]


def _assembled(head: WorkOrderHead, steps: Rows, specs: Rows, pieces: Rows) -> WorkOrderParts:
    own_steps = tuple(step_of(row) for row in steps[head.work_order_id])
    return WorkOrderParts(
        head=head,
        steps=own_steps,
        specs=tuple(spec_of(row) for row in specs[head.work_order_id]),
        pieces=tuple(piece_of(row, head, own_steps) for row in pieces[head.work_order_id]),
    )


class PostgresPieceStore:
    """``PieceStore`` in one transaction."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization = organization_id

    async def find(self, piece_id: str) -> Piece | None:
        """Return a piece with all facts about it."""
        head = await self._connection.fetchrow(_HEAD_OF_PIECE, self._organization, piece_id)
        if head is None:
            return None
        order = head_of(head)
        steps = await self._connection.fetch(_STEPS_OF, self._organization, [order.work_order_id])
        row = await self._connection.fetchrow(_PIECE, self._organization, piece_id)
        return piece_of(row, order, tuple(map(step_of, steps))) if row else None

    async def locked(self, piece_id: str) -> Piece | None:
        """Return a piece and keep others from changing it until the transaction ends."""
        # A statement of its own: what is read after the wait must be what the other one wrote.
        if not await self._connection.fetchval(_LOCK_PIECE, self._organization, piece_id):
            return None
        return await self.find(piece_id)

    async def save(self, before: Piece, after: Piece, at: datetime) -> None:
        """Write the facts that ``after`` has and ``before`` had not, and where it stands."""
        changed = [run for key, run in after.runs.items() if before.runs.get(key) != run]
        for run in changed:
            await self._connection.execute(
                _PUT_RUN, self._organization, after.piece_id, *run_values(run)
            )
        for decision in after.decisions[len(before.decisions) :]:
            await self._connection.execute(
                _ADD_DECISION, self._organization, after.piece_id, *decision_values(decision)
            )
        progress = after.progress()
        await self._connection.execute(
            _PUT_PLACE,
            self._organization,
            after.piece_id,
            after.spec_version,
            progress.state.value,
            progress.step.step_id if progress.step else None,
            progress.attempt,
            progress.instruction_ko,
            progress.instruction_en,
            at,
        )


def _consequences(connection: asyncpg.Connection, organization_id: str) -> PieceConsequences:
    return PieceConsequences(
        PostgresPieceStore(connection, organization_id),
        PostgresFloorStore(connection, organization_id),
    )


_STAGE_FILES = StageFiles.of_checkout()
_SPREADSHEETS = OpenpyxlReader()

# Composition may put another StageCatalogue here, for a registry that lies elsewhere.
STORES: dict[type, Callable[[asyncpg.Connection, str], object]] = {
    WorkOrderStore: PostgresWorkOrderStore,
    PieceStore: PostgresPieceStore,
    FloorStore: PostgresFloorStore,
    Consequences: _consequences,
    StageCatalogue: lambda _connection, _organization: _STAGE_FILES,
    StageCodes: lambda _connection, _organization: _STAGE_FILES,
    SpreadsheetReader: lambda _connection, _organization: _SPREADSHEETS,
}
