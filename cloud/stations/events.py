"""What happened to stations, their events and their pictures."""

from dataclasses import dataclass

from cloud.events.event import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class StationRegistered(DomainEvent):
    """A station has a name and stages."""

    station_id: str
    station_name: str
    stages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StationEnrolled(DomainEvent):
    """A device holds the station's certificate."""

    station_id: str
    station_name: str
    certificate_serial: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationCertificateRenewed(DomainEvent):
    """A station was given its next certificate."""

    station_id: str
    station_name: str
    certificate_serial: str
    renews: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationRevoked(DomainEvent):
    """A station is shut out."""

    station_id: str
    station_name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationStateChanged(DomainEvent):
    """Something that a person can see at a station changed."""

    station_id: str
    station_name: str
    online: bool
    worker: str
    piece_id: str
    step_id: str
    phase: str
    alarms: tuple[str, ...]
    finished_count: int
    failed_count: int
    camera: str
    bundle: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationEventDisputed(DomainEvent):
    """A fact from the floor was refused by a rule and waits for a person."""

    station_id: str
    station_name: str
    event_id: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationDisputeResolved(DomainEvent):
    """A person decided."""

    event_id: str
    station_id: str
    decision: str
    reason: str
    resolved_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationDisputeAccepted(DomainEvent):
    """A person says that a refused fact is true: whoever it concerns takes it up now."""

    station_id: str
    station_name: str
    event_id: str
    fact_type: str
    code: str
    reason: str
    accepted_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationImportTaken(DomainEvent):
    """A file of a station that was cut off came in by hand."""

    station_id: str
    station_name: str
    file_digest: str
    events_new_count: int
    pictures_new_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StationFaultReported(DomainEvent):
    """Something suspicious about a station is on record."""

    station_id: str
    station_name: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaStored(DomainEvent):
    """A picture can be seen."""

    sha256: str
    size_bytes: int
    content_type: str
    station_id: str
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConfigured(DomainEvent):
    """Another configuration is wished of a station."""

    station_id: str
    station_name: str
    version: int
    digest: str
    saved_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConfigurationReported(DomainEvent):
    """A station uses another configuration, or says why it does not."""

    station_id: str
    station_name: str
    digest: str
    wished: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationLogsAsked(DomainEvent):
    """Somebody wants to see a station's log."""

    station_id: str
    station_name: str
    log_request_id: str
    asked_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationLogsTold(DomainEvent):
    """A station's log can be seen."""

    station_id: str
    station_name: str
    log_request_id: str
    lines_count: int
