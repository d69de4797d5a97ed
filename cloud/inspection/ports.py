"""What inspection needs of the outside."""

from datetime import datetime
from typing import Protocol

from cloud.events.event import DomainEvent
from cloud.inspection.commands import CorrectInspection, RecordInspection
from cloud.inspection.inspected_piece import PersonsVerdict, PiecePlace
from cloud.inspection.queries import InspectionView


class InspectionStore(Protocol):
    """Keeps inspections and corrections of one organization."""

    async def add(self, record: RecordInspection, critical: bool, at: datetime) -> bool:
        """Keep the record; False when its identifier is kept already."""
        ...

    async def find(self, inspection_id: str) -> InspectionView | None:
        """Return one inspection."""
        ...

    async def of_piece(self, piece_id: str) -> tuple[InspectionView, ...]:
        """Return a piece's inspections, oldest first."""
        ...

    async def of_pieces(self, piece_ids: tuple[str, ...]) -> tuple[InspectionView, ...]:
        """Return the inspections of some pieces, oldest first."""
        ...

    async def correct(self, correction: CorrectInspection, by: str, at: datetime) -> None:
        """Append a person's word to an inspection."""
        ...


class Consequences(Protocol):
    """What an inspection means for the piece on its way; production answers."""

    async def place(self, record: RecordInspection) -> PiecePlace:
        """Return the piece's names.

        Raises an error of production when the organization has no such piece or step.
        """
        ...

    async def recorded(
        self, record: RecordInspection, critical: bool, at: datetime
    ) -> tuple[DomainEvent, ...]:
        """Let the piece know of a machine's record; return the facts that follow."""
        ...

    async def decided(self, word: PersonsVerdict) -> tuple[DomainEvent, ...]:
        """Let the piece go on or come back by a person's word; return the facts that follow."""
        ...
