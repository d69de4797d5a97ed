"""USB cameras (V4L2) and network cameras (RTSP) through OpenCV, each read in its own thread."""

import logging
import threading
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.capture.address import CameraAddress
from edge.capture.camera_settings import CameraSettings
from edge.capture.capabilities import CameraCapabilities
from edge.capture.ports import STALE_NS, Frame
from edge.infrastructure.v4l2_controls import v4l2_capabilities

_LOG = logging.getLogger(__name__)
_RETRY_S = (0.5, 1.0, 2.0, 5.0)
_MANUAL_EXPOSURE = 1  # V4L2_EXPOSURE_MANUAL


class OpencvCamera:
    """Keeps the newest frame of a device and opens it again when it goes away."""

    def __init__(self, address: CameraAddress, settings: CameraSettings) -> None:
        self._address = address
        self._settings = settings
        self._frame: Frame | None = None
        self._capabilities: CameraCapabilities | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        failures = 0
        while not self._stop.is_set():
            capture = self._open()
            if not capture.isOpened():
                capture.release()
                self._stop.wait(_RETRY_S[min(failures, len(_RETRY_S) - 1)])
                failures += 1
                continue
            failures = 0
            _LOG.info("camera opened", extra={"camera": self.describe()})
            self._capabilities = self._ask()
            self._pump(capture)
            capture.release()

    def _open(self) -> cv2.VideoCapture:
        if self._address.kind == "rtsp":
            timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 5000, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 3000]
            return cv2.VideoCapture(self._address.target, cv2.CAP_FFMPEG, timeouts)
        capture = cv2.VideoCapture(int(self._address.target), cv2.CAP_V4L2)
        if capture.isOpened():
            lock_settings(capture, self._settings)
        return capture

    def _ask(self) -> CameraCapabilities:
        """Return what the device can be set to; a network camera keeps its settings to itself."""
        if self._address.kind == "v4l2":
            device = Path(f"/dev/video{self._address.target}")
            try:
                return v4l2_capabilities(device, self.describe())
            except OSError as error:
                _LOG.warning("camera does not tell its ranges", extra={"reason": str(error)})
        return CameraCapabilities(camera=self.describe())

    def _pump(self, capture: cv2.VideoCapture) -> None:
        """Read until the device stops giving frames."""
        while not self._stop.is_set():
            ok, pixels = capture.read()
            if not ok:
                _LOG.warning("camera gave no frame", extra={"camera": self.describe()})
                return
            sequence = self._frame.sequence + 1 if self._frame else 0
            self._frame = Frame(
                sequence=sequence,
                seen_ns=time.monotonic_ns(),
                pixels=_bgr(np.asarray(pixels, dtype=np.uint8)),
            )

    def newest(self) -> Frame | None:
        """Return the newest frame, None when it is older than two seconds."""
        frame = self._frame
        if frame is None or time.monotonic_ns() - frame.seen_ns > STALE_NS:
            return None
        return frame

    def describe(self) -> str:
        """Return what it is, without the password of a network camera."""
        target = self._address.target
        return f"{self._address.kind}:{target.rpartition('@')[2] or target}"

    def capabilities(self) -> CameraCapabilities | None:
        """Return what it can be set to; None until it was opened once."""
        return self._capabilities

    def close(self) -> None:
        """Stop reading and let go of the device."""
        self._stop.set()
        self._thread.join(4)


def _bgr(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (H, W, 3) uint8 BGR from a grey (H, W) or colour frame."""
    if pixels.ndim == 2:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    return pixels


def lock_settings(capture: cv2.VideoCapture, settings: CameraSettings) -> None:
    """Set size, exposure, white balance and focus, each only when the file names it."""
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    wanted: list[tuple[int, float | None]] = [
        (cv2.CAP_PROP_FRAME_WIDTH, settings.width_px),
        (cv2.CAP_PROP_FRAME_HEIGHT, settings.height_px),
        (cv2.CAP_PROP_FPS, settings.frames_per_s),
        (cv2.CAP_PROP_GAIN, settings.gain_ratio),
    ]
    if settings.exposure_us is not None:
        # V4L2 counts exposure in steps of 100 µs.
        wanted.append((cv2.CAP_PROP_AUTO_EXPOSURE, _MANUAL_EXPOSURE))
        wanted.append((cv2.CAP_PROP_EXPOSURE, settings.exposure_us / 100))
    if settings.white_balance_kelvin is not None:
        wanted.append((cv2.CAP_PROP_AUTO_WB, 0))
        wanted.append((cv2.CAP_PROP_WB_TEMPERATURE, settings.white_balance_kelvin))
    if settings.focus is not None:
        wanted.append((cv2.CAP_PROP_AUTOFOCUS, 0))
        wanted.append((cv2.CAP_PROP_FOCUS, settings.focus))
    for name, value in wanted:
        if value is not None and not capture.set(name, value):
            _LOG.warning("camera refused a setting", extra={"property": name, "value": value})
