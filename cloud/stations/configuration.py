"""A station's configuration: what can be set, narrowed by what its camera says of itself.

The schema lies with the stations' files and both sides read it. The cloud refuses early what the
station would refuse; whether a document is used is decided by the station alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cloud.stations.commands import CameraCapabilities
from cloud.stations.errors import ConfigurationBeyondCameraError, ConfigurationCameraLacksError

#: Larger documents are not kept, and no station takes them.
LARGEST_BYTES = 64 * 1024
CAMERA = "camera"
PROFILE = "profile"

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
    return tuple(
        one
        for field in fields
        if (one := field if field.section != CAMERA else _of_camera(field, camera)) is not None
    )


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


def check_camera(document: Document, camera: CameraCapabilities | None) -> None:
    """Refuse what the camera, as far as it is known, cannot be set to.

    Raises:
        ConfigurationCameraLacksError: it has no such setting, or no such profile lies there.
        ConfigurationBeyondCameraError: a value lies outside its range, or it has no such size.
    """
    wished = document.get(CAMERA, {})
    if camera is None or not wished:
        return
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
