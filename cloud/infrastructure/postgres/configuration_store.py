"""Stations' configurations in PostgreSQL, and what the stations made of them."""

import json
from collections.abc import Callable

import asyncpg

from cloud.infrastructure.registry_files.configuration_schema import FileConfigurationSchema
from cloud.stations.commands import CameraCapabilities, CameraControl, ConfigurationReport
from cloud.stations.ports import ConfigurationSchema, ConfigurationStore
from cloud.stations.queries import ConfigurationVersionView

_VERSIONS = """SELECT version, digest, document, saved_by, saved_at FROM station_configurations
               WHERE organization_id = $1 AND station_id = $2"""


class PostgresConfigurationStore:
    """Configurations of the stations of one organization."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def newest(self, station_id: str) -> ConfigurationVersionView | None:
        """Return what is wished of a station."""
        found = await self.versions(station_id, 1)
        return found[0] if found else None

    async def versions(self, station_id: str, limit: int) -> list[ConfigurationVersionView]:
        """Return what was ever wished, newest first."""
        rows = await self._connection.fetch(
            f"{_VERSIONS} ORDER BY version DESC LIMIT $3",
            self._organization_id,
            station_id,
            limit,
        )
        return [ConfigurationVersionView(**dict(row)) for row in rows]

    async def find(self, station_id: str, digest: str) -> ConfigurationVersionView | None:
        """Return a version by its digest."""
        row = await self._connection.fetchrow(
            f"{_VERSIONS} AND digest = $3 ORDER BY version DESC LIMIT 1",
            self._organization_id,
            station_id,
            digest,
        )
        return ConfigurationVersionView(**dict(row)) if row else None

    async def add(self, station_id: str, version: ConfigurationVersionView) -> None:
        """Keep a new version."""
        await self._connection.execute(
            """INSERT INTO station_configurations
                 (organization_id, station_id, version, digest, document, saved_by, saved_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7)""",
            self._organization_id,
            station_id,
            version.version,
            version.digest,
            version.document,
            version.saved_by,
            version.saved_at,
        )

    async def observed(
        self, station_id: str
    ) -> tuple[ConfigurationReport | None, CameraCapabilities | None]:
        """Return what the station last said of its configuration and its camera."""
        row = await self._connection.fetchrow(
            """SELECT observed_config AS digest, observed_config_wished AS wished,
                      observed_config_refusal AS refusal, observed_config_detail AS detail,
                      camera::text AS camera
               FROM station_wishes WHERE organization_id = $1 AND station_id = $2""",
            self._organization_id,
            station_id,
        )
        if row is None:
            return None, None
        facts = dict(row)
        camera = facts.pop("camera")
        return ConfigurationReport(**facts), _camera(camera) if camera else None


def _camera(stored: str) -> CameraCapabilities:
    facts = json.loads(stored)
    return CameraCapabilities(
        camera=facts["camera"],
        controls=tuple(CameraControl(**one) for one in facts["controls"]),
        sizes_px=tuple((width, height) for width, height in facts["sizes_px"]),
        profiles=tuple(facts["profiles"]),
        scanner_profiles=tuple(facts.get("scanner_profiles", ())),
        light_profiles=tuple(facts.get("light_profiles", ())),
    )


_SCHEMA = FileConfigurationSchema.of_checkout()

# Composition puts another schema here where the stations' files lie elsewhere.
STORES: dict[type, Callable[[asyncpg.Connection, str], object]] = {
    ConfigurationStore: PostgresConfigurationStore,
    ConfigurationSchema: lambda _connection, _organization: _SCHEMA,
}
