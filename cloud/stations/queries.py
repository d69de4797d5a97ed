"""What may be asked about stations, and how the answers look."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from cloud.commands.command import Query
from cloud.stations.commands import LogLine


@dataclass(frozen=True, slots=True, kw_only=True)
class ListStations(Query):
    """All stations of the organization that are not revoked, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindStation(Query):
    """One station."""

    station_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationStanding(Query):
    """Whether the cloud still accepts a station with this certificate (serial in hex)."""

    station_id: str
    certificate_serial: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDisputes(Query):
    """Facts from the floor that a rule refused, newest first; ``before`` is a page's last event."""

    open_only: bool = True
    limit: int = 200
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindMedia(Query):
    """A picture by its SHA-256 in hex."""

    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindStationConfiguration(Query):
    """What is wished of a station, what it made of it, and what can be wished at all."""

    station_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListStationConfigurations(Query):
    """Every version that was ever wished of a station, newest first."""

    station_id: str
    limit: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConfigurationDocument(Query):
    """The bytes of a configuration by its digest, as the station asks for them."""

    station_id: str
    config_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationVersionView:
    """One version; ``document`` is JSON."""

    version: int
    digest: str
    document: str
    saved_by: str
    saved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationFieldView:
    """One setting and what it may be at this station.

    ``kind`` is number, integer, boolean, text or choice.
    """

    section: str
    name: str
    kind: str
    minimum: float | None
    maximum: float | None
    above_minimum: bool
    choices: tuple[str, ...]
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConfigurationView:
    """What is wished of a station's settings and what became of it.

    ``standing`` is none (nothing was ever wished), applied, refused, pending, or away (pending,
    and the station is not there to hear it). ``refusal`` is a code, ``detail`` one sentence of
    the station. ``camera`` is what the station calls its camera, empty before it ever said so;
    ``sizes_px`` are the (width, height) that it gives, empty where the ranges say all.
    """

    station_id: str
    station_name: str
    version: int
    digest: str
    document: str
    saved_by: str
    saved_at: datetime | None
    standing: str
    used_digest: str
    refusal: str
    detail: str
    camera: str
    sizes_px: tuple[tuple[int, int], ...]
    fields: tuple[ConfigurationFieldView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotView:
    """What a station shows at this moment."""

    worker: str
    piece_id: str
    step_id: str
    phase: str
    alarms: tuple[str, ...]
    finished_count: int
    failed_count: int
    spool_count: int
    camera: str
    bundle: str
    package_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationView:
    """A station as people and programs see it."""

    station_id: str
    name: str
    title_ko: str
    title_en: str
    stages: tuple[str, ...]
    status: str
    enrolled: bool
    online: bool
    last_seen_at: datetime | None
    snapshot: SnapshotView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """``known``, ``revoked`` or ``unknown``, and the names that belong to the station.

    ``retired`` says that the station is good and only this certificate is not, any more.
    """

    status: str
    station_name: str = ""
    detail: str = ""
    retired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeView:
    """A disputed fact with what is known of it.

    ``outcome`` says what became of an accepted one: UNDERWAY, APPLIED, or HELD for an approval.
    ``occurred_at`` is by the cloud's clock, off by at most ``event_time_err_ms``; that is ``None``
    where only the station's own wall clock is known.
    """

    event_id: str
    station_id: str
    station_name: str
    type: str
    worker: str
    occurred_at: datetime | None
    event_time_err_ms: int | None
    code: str
    detail: str
    disputed_at: datetime
    decision: str | None
    reason: str | None
    resolved_by: str | None
    resolved_at: datetime | None
    outcome: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaView:
    """A picture that the asker may read."""

    sha256: str
    size_bytes: int
    content_type: str
    station_id: str
    stored_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedJoinToken:
    """A join token, told once and never stored."""

    join_token: str
    station_id: str
    serial: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """The certificate of a station that has just enrolled."""

    station_id: str
    station_name: str
    certificate_pem: str
    ca_pem: str
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """The next certificate of a station."""

    certificate_pem: str
    ca_pem: str
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a stream got; ``digest`` is the rolling digest there."""

    stream: str
    seq: int
    digest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOpening:
    """The epoch of an outbox and where it goes on."""

    epoch: int
    is_new: bool
    positions: tuple[Position, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Everything up to ``committed_seq`` is in; ``duplicates`` events of the batch were."""

    committed_seq: int
    duplicates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """What a certificate of our own authority says; ``serial`` in hex."""

    organization_id: str
    station_id: str
    serial: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenOwner:
    """Whose join token it is."""

    organization_id: str
    organization_code: str
    station_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationKey:
    """A station of an organization."""

    organization_id: str
    station_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WishedTrial:
    """What a rollout asks of a station: garments, seconds, shares, and a line of rejects."""

    shadow_garments: int
    shadow_s: float
    trial_garments: int
    trial_s: float
    failing_restarts: int
    error_ratio: float
    slow_ratio: float
    override_ratio: float
    slope_ratio: float
    upper_count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A generation of what a station should have; an empty digest wishes nothing."""

    generation: int
    work_digest: str
    config_digest: str = ""
    model_digest: str = ""
    rollout_id: str = ""
    trial: WishedTrial | None = None
    log_request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockExchange:
    """A word of the cloud and a station's answer.

    The cloud spoke at ``told_us`` (µs from 1970) and had the answer at ``answered_us`` by its own
    clock; the station heard at ``heard_ns`` and answered at ``said_ns`` by the monotonic one of
    its boot.
    """

    boot_id: bytes
    told_us: int
    heard_ns: int
    said_ns: int
    answered_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockWord:
    """What a station said of its own clocks at one moment of a boot.

    ``wall_us`` counts µs from 1970, off by at most ``error_us`` where a time server agreed
    (``synced``).
    """

    boot_id: bytes
    wall_us: int
    mono_ns: int
    synced: bool
    error_us: int


class LoggedEvent(NamedTuple):
    """A committed event on its way into the rooms it concerns.

    Thousands are read in a second, most of which change nothing: a tuple costs a tenth of an
    object whose fields are set one by one. ``event_time`` is by the cloud's clock, off by at most
    ``event_time_err_ms``; that is ``None`` where only the station's own wall clock is known.
    """

    epoch: int
    stream: str
    seq: int
    standing: str
    event_id: str
    type: str
    payload: bytes
    event_time: datetime
    event_time_err_ms: int | None
    worker: str
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A picture that a station wants to send."""

    sha256: str
    size_bytes: int
    content_type: str
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindStationLogs(Query):
    """What did a station last answer when somebody asked for its log?"""

    restricted = True
    domain = "stations"

    station_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationLogsView:
    """Warnings and errors of a station, oldest first; ``answered_at`` None: it has not answered.

    ``log_request_id`` is empty where nobody ever asked. ``left_out_count`` lines were not sent.
    ``refusal`` is the code of why its answer was not taken; empty where it was.
    """

    station_id: str
    station_name: str
    log_request_id: str = ""
    asked_by: str = ""
    asked_at: datetime | None = None
    answered_at: datetime | None = None
    lines: tuple[LogLine, ...] = ()
    left_out_count: int = 0
    refusal: str = ""
