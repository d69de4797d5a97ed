"""Settings of a station, the only place of the edge that reads the environment.

Sources, first wins: environment ``KYNDOF_*`` (nested with ``__``), then ``$KYNDOF_HOME/edge.toml``.
A secret may be given as a file: ``KYNDOF_MQTT__PASSWORD_FILE``.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

Port = Annotated[int, Field(ge=0, le=65535)]


class KioskSettings(BaseModel):
    """The station's own page."""

    host: str = Field("127.0.0.1", description="Address that the kiosk listens on.")
    port: Port = Field(8101, description="TCP port of the kiosk.")
    badge_silence_s: float = Field(
        1800, gt=0, description="Seconds without an act after which the badge ends."
    )
    shift_end: str = Field(
        "", description="Local time HH:MM at which every badge ends; empty for never."
    )


class MqttSettings(BaseModel):
    """The floor's broker."""

    url: str = Field("mqtt://127.0.0.1:18830", description="Address of the floor's MQTT broker.")
    username: str = Field("", description="User name; empty takes the station's name.")
    password: SecretStr = Field(SecretStr(""), description="Password of that user.")

    @field_validator("url")
    @classmethod
    def _is_broker(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            whole = parts.scheme == "mqtt" and bool(parts.hostname) and parts.port != 0
        except ValueError:
            whole = False
        if not whole or parts.path not in {"", "/"} or parts.query or parts.fragment:
            raise ValueError("a broker is written mqtt://HOST:PORT, with a port from 1 to 65535")
        if parts.username is not None:
            raise ValueError("user and password have settings of their own, not a place in here")
        return url


class CloudSettings(BaseModel):
    """Where the cloud answers."""

    address: str = Field("127.0.0.1:8443", description="host:port of the gRPC intake (mTLS).")
    enrolment_address: str = Field(
        "127.0.0.1:8444", description="host:port of the enrolment service (server certificate)."
    )
    join_token: Path | None = Field(
        None, description="File with the join token; unset for join-token.json in the data folder."
    )
    heartbeat_s: float = Field(5, gt=0, description="Seconds between heartbeats to the cloud.")
    silence_s: float = Field(
        13.5, gt=0, description="Seconds without a word from the cloud after which a link is dead."
    )
    reconnect_max_s: float = Field(
        10, gt=0, description="Longest wait before the next attempt to connect, in seconds."
    )
    renew_check_s: float = Field(
        300, gt=0, description="Seconds between looks at the certificate and the authorities."
    )


class OutboxSettings(BaseModel):
    """Bounds of what waits on this disk."""

    max_mb: int = Field(1024, ge=8, description="Largest outbox and spool file, in MB each.")
    ballast_mb: int = Field(64, ge=0, description="File kept to free space on a full disk, in MB.")
    retention_h: float = Field(24, ge=0, description="Hours that acknowledged events are kept.")
    media_max_mb: int = Field(4096, ge=16, description="Largest picture folder, in MB.")


class InspectionSettings(BaseModel):
    """The pipeline."""

    threads: int = Field(1, ge=1, le=16, description="Threads of the onnxruntime session.")
    bundle: str = Field("base", description="base, or the folder of a signed bundle.")
    bundle_public_key: str = Field("", description="PEM file that signed bundles are checked by.")
    board: str = Field("table-4-tags", description="Name of the tag board under firmware-config.")
    gauge_bar: str = Field(
        "gauge-bar-500", description="Name of the gauge bar under firmware-config/boards."
    )
    calibration_required: bool = Field(
        False, description="Measure nothing until kyndof-edge calibrate has been done."
    )
    gauge_max_age_h: float = Field(
        0, ge=0, description="Hours that a check with the gauge bar holds; 0 asks for none."
    )
    capture_timeout_s: float = Field(3, gt=0, description="Longest wait for a frame, in seconds.")


class EdgeSettings(BaseSettings):
    """Everything that can be set at a station."""

    model_config = SettingsConfigDict(
        env_prefix="KYNDOF_", env_nested_delimiter="__", extra="ignore"
    )

    home: Path = Field(Path(".kyndof"), description="Folder of all data; KYNDOF_HOME.")
    station: str = Field(
        "CUT-01", pattern=r"^[A-Z0-9-]{2,20}$", description="Name of this station on the floor."
    )
    camera: str = Field(
        "",
        description="replay:DIR?fps=5&loop=1, replay:DIR?follow=1, v4l2:0, rtsp://…, picamera2:0.",
    )
    scanner: str = Field("", description="hid:PATH, serial:PATH?baud=9600; empty for none.")
    scan_with_camera: bool = Field(True, description="Also read codes from the camera's frames.")
    language: str = Field("ko", pattern="^(ko|en)$", description="First language of the kiosk.")
    firmware_config: Path = Field(
        Path("firmware-config"), description="Folder of cameras, scanners, lights and boards."
    )
    release_note: Path | None = Field(
        None,
        description="Where it is noted that a release of this program was taken back; none where"
        " nothing takes releases back.",
    )
    parent_pipe: int = Field(
        -1, description="File descriptor whose end means stop; -1 for none. Set by kyndof up."
    )
    log_level: str = Field(
        "INFO",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        description="DEBUG, INFO, WARNING or ERROR.",
    )
    kiosk: KioskSettings = KioskSettings()
    mqtt: MqttSettings = MqttSettings()
    cloud: CloudSettings = CloudSettings()
    outbox: OutboxSettings = OutboxSettings()
    inspection: InspectionSettings = InspectionSettings()

    @property
    def station_home(self) -> Path:
        """Folder of this station's identity, spool, outbox, pictures and bundles."""
        return self.home / "stations" / self.station

    @property
    def join_token_file(self) -> Path:
        """Where the agent looks for a join token."""
        return self.cloud.join_token or self.station_home / "join-token.json"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before the file in the data folder."""
        toml = TomlConfigSettingsSource(settings_cls, _file_of_settings())
        return init_settings, env_settings, toml


def _file_of_settings() -> Path:
    return Path(os.environ.get("KYNDOF_HOME", ".kyndof")) / "edge.toml"


class SettingInvalidError(Exception):
    """A setting is not what its description says; the sentence names it."""

    code = "SETTING_INVALID"


def _secrets_from_files() -> None:
    """Let ``KYNDOF_X_FILE`` stand for ``KYNDOF_X``, as containers give secrets."""
    for name in [n for n in os.environ if n.startswith("KYNDOF_") and n.endswith("_FILE")]:
        try:
            secret = Path(os.environ[name]).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingInvalidError(f"{name}: {error}") from error
        os.environ.setdefault(name.removesuffix("_FILE"), secret)


def _sentence(error: ValidationError) -> str:
    """Return one line that names every wrong setting as it is written in the environment.

    What was given is not repeated: it may be a secret.
    """
    told = []
    for one in error.errors(include_url=False):
        place = "__".join(str(part) for part in one["loc"]).upper()
        told.append(f"KYNDOF_{place}: {one['msg']}")
    return "; ".join(told)


def child_environment(**overrides: str) -> dict[str, str]:
    """Return this process's environment with some names set otherwise, for a child."""
    return os.environ | overrides


def service_manager_address() -> str:
    """Return the socket on which the service manager wants to hear of us; empty for none."""
    return os.environ.get("NOTIFY_SOCKET", "")


def silence_grpc() -> None:
    """Keep gRPC's own lines out of the log; call before it is imported. What it says, we say."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")


def read_settings() -> EdgeSettings:
    """Read and check all settings.

    Raises:
        SettingInvalidError: a setting is not what its description says, or a file of settings
            cannot be read.
    """
    _secrets_from_files()
    try:
        return EdgeSettings()
    except ValidationError as error:
        raise SettingInvalidError(_sentence(error)) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingInvalidError(f"{_file_of_settings()}: {error}") from error
    except SettingsError as error:
        field = str(error).partition('"')[2].partition('"')[0].upper()
        raise SettingInvalidError(f"KYNDOF_{field}…: {error.__cause__ or error}") from error
    except OSError as error:
        raise SettingInvalidError(f"{_file_of_settings()}: {error.strerror}") from error
