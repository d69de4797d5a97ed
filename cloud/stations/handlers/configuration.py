"""What can be set at a station from afar."""

import hashlib
import json
from dataclasses import asdict

from cloud.commands.payload import canonical
from cloud.commands.ports import UnitOfWork
from cloud.stations.commands import ConfigurationReport, ConfigureStation
from cloud.stations.configuration import LARGEST_BYTES, check_devices, narrowed, without_gaps
from cloud.stations.errors import ConfigurationInvalidError, ConfigurationUnknownError
from cloud.stations.events import StationConfigured
from cloud.stations.handlers.lookup import acts_for_itself, station_of
from cloud.stations.ports import ConfigurationSchema, ConfigurationStore
from cloud.stations.queries import (
    ConfigurationFieldView,
    ConfigurationVersionView,
    FindStationConfiguration,
    ListStationConfigurations,
    StationConfigurationDocument,
    StationConfigurationView,
)
from cloud.stations.station import Station

_MOST_VERSIONS = 200


async def configure_station(
    command: ConfigureStation, unit: UnitOfWork
) -> StationConfigurationView:
    """Wish another configuration; one that is wished already changes nothing.

    Raises:
        StationUnknownError: no such station.
        StationRevokedError: it is shut out.
        ConfigurationInvalidError: too large, no JSON, or not what the schema says.
        ConfigurationProfileError: no such profile of a scanner or a light lies there.
        ConfigurationCameraLacksError: the camera has no such setting.
        ConfigurationBeyondCameraError: a value outside of the camera's range.
    """
    station = await station_of(command.station_id, unit, lock=True)
    store = unit.store(ConfigurationStore)
    document = _read(command.document)
    unit.store(ConfigurationSchema).check(document)
    _, camera = await store.observed(station.station_id)
    check_devices(document, camera)
    text = canonical(document)
    digest = hashlib.sha256(text.encode()).hexdigest()
    before = await store.newest(station.station_id)
    if before is None or before.digest != digest:
        saved = ConfigurationVersionView(
            version=1 if before is None else before.version + 1,
            digest=digest,
            document=text,
            saved_by=unit.context.user,
            saved_at=unit.clock.now(),
        )
        await store.add(station.station_id, saved)
        unit.record(
            StationConfigured(
                station_id=station.station_id,
                station_name=station.name,
                version=saved.version,
                digest=digest,
                saved_by=saved.saved_by,
            )
        )
    return await _view(station, unit)


def _read(text: str) -> dict[str, object]:
    if len(text.encode()) > LARGEST_BYTES:
        raise ConfigurationInvalidError(
            f"a configuration has at most {LARGEST_BYTES} bytes", field="document"
        )
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationInvalidError("the document is no JSON", field="document") from error
    if not isinstance(found, dict):
        raise ConfigurationInvalidError("the document is no JSON object", field="document")
    return without_gaps(found)


async def find_station_configuration(
    query: FindStationConfiguration, unit: UnitOfWork
) -> StationConfigurationView:
    """Return what is wished of a station and what became of it.

    Raises:
        StationUnknownError: no such station.
    """
    return await _view(await station_of(query.station_id, unit, revoked_too=True), unit)


async def list_station_configurations(
    query: ListStationConfigurations, unit: UnitOfWork
) -> tuple[ConfigurationVersionView, ...]:
    """Return every version, newest first.

    Raises:
        StationUnknownError: no such station.
    """
    station = await station_of(query.station_id, unit, revoked_too=True)
    limit = max(1, min(query.limit, _MOST_VERSIONS))
    return tuple(await unit.store(ConfigurationStore).versions(station.station_id, limit))


async def station_configuration_document(
    query: StationConfigurationDocument, unit: UnitOfWork
) -> bytes:
    """Return the bytes of a version that was wished of this very station.

    Raises:
        ForbiddenError: a station asks for another one's.
        ConfigurationUnknownError: there is no such version.
    """
    acts_for_itself(query.station_id, unit)
    found = await unit.store(ConfigurationStore).find(query.station_id, query.config_digest)
    if found is None:
        raise ConfigurationUnknownError("no such configuration", digest=query.config_digest)
    return found.document.encode()


async def _view(station: Station, unit: UnitOfWork) -> StationConfigurationView:
    store = unit.store(ConfigurationStore)
    newest = await store.newest(station.station_id)
    told, camera = await store.observed(station.station_id)
    fields = narrowed(unit.store(ConfigurationSchema).fields(), camera)
    standing = _standing(newest, told, online=station.is_online(unit.clock.now()))
    is_about_it = newest is not None and told is not None and told.wished == newest.digest
    return StationConfigurationView(
        station_id=station.station_id,
        station_name=station.name,
        version=newest.version if newest else 0,
        digest=newest.digest if newest else "",
        document=newest.document if newest else "{}",
        saved_by=newest.saved_by if newest else "",
        saved_at=newest.saved_at if newest else None,
        standing=standing,
        used_digest=told.digest if told else "",
        refusal=told.refusal if told and is_about_it else "",
        detail=told.detail if told and is_about_it else "",
        camera=camera.camera if camera else "",
        sizes_px=camera.sizes_px if camera else (),
        fields=tuple(ConfigurationFieldView(**asdict(one)) for one in fields),
    )


def _standing(
    newest: ConfigurationVersionView | None, told: ConfigurationReport | None, *, online: bool
) -> str:
    if newest is None:
        return "none"
    if told is not None and told.digest == newest.digest:
        return "applied"
    if told is not None and told.wished == newest.digest and told.refusal:
        return "refused"
    return "pending" if online else "away"
