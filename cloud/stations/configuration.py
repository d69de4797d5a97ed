"""A station's configuration: what can be set, narrowed by what its camera says of itself.

The schema lies with the stations' files and both sides read it. The cloud refuses early what the
station would refuse; whether a document is used is decided by the station alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cloud.stations.commands import CameraCapabilities
from cloud.stations.errors import (
    ConfigurationBeyondCameraError,
    ConfigurationCameraLacksError,
    ConfigurationProfileError,
)

#: Larger documents are not kept, and no station takes them.
LARGEST_BYTES = 64 * 1024
CAMERA = "camera"
PROFILE = "profile"
SCANNING, LIGHT = "scanning", "light"

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationField:
    """One setting: its place in the document and what it may be.

    ``kind`` is number, integer, boolean, text or choice. A minimum that is excluded has
    ``above_minimum``. ``pattern`` is a regular expression that the whole text matches.
    """

    section: str
    name: str
    kind: str
    minimum: float | None = None
    maximum: float | None = None
    above_minimum: bool = False
    choices: tuple[str, ...] = ()
    pattern: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedConfiguration:
    """One version of a station's configuration."""

    version: int
    digest: str
    document: str


def without_gaps(document: Document) -> dict[str, Any]:
    """Return a document without what it leaves open: nulls, and sections of nothing."""
    kept = {
        section: {name: value for name, value in part.items() if value is not None}
        if isinstance(part, Mapping)
        else part
        for section, part in document.items()
    }
    return {section: part for section, part in kept.items() if part not in ({}, None)}


def narrowed(
    fields: tuple[ConfigurationField, ...], camera: CameraCapabilities | None
) -> tuple[ConfigurationField, ...]:
    """Return the fields that this station has, the camera's with the camera's own ranges.

    While the camera is not known, no setting of a camera is offered.
    """
    return tuple(one for field in fields if (one := _of_station(field, camera)) is not None)


def _of_station(
    field: ConfigurationField, camera: CameraCapabilities | None
) -> ConfigurationField | None:
    if field.section == CAMERA:
        return _of_camera(field, camera)
    if field.name != PROFILE:
        return field
    choices = _profiles(camera)[field.section]
    return replace(field, kind="choice", choices=choices) if choices else None


def _profiles(camera: CameraCapabilities | None) -> dict[str, tuple[str, ...]]:
    """Return the profiles of the devices beside the camera, by their section."""
    told = camera or CameraCapabilities(camera="")
    return {SCANNING: told.scanner_profiles, LIGHT: told.light_profiles}


def _of_camera(
    field: ConfigurationField, camera: CameraCapabilities | None
) -> ConfigurationField | None:
    if camera is None:
        return None
    if field.name == PROFILE:
        return replace(field, kind="choice", choices=camera.profiles) if camera.profiles else None
    for control in camera.controls:
        if control.name == field.name:
            return replace(
                field,
                minimum=control.minimum,
                maximum=control.maximum,
                above_minimum=False,
            )
    return None


def check_devices(document: Document, camera: CameraCapabilities | None) -> None:
    """Refuse what the station's devices, as far as they are known, cannot be set to.

    Raises:
        ConfigurationProfileError: no such profile of a scanner or a light lies there.
        ConfigurationCameraLacksError: it has no such setting, or no such profile lies there.
        ConfigurationBeyondCameraError: a value lies outside its range, or it has no such size.
    """
    if camera is None:
        return
    _check_profiles(document, camera)
    wished = document.get(CAMERA, {})
    ranges = {one.name: one for one in camera.controls}
    for name, value in wished.items():
        field = f"{CAMERA}.{name}"
        if name == PROFILE:
            if value not in camera.profiles:
                raise ConfigurationCameraLacksError("no such profile", field=field, actual=value)
            continue
        known = ranges.get(name)
        if known is None:
            raise ConfigurationCameraLacksError(
                "the camera has no such setting", field=field, actual=value
            )
        if not known.minimum <= value <= known.maximum:
            raise ConfigurationBeyondCameraError(
                "outside of the camera's range",
                field=field,
                actual=value,
                minimum=known.minimum,
                maximum=known.maximum,
            )
    _check_size(wished, camera)


def _check_profiles(document: Document, camera: CameraCapabilities) -> None:
    for section, known in _profiles(camera).items():
        name = document.get(section, {}).get(PROFILE)
        if name is not None and name not in known:
            raise ConfigurationProfileError(
                "no such profile", field=f"{section}.{PROFILE}", actual=name, expected=list(known)
            )


def _check_size(wished: Mapping[str, Any], camera: CameraCapabilities) -> None:
    size = (wished.get("width_px"), wished.get("height_px"))
    if size == (None, None) or not camera.sizes_px or size in camera.sizes_px:
        return
    raise ConfigurationBeyondCameraError(
        "the camera gives no pictures of this size",
        field=f"{CAMERA}.width_px",
        actual=list(size),
        expected=[list(one) for one in camera.sizes_px],
    )
