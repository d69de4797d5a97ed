"""Work packages on disk, each under its digest; a small file names the one in force."""

import contextlib
import hashlib
import json
import re
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


_DIGEST = re.compile(r"[0-9a-f]{64}")


def package_path(folder: Path, digest: str) -> Path:
    """Return where the package of a digest lies; before packages had names there was one."""
    named = folder / digest
    return named if _DIGEST.fullmatch(digest) and named.exists() else folder / "current"


class PackageStore:
    """`packages/DIGEST`, `current.digest` that names the one in force, and what was applied.

    The package before is removed only when the new one is named: a power cut leaves a station
    with one of them, whole, also where no cloud can be asked for another.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._digest = folder / "current.digest"
        self._applied = folder / "applied.json"

    def applied(self, station_id: str) -> AppliedWish:
        """Return what lies here for this station; nothing when it is another's or damaged."""
        try:
            applied = AppliedWish(**json.loads(self._applied.read_text(encoding="utf-8")))
            content = package_path(self._folder, applied.work_digest).read_bytes()
            digest = hashlib.sha256(content).hexdigest()
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
        write_durably(self._folder / digest, package)
        self._write_applied(wish)
        write_durably(self._digest, digest.encode())
        self._remove_others(digest)

    def _remove_others(self, digest: str) -> None:
        for other in self._folder.iterdir():
            if other.name == "current" or (_DIGEST.fullmatch(other.name) and other.name != digest):
                with contextlib.suppress(OSError):
                    other.unlink()

    def note(self, wish: AppliedWish) -> None:
        """Note a newer generation of the same package."""
        self._write_applied(wish)

    def _write_applied(self, wish: AppliedWish) -> None:
        write_durably(self._applied, json.dumps(asdict(wish)).encode())
