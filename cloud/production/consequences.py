"""What an inspection means for the piece on its way; inspection asks by its own port."""

from collections.abc import Callable
from datetime import datetime

from cloud.events.event import DomainEvent
from cloud.inspection.commands import RecordInspection
from cloud.inspection.inspected_piece import PersonsVerdict, PiecePlace
from cloud.production.change import facts_between
from cloud.production.errors import (
    AttemptUnknownError,
    PieceUnknownError,
    SpecVersionUnknownError,
    StageMismatchError,
    StepUnknownError,
)
from cloud.production.piece import Decision, DecisionKind, Piece
from cloud.production.ports import FloorStore, PieceStore


class PieceConsequences:
    """Moves the piece as far as an inspection or a person's verdict lets it go."""

    def __init__(self, pieces: PieceStore, floor: FloorStore) -> None:
        self._pieces = pieces
        self._floor = floor

    async def place(self, record: RecordInspection) -> PiecePlace:
        """Return the piece's names; refuse a piece, step, attempt or version that is not there."""
        piece = await self._pieces.find(record.piece_id)
        if piece is None:
            raise PieceUnknownError(f"no piece {record.piece_id}", piece_id=record.piece_id)
        step = piece.step(record.step_id)
        if step is None:
            raise StepUnknownError(f"no step {record.step_id}", step_id=record.step_id)
        if step.stage != record.stage:
            raise StageMismatchError(
                f"the step is {step.stage}, not {record.stage}",
                expected=step.stage,
                actual=record.stage,
            )
        if record.attempt > piece.attempt_of(step):
            raise AttemptUnknownError(
                f"attempt {record.attempt} was never opened",
                attempt=record.attempt,
                open_attempt=piece.attempt_of(step),
            )
        if record.spec_version not in piece.known_versions:
            raise SpecVersionUnknownError(
                f"no spec version {record.spec_version}", spec_version=record.spec_version
            )
        return PiecePlace(
            piece_number=piece.number,
            work_order_id=piece.work_order_id,
            work_order_number=piece.work_order_number,
            station_name=await self._floor.station_name(record.station_id),
        )

    async def recorded(
        self, record: RecordInspection, critical: bool, at: datetime
    ) -> tuple[DomainEvent, ...]:
        """Tell a finish that came before its inspection whether that was critical."""
        if not critical:
            return ()
        return await self._change(
            record.piece_id, at, lambda piece: piece.with_criticality(record.inspection_id, True)
        )

    async def decided(self, word: PersonsVerdict) -> tuple[DomainEvent, ...]:
        """Let a person's verdict count for the inspected attempt.

        A word on an inspection that another one of the same attempt replaced changes no piece.
        """

        def changed(piece: Piece) -> Piece:
            run = piece.runs.get((word.step_id, word.attempt))
            if run is not None and run.finish and run.finish.inspection_id != word.inspection_id:
                return piece
            return piece.with_decision(
                Decision(
                    position=piece.next_decision,
                    kind=DecisionKind.VERDICT,
                    step_id=word.step_id,
                    attempt=word.attempt,
                    reason=word.reason,
                    by=word.by,
                    at=word.at,
                    verdict=word.verdict,
                    inspection_id=word.inspection_id,
                )
            )

        return await self._change(word.piece_id, word.at, changed)

    async def _change(
        self, piece_id: str, at: datetime, change: Callable[[Piece], Piece]
    ) -> tuple[DomainEvent, ...]:
        before = await self._pieces.locked(piece_id)
        if before is None:
            raise PieceUnknownError(f"no piece {piece_id}", piece_id=piece_id)
        after = change(before)
        if after == before:
            return ()
        await self._pieces.save(before, after, at)
        return facts_between(before, after)
