"""Stations: what stands where, and which device may become one."""

import json
from dataclasses import dataclass, replace

from fastapi import APIRouter, Request, Response

from cloud.commands.bus import CommandBus
from cloud.interfaces.rest_api.access import Asker
from cloud.interfaces.rest_api.conditional import Expected, tagged
from cloud.interfaces.rest_api.pages import Paged
from cloud.stations.commands import (
    AskForStationLogs,
    ConfigureStation,
    IssueJoinToken,
    RegisterStation,
    RevokeStation,
)
from cloud.stations.queries import (
    ConfigurationVersionView,
    FindStation,
    FindStationConfiguration,
    FindStationLogs,
    IssuedJoinToken,
    ListStationConfigurations,
    ListStations,
    StationConfigurationView,
    StationLogsView,
    StationView,
)


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
class ConfigurationRequest:
    """The whole configuration: sections of settings; what it leaves open the station decides."""

    document: dict[str, dict[str, bool | int | float | str | None]]


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

    @routes.get("/stations/{station_id}/configuration", response_model=StationConfigurationView)
    async def configuration(station_id: str, context: Asker, request: Request) -> Response:
        """Return what is wished of a station's settings and what became of it.

        Its ETag is that of the wish, not of what the station makes of it.
        """
        found = await bus.ask(FindStationConfiguration(station_id=station_id), context)
        return tagged(found, request, _wish_of)

    @routes.put("/stations/{station_id}/configuration")
    async def configure(
        station_id: str, body: ConfigurationRequest, context: Asker, expected: Expected
    ) -> StationConfigurationView:
        """Wish another configuration of a station; If-Match is needed."""
        command = ConfigureStation(station_id=station_id, document=_as_json(body.document))
        question = FindStationConfiguration(station_id=station_id)
        wished: StationConfigurationView = await bus.send(
            command, context, expected.of(question, needed=True, facts=_wish_of)
        )
        return wished

    @routes.get("/stations/{station_id}/configuration/versions")
    async def versions(
        station_id: str, context: Asker, turn: Paged
    ) -> list[ConfigurationVersionView]:
        """Return every configuration that was ever wished of a station, newest first."""
        query = ListStationConfigurations(station_id=station_id)
        return turn.page(await bus.ask(query, context), _number_of, is_sorted=True)

    _add_logs(routes, bus)
    return routes


def _add_logs(routes: APIRouter, bus: CommandBus) -> None:
    @routes.post("/stations/{station_id}/logs", status_code=202)
    async def ask_for_logs(station_id: str, context: Asker) -> StationLogsView:
        """Ask a station for its newest warnings and errors; the answer comes by itself."""
        asked: StationLogsView = await bus.send(AskForStationLogs(station_id=station_id), context)
        return asked

    @routes.get("/stations/{station_id}/logs")
    async def logs(station_id: str, context: Asker) -> StationLogsView:
        """Return what a station answered last, oldest line first."""
        found: StationLogsView = await bus.ask(FindStationLogs(station_id=station_id), context)
        return found


def _as_json(document: dict[str, dict[str, bool | int | float | str | None]]) -> str:
    """Return the document as text; numbers that JSON does not have are refused by the reader."""
    return json.dumps(document, ensure_ascii=False)


def _number_of(one: ConfigurationVersionView) -> str:
    return str(one.version)


def _wish_of(found: StationConfigurationView) -> tuple[int, str]:
    return (found.version, found.digest)


def _settings_of(station: StationView) -> StationView:
    return replace(station, online=False, last_seen_at=None, snapshot=None)
