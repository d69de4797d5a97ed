"""Profiles of devices under `firmware-config`: computers, cameras, scanners, lights."""

from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.scanning.errors import ScannerProfileError
from edge.station.errors import ConfigurationProfileError

Words = Annotated[str, Field(min_length=1, max_length=200)]
Usb = Annotated[str, Field(pattern=r"^[0-9a-f]{4}$")]
Colour = Literal["off", "blue", "green", "red", "yellow"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _Titled(_Strict):
    title_ko: Words
    title_en: Words


class ComputerProfile(_Titled):
    """A computer under a table, as ``firmware-config/boards/computers/NAME.yml`` has it."""

    architecture: Literal["aarch64", "x86_64"]
    packages: list[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.+-]+$")]]
    system_packages: bool
    camera_kinds: list[Literal["picamera2", "v4l2", "rtsp"]]
    threads_count: int = Field(ge=1, le=16)
    memory_max_mb: int = Field(ge=512)


class CameraProfile(_Strict):
    """A camera's locked values, as ``firmware-config/cameras/NAME.toml`` has them."""

    width_px: int | None = Field(None, ge=64, le=16384)
    height_px: int | None = Field(None, ge=64, le=16384)
    exposure_us: float | None = Field(None, gt=0, le=1_000_000)
    gain_ratio: float | None = Field(None, gt=0, le=64)
    white_balance_red_ratio: float | None = Field(None, gt=0, le=16)
    white_balance_blue_ratio: float | None = Field(None, gt=0, le=16)
    white_balance_kelvin: int | None = Field(None, ge=1500, le=15000)
    focus: int | None = Field(None, ge=0)


class Sentence(_Strict):
    """One line for the person who sets a device up."""

    ko: Words
    en: Words


class SetUpCode(Sentence):
    """A code of the maker's manual: scanned once, it sets the scanner."""

    symbology: Literal["qr", "data_matrix", "code_128"]
    text: Annotated[str, Field(min_length=1, max_length=500)]


class UsbDevice(_Strict):
    """Which device on the bus it is, in hexadecimal."""

    vendor: Usb
    product: Usb


class ScannerProfile(_Titled):
    """A scanner and how it must be set, as ``firmware-config/scanners/NAME.yml`` has it."""

    kind: Literal["hid", "serial"]
    address: Annotated[str, Field(pattern=r"^(hid|serial):/")]
    ends_with: Literal["enter", "cr", "lf"]
    usb: UsbDevice | None = None
    wanted: list[Sentence] = Field(min_length=1)
    set_up_codes: list[SetUpCode]


class SignalLight(_Strict):
    """What the light over the table shows for each wish that the station publishes."""

    topic: Literal["v1/{station}/light"]
    colours: dict[Colour, Literal["off", "steady", "blink"]]


class LightProfile(_Titled):
    """The light over a table, as ``firmware-config/lights/NAME.yml`` has it."""

    colour_temperature_k: int = Field(ge=2000, le=10000)
    colour_rendering_index: int = Field(ge=0, le=100)
    illuminance_lux: int = Field(gt=0)
    flicker_free: bool
    signal: SignalLight | None = None


#: Name of the schema to the kind of file that it describes.
SCHEMAS: dict[str, type[BaseModel]] = {
    "computer": ComputerProfile,
    "camera": CameraProfile,
    "scanner": ScannerProfile,
    "light": LightProfile,
}
Profile = TypeVar("Profile", bound=BaseModel)


def read_scanner_profile(folder: Path, name: str) -> ScannerProfile:
    """Read ``scanners/NAME.yml``.

    Raises:
        ScannerProfileError: there is none of that name, or it is not as its schema says.
    """
    try:
        profile = _read(ScannerProfile, folder / "scanners", name)
    except _UnreadableError as error:
        raise ScannerProfileError(str(error)) from error
    if not profile.address.startswith(f"{profile.kind}:"):
        raise ScannerProfileError(f"{name}: the address is not of kind {profile.kind}")
    return profile


def read_light_profile(folder: Path, name: str) -> LightProfile:
    """Read ``lights/NAME.yml``.

    Raises:
        ConfigurationProfileError: there is none of that name, or it is not as its schema says.
    """
    try:
        return _read(LightProfile, folder / "lights", name)
    except _UnreadableError as error:
        raise ConfigurationProfileError(str(error)) from error


def profile_names(folder: Path, kind: Literal["scanners", "lights"]) -> tuple[str, ...]:
    """Return the names of the profiles that lie at this station."""
    return tuple(sorted(path.stem for path in (folder / kind).glob("*.yml")))


class _UnreadableError(Exception):
    """A file is missing or not as its schema says."""


def _read(kind: type[Profile], folder: Path, name: str) -> Profile:
    path = folder / f"{name}.yml"
    try:
        return kind.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        names = ", ".join(sorted(one.stem for one in folder.glob("*.yml")))
        raise _UnreadableError(f"no profile {name!r}; there are: {names}") from error
    except (ValidationError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise _UnreadableError(f"{path}: {error}") from error
