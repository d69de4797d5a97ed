"""Stations and the floor: what stands where, who is there, what is in work."""

from dataclasses import dataclass, fields, replace

from fastapi import APIRouter

from cloud.commands.bus import CommandBus
from cloud.interfaces.rest_api.access import Asker
from cloud.production.queries import CurrentPiece, FloorCounts, FloorPieces, FloorPiecesView
from cloud.stations.commands import IssueJoinToken, RegisterStation, RevokeStation
from cloud.stations.queries import FindStation, IssuedJoinToken, ListStations, StationView


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinTokenRequest:
    """Which device may become the station, and for how long."""

    serial: str
    valid_s: int = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationRequest:
    """Why a station is shut out."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorStation(StationView):
    """A station with the piece that is in work there."""

    current_piece: CurrentPiece | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorView:
    """The whole floor; ``sequence`` is the event from which live updates go on."""

    stations: tuple[FloorStation, ...]
    counts: FloorCounts
    sequence: int


def router(bus: CommandBus) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["stations"])

    @routes.get("/floor")
    async def floor(context: Asker) -> FloorView:
        """Return every station with its piece, and how many pieces are where."""
        # Pieces first: what happens between the two questions comes again as a live event.
        pieces: FloorPiecesView = await bus.ask(FloorPieces(), context)
        found: tuple[StationView, ...] = await bus.ask(ListStations(), context)
        return _floor(pieces, found)

    @routes.get("/stations")
    async def stations(context: Asker) -> list[StationView]:
        """Return every station that is not shut out."""
        return list(await bus.ask(ListStations(), context))

    @routes.get("/stations/{station_id}")
    async def station(station_id: str, context: Asker) -> StationView:
        """Return one station."""
        found: StationView = await bus.ask(FindStation(station_id=station_id), context)
        return found

    @routes.post("/stations", status_code=201)
    async def register(body: RegisterStation, context: Asker) -> StationView:
        """Give a station a name and the stages that it takes."""
        registered: StationView = await bus.send(body, context)
        return registered

    @routes.post("/stations/{station_id}/join-tokens", status_code=201)
    async def join_token(
        station_id: str, body: JoinTokenRequest, context: Asker
    ) -> IssuedJoinToken:
        """Make a one-time token for one device; it is told here and never again."""
        command = IssueJoinToken(station_id=station_id, serial=body.serial, valid_s=body.valid_s)
        # A stored answer would keep the secret in the clear; asked again, there is a new one.
        issued: IssuedJoinToken = await bus.send(command, replace(context, idempotency_key=None))
        return issued

    @routes.post("/stations/{station_id}/revocation", status_code=204)
    async def revoke(station_id: str, body: RevocationRequest, context: Asker) -> None:
        """Shut a station out for good."""
        await bus.send(RevokeStation(station_id=station_id, reason=body.reason), context)

    return routes


def _floor(pieces: FloorPiecesView, stations: tuple[StationView, ...]) -> FloorView:
    current = {piece.station_id: piece for piece in pieces.current}
    return FloorView(
        stations=tuple(
            FloorStation(
                **{field.name: getattr(station, field.name) for field in fields(StationView)},
                current_piece=current.get(station.station_id),
            )
            for station in stations
        ),
        counts=pieces.counts,
        sequence=pieces.sequence,
    )
