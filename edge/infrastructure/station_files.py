"""What the agent leaves in the station's home: identity, package, state of the cloud's link."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from edge.infrastructure.package_store import package_path
from edge.infrastructure.wire_work_package import decode_work_package
from edge.station.errors import IdentityBrokenError, PackageBrokenError
from edge.station.identity import StationIdentity
from edge.station.ports import Clock
from edge.station.work_package import WorkPackage

_STALE_S = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudLinkReport:
    """What the agent says: does the cloud hear it, what waits, is its reserve spent.

    ``why`` is its code for why the cloud does not hear it; empty when it said nothing of late.
    ``faults`` are alarms that it asks for, with their details; an old word of them counts too.
    """

    cloud: bool = False
    unsent_count: int = 0
    disk_low: bool = False
    why: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)


class StationFiles:
    """Reads the home; each method looks at the disk only when something was renamed there."""

    def __init__(self, home: Path, clock: Clock, taken_back: Path | None = None) -> None:
        self._identity = home / "identity" / "current" / "station.json"
        self._packages = home / "packages"
        self._digest = self._packages / "current.digest"
        self._link = home / "link.json"
        self._taken_back = taken_back
        self._clock = clock
        self._seen: dict[Path, tuple[int, int]] = {}

    def _changed(self, path: Path) -> bool:
        try:
            stat = path.stat()
        except FileNotFoundError:
            return self._seen.pop(path, None) is not None
        mark = (stat.st_mtime_ns, stat.st_ino)
        if self._seen.get(path) == mark:
            return False
        self._seen[path] = mark
        return True

    def new_identity(self) -> tuple[bool, StationIdentity | None]:
        """Return whether the identity changed, and what it is now.

        Raises:
            IdentityBrokenError: the file cannot be read.
        """
        if not self._changed(self._identity):
            return False, None
        try:
            content = json.loads(self._identity.read_text(encoding="utf-8"))
            return True, StationIdentity(
                station_id=str(content["station_id"]),
                organization_id=str(content["organization_id"]),
                station_name=str(content["station_name"]),
                organization_code=str(content.get("organization_code", "")),
            )
        except FileNotFoundError:
            return True, None
        except (ValueError, KeyError, TypeError) as error:
            raise IdentityBrokenError(f"{self._identity}: {error}") from error

    def new_package(self) -> WorkPackage | None:
        """Return the package when it is another one than last time.

        Raises:
            PackageBrokenError: bytes and digest do not belong together.
        """
        if not self._changed(self._digest):
            return None
        try:
            digest = self._digest.read_text(encoding="ascii").strip()
            content = package_path(self._packages, digest).read_bytes()
            return decode_work_package(content, digest)
        except FileNotFoundError:
            # The agent may have named another one meanwhile: look again next time.
            self._seen.pop(self._digest, None)
            return None
        except PackageBrokenError:
            self._seen.pop(self._digest, None)
            raise

    def release_taken_back(self) -> str:
        """Return what became of a release that was taken back; empty when none was.

        The note lies beside the link `current`, and counts as long as that points to what was put
        back: it is written before the link is turned, and somebody may switch by hand later.
        """
        if self._taken_back is None:
            return ""
        try:
            words = self._taken_back.read_text(encoding="utf-8")[:500].split()
            release, good, failures, result = words
            now = (self._taken_back.parent / "current").readlink().name
        except (OSError, ValueError):
            return ""
        if now != good:
            return ""
        return f"{release} failed {failures} times ({result}); {good} was put back"

    def cloud_link(self) -> CloudLinkReport:
        """Return what the agent last said of itself; an old word of the cloud does not count."""
        try:
            content = json.loads(self._link.read_text(encoding="utf-8"))
            at = datetime.fromisoformat(str(content["at"]))
            faults = content.get("faults", {})
            fresh = abs((self._clock.now() - at).total_seconds()) <= _STALE_S
            return CloudLinkReport(
                cloud=bool(content["cloud"]) and fresh,
                unsent_count=int(content.get("unsent", 0)),
                disk_low=bool(content.get("disk_low", False)),
                why=str(content.get("detail", ""))[:100] if fresh else "",
                faults={str(code): str(told)[:200] for code, told in faults.items()},
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return CloudLinkReport()
