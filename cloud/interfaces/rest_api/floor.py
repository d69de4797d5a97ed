"""The floor: every station with the piece that is in work there."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter

from cloud.commands.bus import CommandBus
from cloud.interfaces.rest_api.access import Asker
from cloud.production.queries import CurrentPiece, FloorCounts, FloorPieces, FloorPiecesView
from cloud.stations.queries import ListStations, SnapshotView, StationView


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorStation:
    """A station and what happens there; today's numbers are counted as the whole floor's are."""

    station_id: str
    name: str
    title_ko: str
    title_en: str
    stages: tuple[str, ...]
    enrolled: bool
    online: bool
    last_seen_at: datetime | None
    snapshot: SnapshotView | None
    current_piece: CurrentPiece | None
    finished_today_count: int
    failed_today_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorView:
    """The floor; ``sequence`` is the event from which a live view goes on."""

    stations: tuple[FloorStation, ...]
    counts: FloorCounts
    sequence: int


def router(bus: CommandBus) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["floor"])

    @routes.get("/floor")
    async def floor(context: Asker) -> FloorView:
        """Return stations, the pieces in work and the counts."""
        # Pieces first: what stations say a moment later is told again by the live view.
        pieces: FloorPiecesView = await bus.ask(FloorPieces(), context)
        stations: tuple[StationView, ...] = await bus.ask(ListStations(), context)
        current = {piece.station_id: piece for piece in pieces.current}
        days = {day.station_id: day for day in pieces.days}
        return FloorView(
            stations=tuple(
                FloorStation(
                    station_id=station.station_id,
                    name=station.name,
                    title_ko=station.title_ko,
                    title_en=station.title_en,
                    stages=station.stages,
                    enrolled=station.enrolled,
                    online=station.online,
                    last_seen_at=station.last_seen_at,
                    snapshot=station.snapshot,
                    current_piece=current.get(station.station_id),
                    finished_today_count=day.finished_today_count if day else 0,
                    failed_today_count=day.failed_today_count if day else 0,
                )
                for station in stations
                for day in (days.get(station.station_id),)
            ),
            counts=pieces.counts,
            sequence=pieces.sequence,
        )

    return routes
