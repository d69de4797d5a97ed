"""What a USB camera's driver says it can be set to, asked by the kernel's own questions."""

import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from edge.capture.capabilities import CameraCapabilities, ControlRange

#: (descriptor, request, buffer that is asked with and answered in); OSError: no such thing.
Ask = Callable[[int, int, bytearray], object]

# linux/videodev2.h: _IOWR('V', number, size of the structure).
_QUERYCTRL = 0xC0445624
_ENUM_FRAMESIZES = 0xC02C564A
_ENUM_FRAMEINTERVALS = 0xC034564B
_CONTROL = struct.Struct("=II32siiiiI8x")
_SIZE = struct.Struct("=III6I8x")
_INTERVAL = struct.Struct("=IIIII6I8x")
_DISABLED = 0x0001
_DISCRETE = 1
_MOST_ENTRIES = 256
_MJPG = int.from_bytes(b"MJPG", "little")

# Our names, the kernel's numbers, and how many of our units one of the driver's is.
_CONTROLS = {
    "exposure_us": (0x009A0902, 100.0),
    "gain_ratio": (0x00980913, 1.0),
    "white_balance_kelvin": (0x0098091A, 1.0),
    "focus": (0x009A090A, 1.0),
}


def _ioctl(descriptor: int, request: int, buffer: bytearray) -> object:
    return fcntl.ioctl(descriptor, request, buffer, True)


def v4l2_capabilities(device: Path, camera: str, ask: Ask = _ioctl) -> CameraCapabilities:
    """Ask a device for its ranges and sizes; what it does not answer it does not have.

    Raises:
        OSError: the device cannot be opened.
    """
    descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    try:
        controls = dict(_ranges(descriptor, ask))
        sizes = tuple(dict.fromkeys(_sizes(descriptor, ask)))
        rates = [rate for size in sizes for rate in _rates(descriptor, ask, size)]
    finally:
        os.close(descriptor)
    if sizes:
        widths, heights = zip(*sizes, strict=True)
        controls["width_px"] = ControlRange(minimum=min(widths), maximum=max(widths))
        controls["height_px"] = ControlRange(minimum=min(heights), maximum=max(heights))
    if rates:
        controls["frames_per_s"] = ControlRange(minimum=min(rates), maximum=max(rates))
    return CameraCapabilities(camera=camera, controls=controls, sizes_px=sizes)


def _ranges(descriptor: int, ask: Ask) -> Iterator[tuple[str, ControlRange]]:
    for name, (number, unit) in _CONTROLS.items():
        buffer = bytearray(_CONTROL.pack(number, 0, b"", 0, 0, 0, 0, 0))
        try:
            ask(descriptor, _QUERYCTRL, buffer)
        except OSError:
            continue
        _, _, _, minimum, maximum, _, _, flags = _CONTROL.unpack(buffer)
        if not flags & _DISABLED and minimum < maximum:
            yield name, ControlRange(minimum=minimum * unit, maximum=maximum * unit)


def _sizes(descriptor: int, ask: Ask) -> Iterator[tuple[int, int]]:
    for index in range(_MOST_ENTRIES):
        buffer = bytearray(_SIZE.pack(index, _MJPG, 0, 0, 0, 0, 0, 0, 0))
        try:
            ask(descriptor, _ENUM_FRAMESIZES, buffer)
        except OSError:
            return
        _, _, kind, width, height, *_ = _SIZE.unpack(buffer)
        if kind != _DISCRETE:
            return
        yield width, height


def _rates(descriptor: int, ask: Ask, size: tuple[int, int]) -> Iterator[float]:
    """Yield the frames per second that the device gives at one size."""
    for index in range(_MOST_ENTRIES):
        buffer = bytearray(_INTERVAL.pack(index, _MJPG, *size, 0, 0, 0, 0, 0, 0, 0))
        try:
            ask(descriptor, _ENUM_FRAMEINTERVALS, buffer)
        except OSError:
            return
        _, _, _, _, kind, numerator, denominator, *_ = _INTERVAL.unpack(buffer)
        if kind != _DISCRETE:
            return
        if numerator:
            yield denominator / numerator
