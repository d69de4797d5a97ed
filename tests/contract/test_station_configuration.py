"""A wished configuration is used whole or refused with a reason; the old one stays."""

import contextlib
import hashlib
import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path

import pytest

from cloud.infrastructure.registry_files.configuration_schema import FileConfigurationSchema
from cloud.stations.errors import ConfigurationInvalidError as RefusedByCloud
from edge.capture.capabilities import CameraCapabilities, ControlRange
from edge.capture.errors import CameraSettingsError
from edge.infrastructure.configuration_document import StationConfiguration, parse_configuration
from edge.infrastructure.configuration_files import ConfigurationFolder, Configured
from edge.infrastructure.configuration_watch import Configurable, ConfigurationWatch
from edge.infrastructure.picamera2_capture import _ranges
from edge.infrastructure.v4l2_controls import _CONTROL, _INTERVAL, _SIZE, v4l2_capabilities
from edge.outbox.pace import UploadPace, part_bytes
from edge.station.errors import ConfigurationError

pytestmark = pytest.mark.requirement("FLT")
ROOT = Path(__file__).parents[2]
CAMERA = CameraCapabilities(
    camera="v4l2:0",
    controls={
        "exposure_us": ControlRange(minimum=100, maximum=20_000),
        "width_px": ControlRange(minimum=640, maximum=4000),
        "height_px": ControlRange(minimum=480, maximum=3000),
    },
    sizes_px=((640, 480), (4000, 3000)),
    profiles=("v4l2",),
)
GOOD = {"camera": {"exposure_us": 8000}}


def configured(document: object, generation: int, station: str = "sta_1") -> Configured:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    digest = hashlib.sha256(text).hexdigest()
    return Configured(station_id=station, generation=generation, digest=digest, document=text)


@dataclass
class Station:
    """A station that counts what it was told to use."""

    folder: ConfigurationFolder
    camera: CameraCapabilities | None = CAMERA
    idle: bool = True
    broken: bool = False
    used: list[StationConfiguration] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watch = ConfigurationWatch(
            self.folder,
            Configurable(
                capabilities=lambda: self.camera, apply=self._apply, is_idle=lambda: self.idle
            ),
        )
        self.watch.start()

    def _apply(self, wished: StationConfiguration) -> None:
        if self.broken and wished.camera.exposure_us != GOOD["camera"]["exposure_us"]:
            raise CameraSettingsError("the driver refused it")
        self.used.append(wished)

    def wish(self, document: object, generation: int) -> Configured:
        wished = configured(document, generation)
        self.folder.wish(wished)
        self.watch.look()
        return wished


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(ConfigurationFolder(tmp_path / "configuration"))


def test_the_schema_that_is_published_is_the_one_that_stations_read() -> None:
    stored = ROOT / "firmware-config" / "schemas" / "station-configuration.schema.json"
    assert json.loads(stored.read_text("utf-8")) == StationConfiguration.model_json_schema()


def test_a_wish_is_used_reported_and_found_again_at_the_next_start(station: Station) -> None:
    wished = station.wish(GOOD, 3)
    report = station.folder.report()
    assert (report.digest, report.wished, report.refusal) == (wished.digest, wished.digest, "")
    assert station.used[-1].camera.exposure_us == 8000
    again = Station(station.folder)
    assert again.used[-1].camera.exposure_us == 8000


BAD = {
    "unknown field": ({"camera": {"shutter": 1}}, "CONFIGURATION_INVALID", "shutter"),
    "unknown section": ({"cam": {}}, "CONFIGURATION_INVALID", "cam"),
    "wrong type": ({"camera": {"exposure_us": "8 ms"}}, "CONFIGURATION_INVALID", "exposure_us"),
    "no JSON": (b"exposure=8", "CONFIGURATION_INVALID", "JSON"),
    "no text": (b"\xff\xfe\x00", "CONFIGURATION_INVALID", ""),
    "a list": ([1], "CONFIGURATION_INVALID", ""),
    "no number": (b'{"camera": {"exposure_us": NaN}}', "CONFIGURATION_INVALID", "exposure_us"),
    "half a pair": ({"camera": {"width_px": 640}}, "CONFIGURATION_INVALID", "height_px"),
    "too bright": ({"camera": {"exposure_us": 20_001}}, "CONFIGURATION_BEYOND_CAMERA", "20000"),
    "no such size": (
        {"camera": {"width_px": 640, "height_px": 3000}},
        "CONFIGURATION_BEYOND_CAMERA",
        "640 x 3000",
    ),
    "no focus": ({"camera": {"focus": 3}}, "CONFIGURATION_CAMERA_LACKS", "focus"),
    "no profile": ({"camera": {"profile": "night"}}, "CONFIGURATION_CAMERA_LACKS", "night"),
    "ten megabytes": (b" " * 10_000_000, "CONFIGURATION_TOO_LARGE", "65536"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_document_is_refused_with_a_reason_and_the_old_one_stays(
    station: Station, name: str
) -> None:
    document, code, word = BAD[name]
    good = station.wish(GOOD, 3)
    bad = station.wish(document, 4)
    report = station.folder.report()
    assert (report.digest, report.wished, report.refusal) == (good.digest, bad.digest, code)
    assert word in report.detail
    assert station.folder.current() == good
    assert len(station.used) == 1
    # A better one is taken afterwards.
    better = station.wish({"camera": {"exposure_us": 9000}}, 5)
    assert station.folder.report().digest == better.digest


def test_both_sides_refuse_the_same_documents() -> None:
    schema = FileConfigurationSchema.of_checkout()
    for document in (
        GOOD,
        {"kiosk": {"shift_end": "18:30"}, "upload": {"limit_kib_per_s": 64}},
        {"kiosk": {"shift_end": "25:00"}},
        {"camera": {"shutter": 1}},
        {"camera": {"width_px": 640}},
        {"upload": {"shift_from": "08:00", "shift_until": "17:00"}},
        {"log": {"level": "LOUD"}},
        {"disk": {"pictures_max_mb": 1.5}},
        {"disk": {"pictures_max_ratio": 0.25}},
        {"disk": {"pictures_max_ratio": 25}},
        {"scanning": {"profile": "hid-generic"}, "light": {"profile": "table-5000k"}},
        {"light": {"profile": "../../etc/passwd"}},
        {"light": {"colour": "red"}},
        {"scanning": {"with_camera": 1}},
    ):
        verdicts = []
        for refusal, check in (
            (RefusedByCloud, lambda: schema.check(document)),  # noqa: B023 - called at once
            (ConfigurationError, lambda: parse_configuration(json.dumps(document).encode())),  # noqa: B023
        ):
            try:
                check()
            except refusal:
                verdicts.append("refused")
            else:
                verdicts.append("taken")
        assert len(set(verdicts)) == 1, (document, verdicts)


def test_a_lower_generation_is_ignored(station: Station) -> None:
    kept = station.wish(GOOD, 5)
    station.wish({"camera": {"exposure_us": 9000}}, 4)
    assert station.folder.current() == kept
    assert station.folder.report().refusal == ""


def test_bytes_that_are_not_the_digest_are_refused(station: Station) -> None:
    good = station.wish(GOOD, 1)
    torn = configured({"camera": {"exposure_us": 9000}}, 2)
    station.folder.wish(
        Configured(station_id="sta_1", generation=2, digest=torn.digest, document=b"{}")
    )
    station.watch.look()
    assert station.folder.report().refusal == "CONFIGURATION_DAMAGED"
    assert station.folder.current() == good


def test_settings_of_a_camera_that_is_away_wait_for_it(station: Station) -> None:
    station.camera = None
    wished = station.wish(GOOD, 1)
    report = station.folder.report()
    assert (report.digest, report.refusal, report.detail) == ("", "", "CAMERA_AWAY")
    station.camera = CAMERA
    station.watch.look()
    assert station.folder.report().digest == wished.digest


def test_nothing_changes_while_a_piece_is_judged(station: Station) -> None:
    station.idle = False
    station.wish(GOOD, 1)
    assert not station.used
    station.idle = True
    station.watch.look()
    assert station.used


def test_a_camera_that_does_not_take_it_gets_the_old_settings_back(station: Station) -> None:
    good = station.wish(GOOD, 1)
    station.broken = True
    station.wish({"camera": {"exposure_us": 9000}}, 2)
    report = station.folder.report()
    assert (report.digest, report.refusal) == (good.digest, "CAMERA_SETTINGS")
    assert station.used[-1].camera.exposure_us == 8000
    assert station.folder.current() == good


def test_a_damaged_file_gives_way_to_the_one_before(station: Station, tmp_path: Path) -> None:
    first = station.wish(GOOD, 1)
    station.wish({"camera": {"exposure_us": 9000}}, 2)
    (tmp_path / "configuration" / "current").write_bytes(b"torn")
    assert station.folder.current() == first


@pytest.mark.faults
def test_killed_in_the_swap_one_whole_document_is_in_use(tmp_path: Path) -> None:
    """Twenty kills at random moments of a process that does nothing but swap."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)  # noqa: S311 - moments, no secrets
    folder = ConfigurationFolder(tmp_path / "configuration")
    for _ in range(20):
        swapping = subprocess.Popen(
            [sys.executable, "-m", "tests.simulators.configuration_swaps", str(tmp_path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        assert swapping.stdout is not None
        swapping.stdout.readline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            swapping.wait(dice.uniform(0, 0.1))
        swapping.send_signal(signal.SIGKILL)
        swapping.wait()
        swapping.stdout.close()
        current = folder.current()
        assert current is not None
        assert current.is_whole
        assert parse_configuration(current.document).camera.exposure_us == current.generation
        assert Station(folder).used[-1].camera.exposure_us == current.generation


def answers(controls: dict[int, tuple[int, int]], sizes: list[tuple[int, int]]) -> Callable:
    """A driver's answers, packed as the kernel packs them."""

    def ask(_descriptor: int, request: int, buffer: bytearray) -> None:
        number = request & 0xFF
        index = int.from_bytes(buffer[:4], "little")
        if number == 36:
            smallest, largest = controls.get(index, (0, 0))
            if index not in controls:
                raise OSError(22, "no such control")
            buffer[:] = _CONTROL.pack(index, 1, b"Exposure", smallest, largest, 1, 0, 0)
        elif number == 74:
            if index >= len(sizes):
                raise OSError(22, "no more")
            buffer[:] = _SIZE.pack(index, 0, 1, *sizes[index], 0, 0, 0, 0)
        else:
            if index >= 2:
                raise OSError(22, "no more")
            buffer[:] = _INTERVAL.pack(index, 0, 0, 0, 1, 1, (30, 15)[index], 0, 0, 0, 0)

    return ask


def test_a_usb_cameras_ranges_are_those_of_its_driver(tmp_path: Path) -> None:
    device = tmp_path / "video0"
    device.touch()
    ask = answers({0x009A0902: (3, 2047), 0x009A090A: (0, 250)}, [(640, 480), (4000, 3000)])
    found = v4l2_capabilities(device, "v4l2:0", ask)
    # The driver counts exposure in steps of 100 µs.
    assert found.controls["exposure_us"] == ControlRange(minimum=300, maximum=204_700)
    assert found.controls["focus"] == ControlRange(minimum=0, maximum=250)
    assert found.controls["frames_per_s"] == ControlRange(minimum=15, maximum=30)
    assert "white_balance_kelvin" not in found.controls
    assert found.sizes_px == ((640, 480), (4000, 3000))


def test_a_raspberry_cameras_ranges_are_those_of_libcamera() -> None:
    controls = {
        "ExposureTime": (29, 11_767_556, None),
        "AnalogueGain": (1.0, 22.2, 1.0),
        "FrameDurationLimits": (100_000, 1_000_000, None),
    }
    found = _ranges(controls, [{"size": (2028, 1520)}, {"size": (4056, 3040)}])
    assert found["exposure_us"] == ControlRange(minimum=29, maximum=11_767_556)
    assert found["frames_per_s"] == ControlRange(minimum=1, maximum=10)
    assert found["width_px"] == ControlRange(minimum=2028, maximum=4056)
    assert "white_balance_red_ratio" not in found


@pytest.mark.parametrize(
    ("at", "kib_per_s"), [("07:59", 512), ("08:00", 64), ("16:59", 64), ("17:00", 512)]
)
def test_during_the_shift_pictures_leave_slower(at: str, kib_per_s: int) -> None:
    pace = UploadPace(
        limit_kib_per_s=512,
        shift_from=time(8),
        shift_until=time(17),
        shift_limit_kib_per_s=64,
    )
    now = datetime.combine(datetime(2026, 5, 4), time.fromisoformat(at))  # noqa: DTZ001
    assert pace.bytes_per_s(now) == kib_per_s * 1024


def test_a_shift_may_last_over_midnight_and_parts_get_small() -> None:
    pace = UploadPace(shift_from=time(22), shift_until=time(6), shift_limit_kib_per_s=64)
    assert pace.bytes_per_s(datetime(2026, 5, 4, 23)) == 65_536  # noqa: DTZ001
    assert pace.bytes_per_s(datetime(2026, 5, 4, 12)) is None  # noqa: DTZ001
    assert [part_bytes(None), part_bytes(65_536), part_bytes(1)] == [1 << 20, 16_384, 4096]
