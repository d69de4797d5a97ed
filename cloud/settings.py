"""Settings of the cloud, the only place of it that reads the environment.

Sources, first wins: environment ``KYNDOF_*`` (nested with ``__``), then ``kyndof.toml`` in home.
``REDIS_URL`` keeps its name. A secret may be given as a file: ``KYNDOF_DATABASE_URL_FILE``.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

CHECKOUT = Path(__file__).parents[1]
Port = Annotated[int, Field(ge=0, le=65535)]


class HttpSettings(BaseModel):
    """Dashboard, REST and WebSocket."""

    host: str = Field("127.0.0.1", description="Address that HTTP listens on.")
    port: Port = Field(8080, description="TCP port of HTTP.")
    secure_cookie: bool = Field(False, description="Send the session cookie over TLS only.")
    session_h: float = Field(24 * 14, gt=0, description="Hours that a web session lives.")
    rate_limit_count: int = Field(
        3000, ge=1, description="Requests in a minute of one key or session."
    )
    refusal_limit_count: int = Field(
        120, ge=1, description="Requests in a minute from one address that prove nobody."
    )
    if_match_needed: bool = Field(
        False, description="Take no edit of a piece, inspection or station without If-Match."
    )
    own_address: str = Field(
        "",
        pattern="^(https?://[^/]+)?$",
        description="https://… by which browsers reach us; empty: as the browser says.",
    )


class SignInSettings(BaseModel):
    """How often somebody may try to come in."""

    account_burst_count: int = Field(
        8, ge=1, description="Tries for one account at once, right or wrong."
    )
    account_per_h_count: float = Field(
        30, gt=0, description="Tries for one account an hour after that."
    )
    address_burst_count: int = Field(60, ge=1, description="Tries from one address at once.")
    address_per_h_count: float = Field(
        600, gt=0, description="Tries from one address an hour after that."
    )


class OpenIdProviderSettings(BaseModel):
    """An OpenID provider that may say who somebody is."""

    issuer: str = Field("", description="The provider's issuer address; empty: none is used.")
    client_id: str = Field("", description="Our name at the provider.")
    client_secret: SecretStr = Field(SecretStr(""), description="Our secret at the provider.")
    name: str = Field("OpenID", description="What the button on the sign-in page says.")


class SlackSignInSettings(BaseModel):
    """Our application at Slack, for linking accounts."""

    address: str = Field("https://slack.com", description="Where Slack is.")
    client_id: str = Field("", description="The application's client ID; empty: none is used.")
    client_secret: SecretStr = Field(SecretStr(""), description="The application's secret.")


class GrpcSettings(BaseModel):
    """The stations' doors."""

    host: str = Field("127.0.0.1", description="Address that gRPC listens on.")
    port: Port = Field(8443, description="TCP port of the intake (mTLS).")
    enrolment_port: Port = Field(8444, description="TCP port of enrolment (server certificate).")
    names: list[str] = Field(
        ["localhost", "127.0.0.1"], description="Names and addresses in the server certificate."
    )


class MqttSettings(BaseModel):
    """The embedded broker."""

    host: str = Field("127.0.0.1", description="Address that the broker listens on.")
    port: Port = Field(18830, description="TCP port of the broker.")
    users: dict[str, SecretStr] = Field(
        {}, description="User name (a station's name) to password, as JSON. Set by kyndof up."
    )


class GraphSettings(BaseModel):
    """GraphQL."""

    introspection: bool = Field(True, description="Let whoever is signed in read the schema.")
    depth_count: int = Field(10, ge=3, description="How deep a question may be nested.")
    cost_count: int = Field(
        100_000, ge=100, description="What a question may cost: a field 1, a list per item."
    )


class WebhooksSettings(BaseModel):
    """Messages to other systems."""

    allow_private: bool = Field(
        False, description="Send webhooks over http and into private networks too."
    )


class StationsSettings(BaseModel):
    """The stations that `kyndof up` starts."""

    kiosk_ports: dict[str, int] = Field(
        {"CUT-01": 8101, "QC-01": 8102}, description="Station name to TCP port of its kiosk."
    )
    cameras: dict[str, str] = Field(
        {}, description="Station name to camera; missing: replay of its scene folder in home."
    )


class JobsSettings(BaseModel):
    """The workers of background jobs."""

    lock_s: float = Field(
        30, gt=0, description="Seconds after which a silent worker's job is lost."
    )
    stalled_s: float = Field(30, gt=0, description="Seconds between two looks for lost jobs.")


class RetentionSettings(BaseModel):
    """How long facts stay. Whole months; the running month comes on top."""

    executions_months: int = Field(
        3, ge=2, le=1200, description="Months that answers by idempotency key stay."
    )
    events_months: int = Field(
        13, ge=3, le=1200, description="Months that domain events stay; unheard ones stay longer."
    )
    audit_months: int = Field(
        60, ge=12, le=1200, description="Months that audit rows stay; then sealed and dropped."
    )
    ahead_months: int = Field(3, ge=1, le=24, description="Months whose partitions are made ahead.")
    audit_anchors: str = Field(
        "",
        description="Folder of the audit chains' anchors, best on another machine; empty: "
        "audit-anchors/ in home.",
    )


class CloudSettings(BaseSettings):
    """Everything that can be set in the cloud."""

    model_config = SettingsConfigDict(
        env_prefix="KYNDOF_", env_nested_delimiter="__", extra="ignore", populate_by_name=True
    )

    home: Path = Field(Path(".kyndof"), description="Folder of all data; KYNDOF_HOME.")
    environment: str = Field(
        "development",
        pattern="^(development|production)$",
        description="production refuses embedded servers and the demo organizations.",
    )
    allow_embedded: bool = Field(False, description="Let production run embedded servers.")
    database_url: SecretStr = Field(
        SecretStr("embedded:"), description="PostgreSQL URL of role kyndof_app, or embedded:."
    )
    database_owner_url: SecretStr = Field(
        SecretStr(""), description="PostgreSQL URL of role kyndof_owner; for migrations only."
    )
    database_jobs_url: SecretStr = Field(
        SecretStr(""), description="PostgreSQL URL of role kyndof_jobs; for background jobs."
    )
    credential_keys: SecretStr = Field(
        SecretStr(""),
        description="Keys that seal secrets, NAME:BASE64 of 32 bytes each; the first one seals.",
    )
    credential_keys_file: Path | None = Field(
        None, description="File of these keys, read again while running; none: `up` makes one."
    )
    redis_url: SecretStr = Field(
        SecretStr(""), validation_alias="REDIS_URL", description="Redis; empty: none is used."
    )
    object_store: str = Field(
        "", description="Folder or s3:// URL of pictures; empty: objects/ in home."
    )
    registry: Path = Field(CHECKOUT / "registry", description="Folder of the plug-in files.")
    firmware_config: Path = Field(
        CHECKOUT / "firmware-config", description="Folder of cameras, scanners, lights and boards."
    )
    login_path: Path = Field(
        Path("~/.config/kyndof/login.json"),
        description="File in which `kyndof login` keeps address and secret; only its owner reads.",
    )
    pki: Path | None = Field(None, description="Folder of the station CA; empty: pki/ in home.")
    bundle_keys: Path | None = Field(
        None,
        description="Folder of the root and release keys that sign bundles; empty: bundle-keys/ in "
        "home, and in production a refusal to sign.",
    )
    token_keys: Path | None = Field(
        None,
        description="Folder of the keys that sign access tokens, shared by all processes; empty: "
        "tokens/ in home.",
    )
    parent_pipe: int = Field(
        -1, description="File descriptor whose end means stop; -1 for none. Set by kyndof up."
    )
    log_level: str = Field(
        "INFO",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        description="DEBUG, INFO, WARNING or ERROR.",
    )
    pool_size: int = Field(10, ge=2, le=100, description="Largest number of database connections.")
    http: HttpSettings = HttpSettings()
    grpc: GrpcSettings = GrpcSettings()
    mqtt: MqttSettings = MqttSettings()
    openid: OpenIdProviderSettings = OpenIdProviderSettings()
    sign_in: SignInSettings = SignInSettings()
    slack: SlackSignInSettings = SlackSignInSettings()
    stations: StationsSettings = StationsSettings()
    retention: RetentionSettings = RetentionSettings()
    webhooks: WebhooksSettings = WebhooksSettings()
    graph: GraphSettings = GraphSettings()
    jobs: JobsSettings = JobsSettings()

    @property
    def pki_folder(self) -> Path:
        """Folder of the station CA's key and certificate."""
        return self.pki or self.home / "pki"

    @property
    def token_keys_folder(self) -> Path:
        """Folder of the keys that sign access tokens."""
        return self.token_keys or self.home / "tokens"

    @property
    def audit_anchors_folder(self) -> Path:
        """Folder of the audit chains' anchors."""
        chosen = self.retention.audit_anchors
        return Path(chosen) if chosen else self.home / "audit-anchors"

    @property
    def object_store_location(self) -> str:
        """Folder or URL of the object store."""
        return self.object_store or str(self.home / "objects")

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
    return Path(os.environ.get("KYNDOF_HOME", ".kyndof")) / "kyndof.toml"


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
        name = place if place == "REDIS_URL" else f"KYNDOF_{place}"
        told.append(f"{name}: {one['msg']}")
    return "; ".join(told)


def read_settings() -> CloudSettings:
    """Read and check all settings.

    Raises:
        SettingInvalidError: a setting is not what its description says, or a file of settings
            cannot be read.
    """
    _secrets_from_files()
    try:
        return CloudSettings()
    except ValidationError as error:
        raise SettingInvalidError(_sentence(error)) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingInvalidError(f"{_file_of_settings()}: {error}") from error
    except SettingsError as error:
        field = str(error).partition('"')[2].partition('"')[0].upper()
        raise SettingInvalidError(f"KYNDOF_{field}…: {error.__cause__ or error}") from error
    except OSError as error:
        raise SettingInvalidError(f"{_file_of_settings()}: {error.strerror}") from error


def spoken_language() -> str:
    """Return ``en`` where the person's terminal is set to English, else ``ko``.

    What the environment asks for counts, whether or not this machine has that locale installed.
    """
    chosen = next(
        (os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), ""
    )
    return "en" if chosen.lower().startswith("en") else "ko"


def child_environment(**values: str) -> dict[str, str]:
    """Return this process's environment with ``values`` over it, for a child of `kyndof up`."""
    return os.environ | values
