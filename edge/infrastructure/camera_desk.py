"""The camera as the station uses it: a decoded shot, a small live picture, pixels for codes."""

import asyncio
import threading
import time
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from edge.capture.address import CameraAddress
from edge.capture.camera_settings import CameraSettings
from edge.capture.capabilities import CameraCapabilities
from edge.capture.errors import CameraSettingsError
from edge.capture.ports import Frame, FrameSource
from edge.infrastructure.frame_pictures import decode_shot, decode_small
from edge.infrastructure.opencv_capture import OpencvCamera
from edge.infrastructure.picamera2_capture import Picamera2Camera
from edge.infrastructure.replay_camera import FollowCamera, ReplayCamera
from edge.station.errors import (
    CameraNotConfiguredError,
    CameraUnpluggedError,
)
from edge.station.inspection_record import Shot


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


def camera_profiles(folder: Path) -> tuple[str, ...]:
    """Return the names of the files of settings that lie at this station."""
    return tuple(sorted(path.stem for path in (folder / "cameras").glob("*.toml")))


def open_camera(firmware_config: Path, address: CameraAddress) -> FrameSource:
    """Open the source that an address names.

    Raises:
        CaptureError: its folder, driver or settings are not as they must be.
    """
    if address.kind == "follow":
        return FollowCamera(Path(address.target))
    if address.kind == "replay":
        return ReplayCamera(address)
    locked = address.wished.over(read_camera_settings(firmware_config, address.settings))
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
        self._own = self._address = address
        self._open_source = open_source
        self._opening = threading.Lock()
        self._source: FrameSource | None = None
        self._previewed: bytes | None = None
        self.trouble_detail = ""

    def open(self) -> None:
        """Open the source.

        Raises:
            CaptureError: the address, the folder or the driver is not as it must be.
        """
        with self._opening:
            if self._source is None and self._address.kind != "none":
                self._source = self._open_source(self._address)

    def configure(self, profile: str, wished: CameraSettings) -> None:
        """Use other settings; an open source is opened anew with them.

        ``profile`` names a file of settings; empty takes the one of the camera's address.

        Raises:
            CaptureError: the source cannot be opened with them; it then stays closed.
        """
        own = self._own
        address = replace(own, settings=profile or own.settings, wished=wished)
        with self._opening:
            if address == self._address:
                return
            self._address = address
            source, self._source = self._source, None
        if source is not None:
            source.close()
            self.open()

    def capabilities(self) -> CameraCapabilities | None:
        """Return what the camera can be set to; None while it is away."""
        if self._address.kind == "none":
            return CameraCapabilities(camera="none")
        source = self._source
        return None if source is None else source.capabilities()

    @property
    def is_device(self) -> bool:
        """Say whether files of settings mean something to this camera."""
        return self._own.kind in {"v4l2", "picamera2"}

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
