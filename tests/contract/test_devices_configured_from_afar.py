"""Profiles of scanner and light, and a share of the disk: used from afar, or refused whole."""

import asyncio
import hashlib
import json
import os
import shutil
from pathlib import Path
from time import sleep
from types import SimpleNamespace

import pytest

from cloud.stations.commands import CameraCapabilities
from cloud.stations.configuration import ConfigurationField, check_devices, narrowed
from cloud.stations.errors import ConfigurationProfileError as RefusedByCloud
from edge.composition.configuration import wished_devices
from edge.infrastructure.configuration_document import StationConfiguration, parse_configuration
from edge.infrastructure.configuration_files import ConfigurationFolder, Configured
from edge.infrastructure.configuration_tuning import OwnBounds, partition_bytes, pictures_bytes
from edge.infrastructure.configuration_watch import Configurable, ConfigurationWatch
from edge.infrastructure.scanners import ScannerDesk
from edge.infrastructure.station_loops import StationLoops
from edge.scanning.address import ScannerAddress, parse_scanner
from edge.station.errors import ConfigurationProfileError

pytestmark = pytest.mark.requirement("FLT", "DEP")
FILES = Path(__file__).parents[2] / "firmware-config"
OWN = ScannerAddress(kind="none")


def wished(document: object) -> StationConfiguration:
    return parse_configuration(json.dumps(document).encode())


def test_a_scanners_profile_names_its_address_and_without_one_the_stations_own_holds() -> None:
    named = wished_devices(FILES, OWN, wished({"scanning": {"profile": "serial-generic"}}))
    assert named.scanner == parse_scanner("serial:/dev/kyndof-scanner?baud=9600")
    assert wished_devices(FILES, OWN, wished({})).scanner == OWN


def test_a_lights_profile_says_how_the_lamp_shows_each_colour() -> None:
    named = wished_devices(FILES, OWN, wished({"light": {"profile": "table-5000k"}}))
    assert named.signals["red"] == "steady"
    assert wished_devices(FILES, OWN, wished({})).signals == {}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FILES, tmp_path / "firmware-config"))


@pytest.mark.parametrize(
    ("document", "file", "content"),
    [
        ({"scanning": {"profile": "night"}}, "", ""),
        ({"light": {"profile": "night"}}, "", ""),
        ({"scanning": {"profile": "torn"}}, "scanners/torn.yml", "kind: [hid"),
        ({"light": {"profile": "torn"}}, "lights/torn.yml", "title_ko: 조명"),
        ({"light": {"profile": "torn"}}, "lights/torn.yml", "\x00"),
    ],
)
def test_a_profile_that_is_missing_or_wrong_is_refused_and_the_old_document_stays(
    files: Path, tmp_path: Path, document: object, file: str, content: str
) -> None:
    if file:
        (files / file).write_text(content, "utf-8")
    used: list[StationConfiguration] = []
    folder = ConfigurationFolder(tmp_path / "configuration")
    watch = ConfigurationWatch(
        folder,
        Configurable(
            capabilities=lambda: None,
            apply=used.append,
            is_idle=lambda: True,
            check=lambda one: wished_devices(files, OWN, one) and None,
        ),
    )
    watch.start()
    for generation, one in ((1, {"log": {"level": "INFO"}}), (2, document)):
        text = json.dumps(one).encode()
        digest = hashlib.sha256(text).hexdigest()
        folder.wish(
            Configured(station_id="sta_1", generation=generation, digest=digest, document=text)
        )
        watch.look()
    report = folder.report()
    assert (report.wished, report.refusal) == (digest, "CONFIGURATION_NO_SUCH_PROFILE")
    assert report.digest != digest
    assert len(used) == 1
    with pytest.raises(ConfigurationProfileError):
        wished_devices(files, OWN, wished(document))


TOLD = CameraCapabilities(
    camera="none", scanner_profiles=("hid-generic",), light_profiles=("table-5000k",)
)


def test_the_cloud_offers_what_lies_at_the_station_and_refuses_the_rest_early() -> None:
    fields = tuple(
        ConfigurationField(section=section, name="profile", kind="text")
        for section in ("scanning", "light")
    )
    assert [one.choices for one in narrowed(fields, TOLD)] == [("hid-generic",), ("table-5000k",)]
    assert narrowed(fields, None) == ()
    check_devices({"scanning": {"profile": "hid-generic"}}, TOLD)
    with pytest.raises(RefusedByCloud) as refused:
        check_devices({"light": {"profile": "night"}}, TOLD)
    assert refused.value.code == "CONFIGURATION_NO_SUCH_PROFILE"
    # A station that has not spoken yet decides by itself.
    check_devices({"light": {"profile": "night"}}, None)


@pytest.mark.parametrize(
    ("disk", "bound"),
    [
        ({}, 4096 << 20),
        ({"pictures_max_mb": 100}, 100 << 20),
        ({"pictures_max_ratio": 0.1}, 1_000_000_000),
        ({"pictures_max_ratio": 0.9}, 4096 << 20),
        ({"pictures_max_mb": 2000, "pictures_max_ratio": 0.1}, 1_000_000_000),
    ],
)
def test_of_size_and_share_the_smaller_bounds_the_pictures(disk: object, bound: int) -> None:
    own = OwnBounds(
        media_max_mb=4096, retention_h=24, log_level="INFO", partition_bytes=10_000_000_000
    )
    assert pictures_bytes(wished({"disk": disk}), own) == bound


def test_a_partition_that_cannot_be_asked_leaves_the_bound_in_mb(tmp_path: Path) -> None:
    own = OwnBounds(
        media_max_mb=16,
        retention_h=24,
        log_level="INFO",
        partition_bytes=partition_bytes(tmp_path / "missing"),
    )
    assert pictures_bytes(wished({"disk": {"pictures_max_ratio": 0.01}}), own) == 16 << 20
    assert partition_bytes(tmp_path) > 0


async def test_another_scanner_is_read_as_soon_as_it_is_named(tmp_path: Path) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    desk = ScannerDesk(
        parse_scanner(f"hid:{tmp_path / 'first'}"), lambda text, _: heard.put_nowait(text)
    )
    async with asyncio.timeout(30):
        reading = asyncio.create_task(desk.run())
        for name in ("first", "second", "first"):
            address = parse_scanner(f"hid:{tmp_path / name}")
            # The configuration is applied in a thread.
            await asyncio.to_thread(desk.configure, address)
            await asyncio.to_thread(type_into, tmp_path / name, f"KY1:{name}")
            assert await heard.get() == f"KY1:{name}"
            assert desk.plugged()
        await asyncio.to_thread(desk.configure, OWN)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading


def type_into(fifo: Path, text: str) -> None:
    """Wait until somebody reads, as a scanner's program would."""
    while True:
        try:
            descriptor = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            sleep(0.01)
            continue
        os.write(descriptor, f"{text}\n".encode())
        os.close(descriptor)
        return


def test_the_wish_for_the_light_says_how_the_lamp_shows_it() -> None:
    shown: list[tuple[str, ...]] = []
    producer = SimpleNamespace(show_light=lambda *wish: shown.append(wish))
    state = SimpleNamespace(phase="capturing", refusal=None, shown=None)
    loops = StationLoops(SimpleNamespace(state=state), SimpleNamespace(producer=producer))
    loops._light()
    loops.signals = {"blue": "blink"}
    loops._light()
    loops._light()
    assert shown == [("blue", "capturing", ""), ("blue", "capturing", "blink")]
