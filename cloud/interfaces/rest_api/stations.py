"""Stations: what stands where, and which device may become one."""

from dataclasses import dataclass, replace

from fastapi import APIRouter, Request, Response

from cloud.commands.bus import CommandBus
from cloud.interfaces.rest_api.access import Asker
from cloud.interfaces.rest_api.conditional import Expected, tagged
from cloud.interfaces.rest_api.pages import Paged
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


def router(bus: CommandBus) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["stations"])

    @routes.get("/stations")
    async def stations(context: Asker, turn: Paged) -> list[StationView]:
        """Return every station that is not shut out, by name."""
        return turn.page(await bus.ask(ListStations(), context), lambda s: s.name)

    @routes.get("/stations/{station_id}", response_model=StationView)
    async def station(station_id: str, context: Asker, request: Request) -> Response:
        """Return one station; its ETag is that of its settings, not of what it shows just now."""
        found = await bus.ask(FindStation(station_id=station_id), context)
        return tagged(found, request, _settings_of)

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
    async def revoke(
        station_id: str, body: RevocationRequest, context: Asker, expected: Expected
    ) -> None:
        """Shut a station out for good."""
        await bus.send(
            RevokeStation(station_id=station_id, reason=body.reason),
            context,
            expected.of(FindStation(station_id=station_id), facts=_settings_of),
        )

    return routes


def _settings_of(station: StationView) -> StationView:
    return replace(station, online=False, last_seen_at=None, snapshot=None)
