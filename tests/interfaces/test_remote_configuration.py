"""A setting made at the dashboard takes effect at the station, or comes back with the reason."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres.outbox_relay import OutboxRelay
from cloud.stations.queries import StationView
from edge.capture.address import parse_camera
from edge.capture.capabilities import CameraCapabilities
from edge.infrastructure.camera_desk import CameraDesk, open_camera
from edge.infrastructure.configuration_courier import ConfigurationCourier
from edge.infrastructure.configuration_files import ConfigurationFolder
from edge.infrastructure.configuration_watch import Configurable, ConfigurationWatch
from edge.infrastructure.ending_tasks import end_tasks
from edge.infrastructure.grpc_fleet import FleetAgent
from edge.infrastructure.package_store import PackageStore
from tests.fakes.intake import Device, IntakeWorld, intake_over
from tests.interfaces.test_station_routes import client_of

pytestmark = [pytest.mark.requirement("FLT"), pytest.mark.timeout(90)]


@pytest.fixture
async def world(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[IntakeWorld]:
    async with (
        intake_over(database, tmp_path / "cloud") as opened,
        OutboxRelay(opened.core.pool, database.app, [opened.desired]),
    ):
        yield opened


async def eventually(condition: Callable[[], Awaitable[Any]], within_s: float = 40.0) -> Any:
    deadline = asyncio.get_running_loop().time() + within_s
    while not (found := await condition()):
        assert asyncio.get_running_loop().time() < deadline, "it did not come"
        await asyncio.sleep(0.05)
    return found


@dataclass
class Floor:
    """A station's two processes, its agent and its camera, in this one."""

    desk: CameraDesk
    folder: ConfigurationFolder

    async def shade(self) -> float:
        return float((await self.desk.capture(5)).pixels.mean())


def with_profiles(camera: CameraCapabilities | None) -> CameraCapabilities | None:
    """What the station says of its camera, and of the files that lie beside it."""
    lying = {"scanner_profiles": ("hid-generic",), "light_profiles": ("table-5000k",)}
    return camera and replace(camera, **lying)


@asynccontextmanager
async def floor_of(
    world: IntakeWorld, station: StationView, device: Device, home: Path
) -> AsyncIterator[Floor]:
    pictures = home / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    grey = np.full((40, 60, 3), 60, dtype=np.uint8)
    (pictures / "1.png").write_bytes(cv2.imencode(".png", grey)[1].tobytes())
    address = parse_camera(f"replay:{pictures}?exposure_us=8000")
    desk = CameraDesk(address, lambda a: open_camera(Path(), a))
    desk.open()
    folder = ConfigurationFolder(home / "configuration")
    watch = ConfigurationWatch(
        folder,
        Configurable(
            capabilities=lambda: with_profiles(desk.capabilities()),
            apply=lambda one: desk.configure(one.camera.profile or "", one.camera_settings()),
            is_idle=lambda: True,
        ),
    )
    watch.start()
    agent = FleetAgent(
        PackageStore(home / "packages"), lambda: station.station_id, ConfigurationCourier(folder)
    )
    async with world.channel(device) as channel:
        tasks = [asyncio.create_task(agent.run(channel)), asyncio.create_task(watch.run())]
        try:
            yield Floor(desk=desk, folder=folder)
        finally:
            await end_tasks(tasks)
            desk.close()


async def wished_of(client: httpx.AsyncClient, station_id: str) -> dict[str, Any]:
    answer = await client.get(f"/stations/{station_id}/configuration")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def configure(
    client: httpx.AsyncClient, station_id: str, document: object, tag: str | None = None
) -> httpx.Response:
    at = f"/stations/{station_id}/configuration"
    tag = tag or (await client.get(at)).headers["ETag"]
    return await client.put(at, json={"document": document}, headers={"If-Match": tag})


async def test_an_exposure_set_from_afar_brightens_the_stations_pictures(
    world: IntakeWorld, tmp_path: Path
) -> None:
    station, device = await world.enrolled()
    async with (
        client_of(world, "ours") as client,
        floor_of(world, station, device, tmp_path / "floor") as floor,
    ):

        async def standing(wanted: str) -> dict[str, Any] | None:
            found = await wished_of(client, station.station_id)
            return found if found["standing"] == wanted and found["fields"] else None

        async def known() -> bool:
            return bool((await wished_of(client, station.station_id))["camera"])

        assert (await wished_of(client, station.station_id))["standing"] == "none"
        dark = await floor.shade()
        await eventually(known)
        first = await configure(client, station.station_id, {"camera": {"exposure_us": 16000}})
        assert first.status_code == 200, first.text
        applied = await eventually(lambda: standing("applied"))
        assert await floor.shade() > dark * 1.3
        (exposure,) = [one for one in applied["fields"] if one["name"] == "exposure_us"]
        assert (exposure["minimum"], exposure["maximum"]) == (500, 128_000)
        # What the cloud knows of the camera is refused before anything is kept.
        beyond = await configure(client, station.station_id, {"camera": {"exposure_us": 200_000}})
        told = beyond.json()["error"]
        assert (beyond.status_code, told["code"]) == (422, "CONFIGURATION_BEYOND_CAMERA")
        assert told["details"]["field"] == "camera.exposure_us"
        assert told["details"]["maximum"] == 128_000
        assert "범위" in told["message"]
        lacks = await configure(client, station.station_id, {"camera": {"focus": 3}})
        assert lacks.json()["error"]["code"] == "CONFIGURATION_CAMERA_LACKS"
        (profile,) = [
            one
            for one in applied["fields"]
            if (one["section"], one["name"]) == ("light", "profile")
        ]
        assert (profile["kind"], profile["choices"]) == ("choice", ["table-5000k"])
        strange = await configure(client, station.station_id, {"light": {"profile": "night"}})
        told = strange.json()["error"]
        assert (strange.status_code, told["code"]) == (422, "CONFIGURATION_NO_SUCH_PROFILE")
        assert told["details"]["expected"] == ["table-5000k"]
        assert (await wished_of(client, station.station_id))["version"] == 1
        back = await configure(client, station.station_id, {})
        assert (back.json()["version"], back.json()["document"]) == (2, "{}")
        await eventually(lambda: standing("applied"))
        assert await floor.shade() == dark
        versions = await client.get(f"/stations/{station.station_id}/configuration/versions")
        assert [one["version"] for one in versions.json()] == [2, 1]
    events = await world.rows("SELECT type FROM events ORDER BY sequence")
    assert {"station_configured", "station_configuration_reported"} <= {e["type"] for e in events}
