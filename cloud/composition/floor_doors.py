"""What the command line opens for the floor: stations' files, the authority's folders."""

from pathlib import Path
from typing import TYPE_CHECKING

from cloud.composition.core import compose_core
from cloud.interfaces.terminal.floor import FloorDoors
from cloud.settings import read_settings

if TYPE_CHECKING:
    from cloud.infrastructure.signing.authority_folders import RolloverView
    from cloud.interfaces.edge_intake.station_export import ImportReport


def floor_doors() -> FloorDoors:
    """Return the doors."""
    return FloorDoors(take=_take, rollover=_rollover)


async def _take(path: Path, organization: str) -> "ImportReport":
    from cloud.infrastructure.object_storage.picture_vault import ObjectPictureVault, open_store
    from cloud.infrastructure.postgres.station_border import PostgresStationBorder
    from cloud.infrastructure.system_time import SystemClock
    from cloud.interfaces.edge_intake.station_export import StationImport
    from cloud.stations.errors import ExportForeignError

    settings = read_settings()
    async with compose_core(settings) as core:
        found = await core.pool.fetchval(
            "SELECT organization_id FROM organizations WHERE code = $1", organization
        )
        if found is None:
            raise ExportForeignError("no organization has this short code", code=organization)
        # A folder of its own: the server may be taking the same picture at this moment.
        vault = ObjectPictureVault(
            open_store(settings.object_store_location), settings.home / "uploads-by-hand"
        )
        border = PostgresStationBorder(core.pool, core.database_url, SystemClock())
        return await StationImport(core.bus, core.authority, vault, border).take(path, found)


def _rollover(step: str, early: bool) -> "RolloverView":
    from cloud.infrastructure.signing.authority_folders import AuthorityFolders
    from cloud.infrastructure.system_time import SystemClock

    clock = SystemClock()
    folders = AuthorityFolders(read_settings().pki_folder)
    folders.begin(clock.now())
    if step == "announce":
        return folders.announce(clock.now())
    if step == "switch":
        return folders.switch(clock.now(), early=early)
    if step == "retire":
        return folders.retire(clock.now(), early=early)
    return folders.view()
