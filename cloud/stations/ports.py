"""What the stations' room needs from the world."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cloud.stations.commands import (
    BuryEvent,
    CameraCapabilities,
    ConfigurationReport,
    RecordStationGap,
    RecordStationReport,
    StoreMedia,
)
from cloud.stations.configuration import ConfigurationField, Document
from cloud.stations.enrolment import JoinToken
from cloud.stations.event_log import AppendPlan, Cursor
from cloud.stations.queries import (
    ConfigurationVersionView,
    DisputeView,
    MediaView,
    StationLogsView,
)
from cloud.stations.station import Station, StationState, StationStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCertificate:
    """A certificate that the authority signed; ``serial`` in hex."""

    serial: str
    certificate_pem: str
    not_before: datetime
    not_after: datetime


class CertificateAuthority(Protocol):
    """Signs the certificates of stations."""

    @property
    def ca_pem(self) -> str:
        """Return the certificates of the authorities to believe; the one that signs is first."""
        ...

    def key_of_request(self, csr_der: bytes) -> bytes:
        """Return the SHA-256 of the public key in a signing request.

        Raises:
            SigningRequestInvalidError: damaged, not signed by its own key, or not P-256.
        """
        ...

    def issue(self, csr_der: bytes, organization_id: str, station_id: str) -> IssuedCertificate:
        """Sign a certificate for the key in the request; the rest of the request is ignored.

        Raises:
            SigningRequestInvalidError: damaged, not signed by its own key, or not P-256.
        """
        ...


class StageCodes(Protocol):
    """The kinds of work that the registry knows."""

    def codes(self) -> frozenset[str]:
        """Return the codes of all stages."""
        ...


class ConfigurationSchema(Protocol):
    """What a station's configuration may hold."""

    def fields(self) -> tuple[ConfigurationField, ...]:
        """Return every setting that there is."""
        ...

    def check(self, document: Document) -> None:
        """Refuse a document that the schema refuses.

        Raises:
            ConfigurationInvalidError: the first error, by its place.
        """
        ...


class ConfigurationStore(Protocol):
    """Configurations of the organization's stations, and what the stations made of them."""

    async def newest(self, station_id: str) -> ConfigurationVersionView | None:
        """Return what is wished of a station."""
        ...

    async def versions(self, station_id: str, limit: int) -> list[ConfigurationVersionView]:
        """Return what was ever wished, newest first."""
        ...

    async def find(self, station_id: str, digest: str) -> ConfigurationVersionView | None:
        """Return a version by its digest."""
        ...

    async def add(self, station_id: str, version: ConfigurationVersionView) -> None:
        """Keep a new version."""
        ...

    async def observed(
        self, station_id: str
    ) -> tuple[ConfigurationReport | None, CameraCapabilities | None]:
        """Return what the station last said of its configuration and its camera."""
        ...


class StationStore(Protocol):
    """Stations of the organization."""

    async def add(self, station: Station) -> bool:
        """Add a station; say whether its name was free."""
        ...

    async def find(self, station_id: str, *, lock: bool = False) -> Station | None:
        """Return a station; ``lock`` keeps others from changing it in this transaction."""
        ...

    async def everyone(self) -> list[tuple[Station, StationState | None]]:
        """Return all stations that are not revoked, by name, with what they show."""
        ...

    async def set_status(
        self, station_id: str, status: StationStatus, at: datetime, reason: str | None
    ) -> None:
        """Move a station to another place in its life."""
        ...

    async def set_presence(self, station_id: str, online: bool, at: datetime) -> None:
        """Mark a station as here or gone."""
        ...

    async def state(self, station_id: str, *, lock: bool = False) -> StationState | None:
        """Return what a station shows."""
        ...

    async def save_state(self, station_id: str, state: StationState, at: datetime) -> None:
        """Keep what a station shows."""
        ...

    async def save_report(self, report: RecordStationReport, at: datetime) -> bool:
        """Keep what a station made of the wish; say whether word of its configuration is new."""
        ...


class EnrolmentStore(Protocol):
    """Join tokens and certificates."""

    async def add_token(
        self, token_hash: bytes, token: JoinToken, issued_by: str, issued_at: datetime
    ) -> None:
        """Keep a token by its hash."""
        ...

    async def find_token(self, token_hash: bytes) -> JoinToken | None:
        """Return a token, locked for this transaction."""
        ...

    async def take_token(
        self, token_hash: bytes, key_sha256: bytes, certificate_serial: str, at: datetime
    ) -> bool:
        """Use a token up; say whether nobody had."""
        ...

    async def add_certificate(
        self,
        station_id: str,
        key_sha256: bytes,
        certificate: IssuedCertificate,
        renews: str | None = None,
    ) -> None:
        """Keep a certificate that was signed for a station, and which one it renews."""
        ...

    async def successor(
        self, station_id: str, certificate_serial: str
    ) -> tuple[bytes, IssuedCertificate] | None:
        """Return what renews a certificate and is not revoked, with the SHA-256 of its key."""
        ...

    async def see_certificate(
        self, station_id: str, certificate_serial: str, at: datetime
    ) -> str | None:
        """Note that a certificate is in use; return what it renews when it is so for once."""
        ...

    async def revoke_certificate(
        self, station_id: str, certificate_serial: str, at: datetime
    ) -> None:
        """Accept this certificate no more."""
        ...

    async def find_certificate(
        self, station_id: str, certificate_serial: str
    ) -> IssuedCertificate | None:
        """Return a certificate of a station that is not revoked."""
        ...

    async def revoke_certificates(self, station_id: str, at: datetime) -> None:
        """Accept none of the station's certificates from now on."""
        ...


class StationEventStore(Protocol):
    """The log of what stations said."""

    async def find_epoch(self, station_id: str, outbox_id: str) -> int | None:
        """Return the epoch of a known outbox."""
        ...

    async def latest_epoch(self, station_id: str) -> int:
        """Return the newest epoch, 0 when there is none."""
        ...

    async def add_epoch(
        self, station_id: str, epoch: int, outbox_id: str, agent_version: str
    ) -> None:
        """Give an outbox its epoch and empty cursors."""
        ...

    async def cursors(self, station_id: str, epoch: int) -> dict[str, Cursor]:
        """Return how far each stream of an epoch got."""
        ...

    async def lock_cursor(self, station_id: str, epoch: int, stream: str) -> Cursor | None:
        """Return a cursor and keep it for this transaction."""
        ...

    async def append(self, station_id: str, epoch: int, stream: str, plan: AppendPlan) -> None:
        """Write new events, move the cursor, and wake the projector at commit."""
        ...

    async def append_gap(self, gap: RecordStationGap, first_seq: int, cursor: Cursor) -> None:
        """Keep a gap that begins at ``first_seq`` here, and move the cursor."""
        ...

    async def bury(self, burial: BuryEvent, at: datetime) -> None:
        """Mark an event as dead and keep it among the dead letters."""
        ...


class DisputeStore(Protocol):
    """Facts that a rule refused."""

    async def add(
        self, station_id: str, event_id: str, code: str, detail: str, at: datetime
    ) -> bool:
        """Keep a dispute; say whether it is new."""
        ...

    async def find(self, event_id: str) -> DisputeView | None:
        """Return a dispute, locked for this transaction."""
        ...

    async def resolve(self, view: DisputeView) -> None:
        """Keep the decision."""
        ...

    async def reopen(self, event_id: str, code: str, detail: str, at: datetime) -> bool:
        """Take an acceptance back, with a new reason; say whether there was one."""
        ...

    async def newest(self, open_only: bool, limit: int, before: str) -> Sequence[DisputeView]:
        """Return disputes, newest first."""
        ...


class MediaStore(Protocol):
    """Rows that make pictures visible."""

    async def add(self, media: StoreMedia, at: datetime) -> bool:
        """Make a picture visible; say whether it was not before."""
        ...

    async def find(self, sha256: str) -> MediaView | None:
        """Return a visible picture."""
        ...


class StationLogStore(Protocol):
    """The last question for a station's log, and its answer."""

    async def find(self, station_id: str, station_name: str) -> StationLogsView:
        """Return it; an empty one where nobody ever asked."""
        ...

    async def keep(self, logs: StationLogsView) -> None:
        """Put it in the place of the one before."""
        ...
