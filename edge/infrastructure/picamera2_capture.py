"""The Raspberry Pi's camera; picamera2 exists only there, so it is imported when used."""

import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from edge.capture.camera_settings import CameraSettings
from edge.capture.capabilities import CameraCapabilities, ControlRange
from edge.capture.errors import CameraDriverMissingError
from edge.capture.ports import STALE_NS, Frame


class Picamera2Camera:
    """Keeps the newest frame of the Pi's camera."""

    def __init__(self, number: int, settings: CameraSettings) -> None:
        try:
            driver = import_module("picamera2")
        except ImportError as error:
            raise CameraDriverMissingError(
                "KYNDOF_CAMERA=picamera2:N needs the extra pi: pip install 'kyndof-corp-system[pi]'"
            ) from error
        self._number = number
        self._camera: Any = driver.Picamera2(number)
        self._capabilities = CameraCapabilities(
            camera=f"picamera2:{number}",
            controls=_ranges(self._camera.camera_controls, self._camera.sensor_modes),
            sizes_px=tuple(dict.fromkeys(m["size"] for m in self._camera.sensor_modes)),
        )
        size = (settings.width_px or 4056, settings.height_px or 3040)
        # libcamera's RGB888 lies in memory as blue, green, red.
        wish = {"size": size, "format": "RGB888"}
        self._camera.configure(self._camera.create_video_configuration(main=wish))
        self._camera.set_controls(_controls(settings))
        self._camera.start()
        self._frame: Frame | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._stop.is_set():
            pixels = self._camera.capture_array("main")
            sequence = self._frame.sequence + 1 if self._frame else 0
            self._frame = Frame(sequence=sequence, seen_ns=time.monotonic_ns(), pixels=pixels)

    def newest(self) -> Frame | None:
        """Return the newest frame, None when it is older than two seconds."""
        frame = self._frame
        if frame is None or time.monotonic_ns() - frame.seen_ns > STALE_NS:
            return None
        return frame

    def describe(self) -> str:
        """Return what it is."""
        return f"picamera2:{self._number}"

    def capabilities(self) -> CameraCapabilities:
        """Return what it can be set to."""
        return self._capabilities

    def close(self) -> None:
        """Stop the camera."""
        self._stop.set()
        self._thread.join(2)
        self._camera.stop()
        self._camera.close()


def _controls(settings: CameraSettings) -> dict[str, object]:
    """Return libcamera's names for what the file locks."""
    controls: dict[str, object] = {}
    if settings.exposure_us is not None:
        controls |= {"AeEnable": False, "ExposureTime": int(settings.exposure_us)}
    if settings.gain_ratio is not None:
        controls["AnalogueGain"] = settings.gain_ratio
    red, blue = settings.white_balance_red_ratio, settings.white_balance_blue_ratio
    if red is not None and blue is not None:
        controls |= {"AwbEnable": False, "ColourGains": (red, blue)}
    if settings.frames_per_s is not None:
        frame_us = round(1e6 / settings.frames_per_s)
        controls["FrameDurationLimits"] = (frame_us, frame_us)
    return controls


# libcamera's names, and ours; both colour gains have the one range.
_NAMES = {
    "ExposureTime": ("exposure_us",),
    "AnalogueGain": ("gain_ratio",),
    "ColourGains": ("white_balance_red_ratio", "white_balance_blue_ratio"),
}


def _ranges(
    controls: Mapping[str, tuple[Any, Any, Any]], modes: Sequence[Mapping[str, Any]]
) -> dict[str, ControlRange]:
    """Return libcamera's ranges, (smallest, largest, its own), by our names."""
    found: dict[str, ControlRange] = {}
    for theirs, ours in _NAMES.items():
        if theirs in controls:
            smallest, largest, _ = controls[theirs]
            found |= dict.fromkeys(
                ours, ControlRange(minimum=float(smallest), maximum=float(largest))
            )
    if "FrameDurationLimits" in controls:
        shortest_us, longest_us, _ = controls["FrameDurationLimits"]
        found["frames_per_s"] = ControlRange(minimum=1e6 / longest_us, maximum=1e6 / shortest_us)
    if modes:
        widths, heights = zip(*(mode["size"] for mode in modes), strict=True)
        found["width_px"] = ControlRange(minimum=min(widths), maximum=max(widths))
        found["height_px"] = ControlRange(minimum=min(heights), maximum=max(heights))
    return found
