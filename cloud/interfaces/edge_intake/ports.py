"""What the stations' border needs; composition hands it in."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from cloud.commands.command import Command, CommandContext, Query
from cloud.stations.queries import (
    CertificateFacts,
    ClockExchange,
    ClockWord,
    LoggedEvent,
    StationKey,
    TokenOwner,
    Upload,
    Wish,
)


class Bus(Protocol):
    """The command bus."""

    async def send(self, command: Command, context: CommandContext) -> Any:  # noqa: ANN401
        """Carry out a command."""
        ...

    async def ask(self, query: Query, context: CommandContext) -> Any:  # noqa: ANN401
        """Answer a question."""
        ...


class CertificateReader(Protocol):
    """Knows the certificates of the cloud's own authority."""

    def read(self, certificate_pem: bytes) -> CertificateFacts | None:
        """Read a certificate; ``None`` when the authority did not sign it."""
        ...

    def proves(self, certificate_pem: bytes, message: bytes, signature: bytes) -> bool:
        """Say whether the key of a certificate signed a message (ECDSA with SHA-256, DER)."""
        ...

    def trust(self) -> tuple[int, tuple[str, ...]]:
        """Return the version of the bundle of authorities, and their certificates, PEM."""
        ...

    def sign_trust(self, bundle: bytes) -> tuple[bytes, ...]:
        """Sign a bundle with the key of every authority that is believed."""
        ...


class ServerCertificates(Protocol):
    """The server's certificate, renewed while it serves."""

    @property
    def ca_pem(self) -> bytes:
        """Return the certificates that clients' certificates are checked by."""
        ...

    def current(self) -> tuple[bytes, bytes]:
        """Return key and chain, PEM, new ones when the time has come."""
        ...


class StationDoor(Protocol):
    """What must be known before an organization is, and bookkeeping of the transport."""

    async def owner_of_token(self, token_hash: bytes) -> TokenOwner | None:
        """Return whose join token this is."""
        ...

    async def seen(self, station: StationKey) -> None:
        """Note that a station was heard now."""
        ...

    async def note_exchange(self, station: StationKey, exchange: ClockExchange) -> None:
        """Keep what a round trip tells of a station's clock, where it is worth it."""
        ...

    async def note_words(self, station: StationKey, words: Sequence[ClockWord]) -> None:
        """Keep what a station says of the clocks of earlier boots that nobody else knows."""
        ...


class EventLog(Protocol):
    """The reading side of the stations' log."""

    async def backlog(self) -> Sequence[StationKey]:
        """Return the stations that have committed events which were not projected."""
        ...

    async def pending(
        self, station: StationKey, limit: int, idle_types: Sequence[str]
    ) -> Sequence[LoggedEvent]:
        """Return the next accepted events of a station, in order, of one epoch and stream.

        Those of ``idle_types`` are left out, and passed over when nothing else is there.
        """
        ...

    async def find(self, station: StationKey, event_id: str) -> LoggedEvent | None:
        """Return an accepted event of a station."""
        ...

    async def move(self, station: StationKey, event: LoggedEvent) -> None:
        """Note that everything up to and including ``event`` was projected."""
        ...

    def passes(self, error: BaseException) -> bool:
        """Say whether an error is of a kind that goes away by itself."""
        ...

    def wakes(self) -> AsyncIterator[StationKey | None]:
        """Yield a station when it has new events; ``None`` when any may have."""
        ...


class PictureVault(Protocol):
    """Keeps pictures; nobody sees one before its row is committed."""

    async def holds(self, organization_id: str, sha256: str, size_bytes: int) -> bool:
        """Say whether the picture lies there whole."""
        ...

    async def begin(self, station: StationKey, upload: Upload) -> int:
        """Begin or resume an upload; return how many bytes are safe."""
        ...

    async def find(self, station: StationKey, sha256: str) -> Upload | None:
        """Return an upload that was begun and not finished."""
        ...

    async def append(self, station: StationKey, sha256: str, offset: int, data: bytes) -> int:
        """Append bytes at the end; return the new length.

        Raises:
            ValueError: ``offset`` is not the end, or the picture gets longer than announced.
        """
        ...

    async def flush(self, station: StationKey, sha256: str) -> int:
        """Make what was appended durable; return how many bytes are safe."""
        ...

    async def finish(self, station: StationKey, upload: Upload) -> str:
        """Verify the whole picture and put it into the store.

        Returns:
            Why it was thrown away, empty when it is whole.
        """
        ...

    async def forget(self, station: StationKey, sha256: str) -> None:
        """Remove what is left of an upload."""
        ...


class BundleFiles(Protocol):
    """Holds the files of released bundles."""

    async def read(self, organization_id: str, sha256: str, start: int, length: int) -> bytes:
        """Return ``length`` bytes of a file from ``start`` on.

        Raises:
            ModelBundleUnknownError: the store has lost it.
        """
        ...


class WorkPackages(Protocol):
    """Keeps which generation of which work package each station should have."""

    async def wish(self, station: StationKey, work_digest: str) -> Wish:
        """Return the wish with this work package; a changed wish gets the next generation."""
        ...

    async def watermark(self, station: StationKey) -> int:
        """Return the last of the station's own events about work that production has judged.

        It is a number of stream ``events`` in the station's newest epoch; 0 before the first.
        """
        ...


class StyleFiles(Protocol):
    """What is known of styles: statistics, outlines, and the kinds of flaws that people named."""

    def bank(self, style: str) -> bytes | None:
        """Return a style's bank; ``None`` when it was not taught."""
        ...

    def templates(self, style: str) -> Mapping[str, bytes]:
        """Return a style's templates by size, "" for every size."""
        ...

    def prototypes(self) -> bytes | None:
        """Return the kinds of flaws that people named; ``None`` when nobody did."""
        ...
