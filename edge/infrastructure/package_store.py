"""The work package on disk, swapped when whole."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.infrastructure.durable_files import write_durably
from edge.outbox.errors import WorkPackageDamagedError


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedWish:
    """The desired state that lies here, and for which station of which organization."""

    station_id: str = ""
    generation: int = 0
    work_digest: str = ""


class PackageStore:
    """`packages/current`, its digest beside it, and what was applied."""

    def __init__(self, folder: Path) -> None:
        self._package = folder / "current"
        self._digest = folder / "current.digest"
        self._applied = folder / "applied.json"

    def applied(self, station_id: str) -> AppliedWish:
        """Return what lies here for this station; nothing when it is another's or damaged."""
        try:
            applied = AppliedWish(**json.loads(self._applied.read_text(encoding="utf-8")))
            digest = hashlib.sha256(self._package.read_bytes()).hexdigest()
        except (FileNotFoundError, ValueError, TypeError):
            return AppliedWish(station_id=station_id)
        if applied.station_id != station_id:
            return AppliedWish(station_id=station_id)
        if digest != applied.work_digest or self._read_digest() != digest:
            return AppliedWish(station_id=station_id, generation=applied.generation)
        return applied

    def _read_digest(self) -> str:
        try:
            return self._digest.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""

    def apply(self, wish: AppliedWish, package: bytes) -> None:
        """Verify and swap; the digest file comes last, so who reads it finds its package.

        Raises:
            WorkPackageDamagedError: the bytes are not what the digest names; nothing was changed.
        """
        digest = hashlib.sha256(package).hexdigest()
        if digest != wish.work_digest:
            raise WorkPackageDamagedError(f"wanted {wish.work_digest}, got {digest}")
        write_durably(self._package, package)
        self._write_applied(wish)
        write_durably(self._digest, digest.encode())

    def note(self, wish: AppliedWish) -> None:
        """Note a newer generation of the same package."""
        self._write_applied(wish)

    def _write_applied(self, wish: AppliedWish) -> None:
        write_durably(self._applied, json.dumps(asdict(wish)).encode())
