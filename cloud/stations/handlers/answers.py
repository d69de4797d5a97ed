"""What may be read about stations."""

from cloud.commands.ports import UnitOfWork
from cloud.stations.errors import MediaUnknownError
from cloud.stations.handlers.lookup import station_of, station_view
from cloud.stations.ports import DisputeStore, EnrolmentStore, MediaStore, StationStore
from cloud.stations.queries import (
    DisputeView,
    FindMedia,
    FindStation,
    ListDisputes,
    ListStations,
    MediaView,
    Standing,
    StationStanding,
    StationView,
)
from cloud.stations.station import StationStatus


async def list_stations(_query: ListStations, unit: UnitOfWork) -> tuple[StationView, ...]:
    """Return all stations that are not revoked."""
    now = unit.clock.now()
    rows = await unit.store(StationStore).everyone()
    return tuple(station_view(station, state, now) for station, state in rows)


async def find_station(query: FindStation, unit: UnitOfWork) -> StationView:
    """Return one station.

    Raises:
        StationUnknownError: no such station.
    """
    stations = unit.store(StationStore)
    station = await station_of(query.station_id, unit, revoked_too=True)
    return station_view(station, await stations.state(query.station_id), unit.clock.now())


async def station_standing(query: StationStanding, unit: UnitOfWork) -> Standing:
    """Say whether a station with this certificate is accepted."""
    station = await unit.store(StationStore).find(query.station_id)
    if station is None:
        return Standing(status="unknown", detail="no such station")
    if station.status is StationStatus.REVOKED:
        return Standing(status="revoked", detail="the station is shut out")
    if (
        await unit.store(EnrolmentStore).find_certificate(
            query.station_id, query.certificate_serial
        )
        is None
    ):
        return Standing(
            status="revoked", detail="the certificate was replaced or revoked", retired=True
        )
    return Standing(status="known", station_name=station.name)


async def list_disputes(query: ListDisputes, unit: UnitOfWork) -> tuple[DisputeView, ...]:
    """Return disputed facts, newest first."""
    limit = max(1, min(query.limit, 1000))
    return tuple(await unit.store(DisputeStore).newest(query.open_only, limit, query.before))


async def find_media(query: FindMedia, unit: UnitOfWork) -> MediaView:
    """Return a picture of the asker's organization.

    Raises:
        MediaUnknownError: there is none, or it belongs to others.
    """
    media = await unit.store(MediaStore).find(query.sha256)
    if media is None:
        raise MediaUnknownError("no such picture")
    return media
