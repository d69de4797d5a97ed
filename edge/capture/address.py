"""Where frames come from, as ``KYNDOF_CAMERA`` names it."""

from dataclasses import dataclass, field
from typing import Literal, cast

from edge.capture.camera_settings import CameraSettings
from edge.capture.errors import CameraAddressError

CameraKind = Literal["none", "replay", "follow", "v4l2", "rtsp", "picamera2"]

_FORMS = "replay:DIR?fps=5&loop=1, replay:DIR?follow=1, v4l2:0, rtsp://…, picamera2:0"


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraAddress:
    """A parsed address; ``settings`` names a file under firmware-config/cameras.

    ``wished`` goes before that file. ``taken_us`` is the exposure that replayed pictures were
    taken with; None: not known.
    """

    kind: CameraKind
    target: str = ""
    frames_per_s: float = 5.0
    loop: bool = True
    settings: str = ""
    wished: CameraSettings = field(default_factory=CameraSettings)
    taken_us: float | None = None


def parse_camera(text: str) -> CameraAddress:
    """Read a camera's address.

    Raises:
        CameraAddressError: it is none of the known forms.
    """
    text = text.strip()
    if not text:
        return CameraAddress(kind="none")
    if text.startswith(("rtsp://", "rtsps://")):
        return CameraAddress(kind="rtsp", target=text, settings="rtsp")
    kind, separator, rest = text.partition(":")
    target, _, query = rest.partition("?")
    if kind not in {"replay", "v4l2", "picamera2"} or not separator or not target:
        raise CameraAddressError(f"KYNDOF_CAMERA={text!r} is none of: {_FORMS}")
    options = _options(query)
    if kind == "replay":
        return _replay(target, options)
    if not target.isdigit():
        raise CameraAddressError(f"KYNDOF_CAMERA={text!r}: {kind} wants a number")
    kind_ = cast("CameraKind", kind)
    return CameraAddress(kind=kind_, target=target, settings=options.get("settings", kind))


def _options(query: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return {name: value for name, _, value in pairs}


def _replay(target: str, options: dict[str, str]) -> CameraAddress:
    if options.get("follow") == "1":
        return CameraAddress(kind="follow", target=target)
    fps = _number(options, "fps", 5.0, 120.0)
    taken_us = _number(options, "exposure_us", 0.0, 1e6) or None
    loop = options.get("loop", "1") == "1"
    return CameraAddress(
        kind="replay", target=target, frames_per_s=fps, loop=loop, taken_us=taken_us
    )


def _number(options: dict[str, str], name: str, default: float, largest: float) -> float:
    """Return a number above 0; the default where none is given."""
    if name not in options:
        return default
    try:
        number = float(options[name])
    except ValueError as error:
        raise CameraAddressError(f"{name}={options[name]!r} is no number") from error
    if not 0 < number <= largest:
        raise CameraAddressError(f"{name}={number:g} must lie above 0 and at most at {largest:g}")
    return number
