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
from edge.capture.capabilities import CameraCapabilities as Camera
from edge.composition.configuration import wished_devices
from edge.infrastructure.configuration_document import StationConfiguration, parse_configuration
from edge.infrastructure.configuration_files import ConfigurationFolder, Configured
from edge.infrastructure.configuration_tuning import OwnBounds, partition_bytes, pictures_bytes
from edge.infrastructure.configuration_watch import Configurable, ConfigurationWatch
from edge.infrastructure.scanners import ScannerDesk
from edge.infrastructure.station_files import CloudLinkReport
from edge.infrastructure.station_loops import StationLoops
from edge.scanning.address import ScannerAddress, parse_scanner
from edge.station.errors import ConfigurationProfileError
from tests.fakes.workstation import Stand

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


@pytest.mark.parametrize("kind", ["scanning", "light"])
def test_a_profile_in_use_that_a_release_takes_away_is_told_until_another_is_wished(
    files: Path, tmp_path: Path, kind: str
) -> None:
    folder = ConfigurationFolder(tmp_path / "configuration")
    name, file = {
        "scanning": ("serial-generic", "scanners/serial-generic.yml"),
        "light": ("table-5000k", "lights/table-5000k.yml"),
    }[kind]

    def started() -> ConfigurationWatch:
        watch = ConfigurationWatch(
            folder,
            Configurable(
                capabilities=lambda: None,
                apply=lambda one: wished_devices(files, OWN, one) and None,
                is_idle=lambda: True,
                check=lambda one: wished_devices(files, OWN, one) and None,
            ),
        )
        watch.start()
        return watch

    def wish(document: object, generation: int) -> None:
        text = json.dumps(document).encode()
        digest = hashlib.sha256(text).hexdigest()
        folder.wish(
            Configured(station_id="sta_1", generation=generation, digest=digest, document=text)
        )

    watch = started()
    wish({kind: {"profile": name}}, 1)
    watch.look()
    assert watch.trouble() == ""
    (files / file).unlink()
    after_release = started()
    after_release.look()
    assert f"no profile '{name}'" in after_release.trouble()
    assert folder.report().refusal == "CONFIGURATION_NO_SUCH_PROFILE"
    wish({}, 2)
    after_release.look()
    assert after_release.trouble() == ""


def test_a_cameras_profile_that_a_release_takes_away_is_told(tmp_path: Path) -> None:
    folder = ConfigurationFolder(tmp_path / "configuration")
    text = json.dumps({"camera": {"profile": "v4l2"}}).encode()
    digest = hashlib.sha256(text).hexdigest()
    wished_one = Configured(station_id="sta_1", generation=1, digest=digest, document=text)
    folder.wish(wished_one)
    for profiles, told in ((("v4l2",), ""), ((), "no profile v4l2 lies at the station")):
        camera = Camera(camera="v4l2:0", controls={}, sizes_px=(), profiles=profiles)
        watch = ConfigurationWatch(
            folder,
            Configurable(
                capabilities=lambda one=camera: one,
                apply=lambda _one: None,
                is_idle=lambda: True,
            ),
        )
        watch.start()
        watch.look()
        assert watch.trouble() == told


async def test_what_the_agent_and_the_configuration_tell_become_alarms_that_are_written_down() -> (
    None
):
    stand = Stand()
    taken_back = "two failed 3 times (signal); one was put back"
    told = CloudLinkReport(faults={"events_unaccounted": "3", "from_a_later_agent": "x"})
    around = SimpleNamespace(
        files=SimpleNamespace(
            new_identity=lambda: (False, None),
            new_package=lambda: None,
            cloud_link=lambda: told,
            release_taken_back=lambda: taken_back,
        ),
        desk=SimpleNamespace(open=lambda: None, trouble=lambda: None, trouble_detail=""),
        producer=SimpleNamespace(connected=True, show_light=lambda *_wish: None),
        scanner_plugged=lambda: True,
    )
    loops = StationLoops(stand.station, around)
    loops.configuration_trouble = lambda: "no profile"
    await loops._look()
    assert {"events_unaccounted", "configuration_unusable"} <= set(stand.station.alarms.codes())
    assert "from_a_later_agent" not in stand.station.alarms.codes()
    raised = {one.code: one.detail for one in stand.station.alarms.unwritten()}
    assert raised == {
        "events_unaccounted": "3",
        "configuration_unusable": "no profile",
        "release_taken_back": taken_back,
    }
    told, taken_back = CloudLinkReport(), ""
    loops.configuration_trouble = str
    await loops._look()
    assert "events_unaccounted" not in stand.station.alarms.codes()
    assert "configuration_unusable" not in stand.station.alarms.codes()
    assert "release_taken_back" not in stand.station.alarms.codes()
