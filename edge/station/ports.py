"""Capabilities that a station needs; infrastructure gives them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from edge.station.events import Fact, Stamp, StationSnapshot
from edge.station.inspection_record import InspectionRecord, InspectionTask, Shot
from edge.station.progress import StepRecord
from edge.station.worker import Worker


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        ...

    def monotonic_ns(self) -> int:
        """Return nanoseconds since boot; never goes back."""
        ...


class IdFactory(Protocol):
    """Makes identifiers."""

    def new(self, prefix: str) -> str:
        """Return ``prefix_`` followed by a fresh ULID, 26 capitals and digits."""
        ...

    def event_id(self) -> bytes:
        """Return the 16 bytes of a fresh ULID."""
        ...


class Camera(Protocol):
    """The one camera over the table."""

    async def capture(self, timeout_s: float) -> Shot:
        """Return the newest frame, decoded.

        Raises:
            CameraNotConfiguredError: no camera is set.
            CameraUnpluggedError: no fresh frame came within ``timeout_s``.
        """
        ...


class Inspector(Protocol):
    """The inspection pipeline as the guide sees it."""

    async def inspect(self, shot: Shot, task: InspectionTask) -> InspectionRecord:
        """Judge one frame by the step's standard.

        Raises:
            StationError: the pipeline cannot judge at all; its code says why.
        """
        ...


class PictureStore(Protocol):
    """Keeps pictures until they are uploaded."""

    async def put(self, content: bytes) -> str:
        """Write a picture durably and return its SHA-256 in hex.

        Raises:
            DiskFullError: the disk takes no more; nothing was kept.
        """
        ...


class Journal(Protocol):
    """Facts written down before they are shown."""

    async def append(self, facts: Sequence[Fact], stamp: Stamp) -> None:
        """Commit all facts in one transaction, or none.

        Raises:
            DiskFullError: the disk takes no more; nothing was kept.
        """
        ...

    async def append_snapshot(self, snapshot: StationSnapshot, stamp: Stamp) -> bool:
        """Commit the latest state unless an earlier one still waits; say whether it was.

        Raises:
            DiskFullError: the disk takes no more.
        """
        ...

    async def probe(self) -> bool:
        """Say whether the disk takes writes again."""
        ...

    async def has_reserve(self) -> bool:
        """Say whether the space kept back for a full disk is there; take it back where it can."""
        ...

    def unstored_count(self) -> int:
        """Return how many facts wait for the agent's word that it has them."""
        ...


class Memory(Protocol):
    """What a restart must not forget."""

    async def remember_worker(self, worker: Worker | None) -> None:
        """Keep who is here."""
        ...

    async def remember_heard(self, record: StepRecord) -> None:
        """Keep what a neighbour told."""
        ...

    async def forget_pieces(self, keep: frozenset[str]) -> None:
        """Drop the progress of every piece but these."""
        ...
