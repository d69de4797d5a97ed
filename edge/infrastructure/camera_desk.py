"""The camera as the station uses it: a decoded shot, a small live picture, pixels for codes."""

import asyncio
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.capture.address import CameraAddress
from edge.capture.camera_settings import CameraSettings
from edge.capture.errors import CameraSettingsError
from edge.capture.ports import Frame, FrameSource
from edge.infrastructure.opencv_capture import OpencvCamera
from edge.infrastructure.opencv_pictures import LARGEST_PX
from edge.infrastructure.picamera2_capture import Picamera2Camera
from edge.infrastructure.picture_headers import stated_size
from edge.infrastructure.replay_camera import FollowCamera, ReplayCamera
from edge.station.errors import (
    CameraNotConfiguredError,
    CameraUnpluggedError,
    FrameBrokenError,
)
from edge.station.inspection_record import Shot

_JPEG_QUALITY = 90
_PREVIEW_QUALITY = 70
_PREVIEW_WIDTH_PX = 960
_MAGIC = {b"\xff\xd8\xff": "image/jpeg", b"\x89PN": "image/png"}


def read_camera_settings(folder: Path, name: str) -> CameraSettings:
    """Read `cameras/<name>.toml`; without a file the camera keeps its own values.

    Raises:
        CameraSettingsError: the file cannot be read or names something unknown.
    """
    path = folder / "cameras" / f"{name}.toml"
    if not name or not path.is_file():
        return CameraSettings()
    try:
        return CameraSettings(**tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, TypeError) as error:
        raise CameraSettingsError(f"{path}: {error}") from error


def open_camera(firmware_config: Path, address: CameraAddress) -> FrameSource:
    """Open the source that an address names.

    Raises:
        CaptureError: its folder, driver or settings are not as they must be.
    """
    if address.kind == "follow":
        return FollowCamera(Path(address.target))
    if address.kind == "replay":
        return ReplayCamera(Path(address.target), address.frames_per_s, loop=address.loop)
    locked = read_camera_settings(firmware_config, address.settings)
    if address.kind == "picamera2":
        return Picamera2Camera(int(address.target), locked)
    return OpencvCamera(address, locked)


class CameraDesk:
    """Implements the station's `Camera` on any source of frames.

    A source that cannot be opened is tried again until it can.
    """

    def __init__(
        self, address: CameraAddress, open_source: Callable[[CameraAddress], FrameSource]
    ) -> None:
        self._address = address
        self._open_source = open_source
        self._source: FrameSource | None = None
        self._previewed: bytes | None = None
        self.trouble_detail = ""

    def open(self) -> None:
        """Open the source.

        Raises:
            CaptureError: the address, the folder or the driver is not as it must be.
        """
        if self._source is None and self._address.kind != "none":
            self._source = self._open_source(self._address)

    def trouble(self) -> str | None:
        """Return the alarm's code while no fresh frame is there."""
        if self._address.kind == "none":
            return "camera_not_configured"
        return None if self.newest() is not None else "camera_unplugged"

    def newest(self) -> Frame | None:
        """Return the newest fresh frame."""
        return None if self._source is None else self._source.newest()

    def describe(self) -> str:
        """Return what the camera is."""
        return self._source.describe() if self._source else self._address.kind

    async def capture(self, timeout_s: float) -> Shot:
        """Return the newest frame, decoded.

        Raises:
            CameraNotConfiguredError: no camera is set.
            CameraUnpluggedError: no fresh frame came within ``timeout_s``.
            FrameBrokenError: the picture cannot be decoded.
        """
        if self._address.kind == "none":
            raise CameraNotConfiguredError
        deadline = time.monotonic() + timeout_s
        while True:
            frame = await asyncio.to_thread(self.newest)
            if frame is not None:
                return await asyncio.to_thread(decode_shot, frame)
            if time.monotonic() >= deadline:
                raise CameraUnpluggedError
            await asyncio.sleep(0.05)

    def preview(self, after: int) -> tuple[int, bytes] | None:
        """Return number and JPEG of the newest frame, small; None when none is newer.

        A frame of the same bytes as the one shown is not newer.
        """
        frame = self.newest()
        if frame is None or frame.sequence == after:
            return None
        if after >= 0 and frame.encoded is not None and frame.encoded == self._previewed:
            return None
        small = decode_small(frame)
        self._previewed = frame.encoded
        return None if small is None else (frame.sequence, small)

    def close(self) -> None:
        """Let go of the source."""
        if self._source is not None:
            self._source.close()


def decode_shot(frame: Frame) -> Shot:
    """Return a frame as pixels and as the bytes that are kept.

    Raises:
        FrameBrokenError: the bytes are no picture.
    """
    if frame.pixels is not None:
        quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        ok, jpeg = cv2.imencode(".jpg", frame.pixels, quality)
        if not ok:
            raise FrameBrokenError
        rgb = np.ascontiguousarray(frame.pixels[:, :, ::-1])
        return Shot(
            pixels=rgb,
            encoded=jpeg.tobytes(),
            content_type="image/jpeg",
            sequence=frame.sequence,
        )
    encoded = frame.encoded or b""
    pixels = _decode(encoded, cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        raise FrameBrokenError
    content_type = _MAGIC.get(encoded[:3])
    if content_type is None:
        bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
        content_type = "image/jpeg"
    return Shot(pixels=pixels, encoded=encoded, content_type=content_type, sequence=frame.sequence)


def decode_pixels(frame: Frame) -> NDArray[np.uint8] | None:
    """Return a frame as (H, W, 3) uint8 RGB; None when it cannot be decoded."""
    if frame.pixels is not None:
        return np.ascontiguousarray(frame.pixels[:, :, ::-1])
    return _decode(frame.encoded or b"", cv2.IMREAD_COLOR_RGB)


def decode_small(frame: Frame, width_px: int = _PREVIEW_WIDTH_PX) -> bytes | None:
    """Return a frame as a small JPEG; None when it cannot be decoded."""
    pixels = frame.pixels
    if pixels is None:
        pixels = _decode(frame.encoded or b"", cv2.IMREAD_REDUCED_COLOR_4)
    return None if pixels is None else _small_jpeg(pixels, width_px)


def shrink_picture(content: bytes, width_px: int = 1600) -> bytes | None:
    """Return an encoded picture as a JPEG of at most that width; None when it is none."""
    pixels = _decode(content, cv2.IMREAD_REDUCED_COLOR_2)
    return None if pixels is None else _small_jpeg(pixels, width_px)


def _small_jpeg(pixels: NDArray[np.uint8], width_px: int) -> bytes | None:
    """Return (H, W, 3) uint8 BGR as a JPEG of at most that width."""
    height, width = pixels.shape[:2]
    if width > width_px:
        size = (width_px, max(1, round(height * width_px / width)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    ok, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _PREVIEW_QUALITY])
    return jpeg.tobytes() if ok else None


def _decode(content: bytes, how: int) -> NDArray[np.uint8] | None:
    height_px, width_px = stated_size(content) or (0, 0)
    if not content or height_px * width_px > LARGEST_PX:
        return None
    try:
        pixels = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), how)
    except cv2.error:
        return None
    return None if pixels is None else np.asarray(pixels, dtype=np.uint8)
