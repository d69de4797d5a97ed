"""Where frames and codes come from."""

import struct
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.capture.address import parse_camera
from edge.capture.errors import (
    CameraAddressError,
    CameraDriverMissingError,
    CameraSettingsError,
    CaptureError,
)
from edge.infrastructure import replay_camera
from edge.infrastructure.camera_desk import CameraDesk, open_camera, read_camera_settings
from edge.infrastructure.hid_scanner import KeyGatherer, LineGatherer
from edge.infrastructure.replay_camera import FollowCamera, ReplayCamera
from edge.infrastructure.station_loops import LabelsInView
from edge.scanning.address import ScannerAddressError, parse_scanner
from edge.station.errors import CameraNotConfiguredError, CameraUnpluggedError, FrameBrokenError

pytestmark = pytest.mark.requirement("CAP")
ROOT = Path(__file__).parents[2]


def picture(shade: int, *, suffix=".png") -> bytes:
    pixels = np.full((24, 32, 3), shade, dtype=np.uint8)
    pixels[:, :, 2] = 200  # red in OpenCV's order
    return cv2.imencode(suffix, pixels)[1].tobytes()


def rename_in(folder: Path, name: str, content: bytes) -> None:
    part = folder / f".{name}.part"
    part.write_bytes(content)
    part.rename(folder / name)


def desk_on(folder, query="follow=1"):
    desk = CameraDesk(parse_camera(f"replay:{folder}?{query}"), lambda a: open_camera(Path(), a))
    desk.open()
    return desk


@pytest.mark.parametrize(
    ("text", "kind", "target"),
    [
        ("", "none", ""),
        ("replay:/a/b c?fps=2.5&loop=0", "replay", "/a/b c"),
        ("replay:/a?follow=1", "follow", "/a"),
        ("v4l2:0", "v4l2", "0"),
        ("picamera2:1", "picamera2", "1"),
        ("rtsp://user:secret@cam/1", "rtsp", "rtsp://user:secret@cam/1"),
    ],
)
def test_addresses_are_read(text, kind, target) -> None:
    address = parse_camera(text)
    assert (address.kind, address.target) == (kind, target)


@pytest.mark.parametrize(
    "text", ["camera", "replay:", "v4l2:front", "replay:/a?fps=fast", "replay:/a?fps=0", "usb:0"]
)
def test_a_wrong_address_is_refused_by_name(text) -> None:
    with pytest.raises(CameraAddressError):
        parse_camera(text)


def test_pictures_play_in_name_order_and_end_or_loop(tmp_path, monkeypatch) -> None:
    for name in ("b.png", "a.png", "c.png"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "notes.txt").write_text("no picture")
    now = [0]
    monkeypatch.setattr(replay_camera.time, "monotonic_ns", lambda: now[0])
    once, always = (
        ReplayCamera(parse_camera(f"replay:{tmp_path}?fps=2&loop={loop}")) for loop in (0, 1)
    )
    seen = []
    for now[0] in (0, 500_000_000, 1_000_000_000, 1_500_000_000):
        seen.append((once.newest(), always.newest()))
    assert [frame.encoded for _, frame in seen] == [b"a.png", b"b.png", b"c.png", b"a.png"]
    assert seen[-1][0] is None


@pytest.mark.parametrize("make", ["missing", "empty"])
def test_a_replay_without_pictures_is_refused(tmp_path, make) -> None:
    folder = tmp_path / make
    if make == "empty":
        folder.mkdir()
    with pytest.raises(CameraAddressError):
        ReplayCamera(parse_camera(f"replay:{folder}"))


def test_the_newest_picture_renamed_in_is_the_frame(tmp_path) -> None:
    rename_in(tmp_path, "2.png", b"first")
    camera = FollowCamera(tmp_path)
    assert camera.newest().encoded == b"first"
    rename_in(tmp_path, "1.png", b"second")
    assert camera.newest().encoded == b"second"
    rename_in(tmp_path, "1.png", b"third")
    assert camera.newest().encoded == b"third"
    (tmp_path / ".4.png.part").write_bytes(b"unfinished")
    assert camera.newest().encoded == b"third"
    camera.close()


def test_two_seconds_without_a_picture_mean_unplugged_and_the_next_one_plugs_in(
    tmp_path, monkeypatch
) -> None:
    camera = FollowCamera(tmp_path)
    assert camera.newest() is None
    rename_in(tmp_path, "1.png", b"frame")
    assert camera.newest() is not None
    later = time.monotonic_ns() + 2_100_000_000
    with monkeypatch.context() as patched:
        patched.setattr(replay_camera.time, "monotonic_ns", lambda: later)
        assert camera.newest() is None
        rename_in(tmp_path, "2.png", b"again")
        assert camera.newest().encoded == b"again"
    camera.close()


async def test_a_shot_is_red_green_blue_and_keeps_its_bytes(tmp_path) -> None:
    content = picture(40)
    desk = desk_on(tmp_path)
    rename_in(tmp_path, "1.png", content)
    shot = await desk.capture(1)
    assert shot.pixels.shape == (24, 32, 3)
    assert shot.pixels[0, 0].tolist() == [200, 40, 40]
    assert (shot.encoded, shot.content_type) == (content, "image/png")
    desk.close()


async def test_other_formats_are_kept_as_jpeg(tmp_path) -> None:
    desk = desk_on(tmp_path)
    rename_in(tmp_path, "1.bmp", picture(40, suffix=".bmp"))
    shot = await desk.capture(1)
    assert shot.content_type == "image/jpeg"
    assert shot.encoded.startswith(b"\xff\xd8\xff")
    desk.close()


async def test_no_camera_no_frame_and_a_broken_frame_each_say_so(tmp_path) -> None:
    none = CameraDesk(parse_camera(""), lambda a: open_camera(Path(), a))
    none.open()
    assert none.trouble() == "camera_not_configured"
    with pytest.raises(CameraNotConfiguredError):
        await none.capture(0.1)
    desk = desk_on(tmp_path)
    assert desk.trouble() == "camera_unplugged"
    with pytest.raises(CameraUnpluggedError):
        await desk.capture(0.1)
    rename_in(tmp_path, "1.jpg", b"\xff\xd8\xff cut off")
    assert desk.trouble() is None
    with pytest.raises(FrameBrokenError):
        await desk.capture(0.1)
    assert desk.preview(-1) is None
    desk.close()


def test_the_preview_is_small_and_made_once_a_frame(tmp_path) -> None:
    desk = desk_on(tmp_path)
    big = cv2.imencode(".jpg", np.full((1200, 1600, 3), 90, dtype=np.uint8))[1].tobytes()
    rename_in(tmp_path, "1.jpg", big)
    number, small = desk.preview(-1)
    shrunk = cv2.imdecode(np.frombuffer(small, np.uint8), cv2.IMREAD_COLOR)
    assert shrunk.shape[1] <= 960
    assert desk.preview(number) is None
    desk.close()


def test_the_pis_driver_missing_names_the_extra() -> None:
    with pytest.raises(CameraDriverMissingError, match=r"\[pi\]"):
        open_camera(Path(), parse_camera("picamera2:0"))


def test_camera_settings_are_read_and_unknown_ones_refused(tmp_path) -> None:
    for path in sorted((ROOT / "firmware-config/cameras").glob("*.toml")):
        assert read_camera_settings(ROOT / "firmware-config", path.stem).exposure_us is not None
    (tmp_path / "cameras").mkdir()
    (tmp_path / "cameras/v4l2.toml").write_text("exposure = 3")
    with pytest.raises(CameraSettingsError):
        read_camera_settings(tmp_path, "v4l2")
    assert issubclass(CameraSettingsError, CaptureError)


def test_lines_are_cut_whatever_the_pieces_they_come_in() -> None:
    gatherer = LineGatherer()
    assert gatherer.feed(b"KY1:P:A") == []
    assert gatherer.feed(b":B\r\nKY1:B\n\n") == ["KY1:P:A:B", "KY1:B"]
    assert gatherer.feed("한글\n".encode()) == ["한글"]


def test_key_events_of_a_scanner_become_text() -> None:
    event = struct.Struct("llHHi")

    def press(code, *, shift=False):
        keys = [(42, 1)] if shift else []
        keys += [(code, 1), (code, 0)]
        keys += [(42, 0)] if shift else []
        return b"".join(event.pack(0, 0, 1, c, v) + event.pack(0, 0, 0, 0, 0) for c, v in keys)

    # K Y 1 : a Enter
    stream = press(37, shift=True) + press(21, shift=True) + press(2) + press(39, shift=True)
    stream += press(30) + press(28)
    gatherer = KeyGatherer()
    half = len(stream) // 2 + 5
    assert gatherer.feed(stream[:half]) == []
    assert gatherer.feed(stream[half:]) == ["KY1:a"]


def test_a_label_that_stays_in_view_counts_once_also_over_a_pause() -> None:
    view = LabelsInView()
    assert view.fresh(("A",), 0.0) == ["A"]
    assert view.fresh(("A", "B"), 2.0) == ["B"]
    assert view.fresh(("A",), 4.0) == []
    view.pause()
    assert view.fresh(("A",), 900.0) == []
    assert view.fresh((), 902.0) == []
    assert view.fresh(("A",), 903.1) == ["A"]


def test_scanner_addresses_are_read_or_refused() -> None:
    assert parse_scanner("").kind == "none"
    assert parse_scanner("hid:/run/fifo").target == "/run/fifo"
    assert parse_scanner("serial:/dev/ttyUSB0?baud=115200").baud == 115200
    for wrong in ("usb:1", "hid:", "serial:/dev/x?baud=fast"):
        with pytest.raises(ScannerAddressError):
            parse_scanner(wrong)
