"""`configuration/` in the station's home: what is wished, what is in use, what became of it.

The agent writes the wish, the station's own process everything else. A document lies in one file
with the numbers that belong to it, so that one rename swaps all of it.
"""

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.capture.capabilities import CameraCapabilities, ControlRange
from edge.infrastructure.durable_files import write_durably, write_replacing

LOG = logging.getLogger("kyndof.configuration")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """A document, the generation and the station that it was wished for, and its SHA-256."""

    station_id: str
    generation: int
    digest: str
    document: bytes

    @property
    def is_whole(self) -> bool:
        """Say whether the document is the one that the digest names."""
        return hashlib.sha256(self.document).hexdigest() == self.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationReport:
    """What the station made of it: the digest in use, and why the wished one is not.

    ``refusal`` is a code, empty while the wish is used or waits; ``detail`` is one sentence.
    """

    digest: str = ""
    wished: str = ""
    refusal: str = ""
    detail: str = ""


class ConfigurationFolder:
    """The files; each is whole or not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._wished = folder / "wished"
        self._current = folder / "current"
        self._before = folder / "current.bak"
        self._report = folder / "report.json"
        self._camera = folder / "camera.json"

    def mark(self) -> tuple[int, ...]:
        """Return what differs after each change of the wish or of what is in use."""
        marks: list[int] = []
        for path in (self._wished, self._current):
            try:
                stat = path.stat()
            except FileNotFoundError:
                marks += [0, 0]
            else:
                marks += [stat.st_mtime_ns, stat.st_ino]
        return tuple(marks)

    def wished(self) -> Configured | None:
        """Return the wish that came last; None when there is none that can be read."""
        return _read(self._wished)

    def wish(self, wished: Configured) -> None:
        """Keep what the cloud wishes."""
        write_durably(self._wished, _written(wished))

    def current(self) -> Configured | None:
        """Return what is in use; the one before it when its file was damaged."""
        for path in (self._current, self._before):
            kept = _read(path)
            if kept is not None and kept.is_whole:
                return kept
            if path.exists():
                LOG.error("configuration damaged", extra={"alarm": "CONFIG_DAMAGED"})
        return None

    def swap(self, fresh: Configured) -> None:
        """Use another document; the one before it is kept beside it."""
        kept = self.current()
        if kept is not None:
            write_durably(self._before, _written(kept))
        write_durably(self._current, _written(fresh))

    def restore(self, kept: Configured | None) -> None:
        """Go back to what was in use."""
        if kept is None:
            self._current.unlink(missing_ok=True)
            self._before.unlink(missing_ok=True)
        else:
            write_durably(self._current, _written(kept))

    def report(self) -> ConfigurationReport:
        """Return what the station last said of it."""
        try:
            return ConfigurationReport(**json.loads(self._report.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return ConfigurationReport()

    def tell(self, report: ConfigurationReport) -> None:
        """Say what became of the wish."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write_replacing(self._report, json.dumps(asdict(report)).encode())

    def camera(self) -> CameraCapabilities | None:
        """Return what the station last said of its camera."""
        try:
            content = json.loads(self._camera.read_text(encoding="utf-8"))
            return CameraCapabilities(
                camera=str(content["camera"]),
                controls={n: ControlRange(**r) for n, r in content["controls"].items()},
                sizes_px=tuple((int(w), int(h)) for w, h in content["sizes_px"]),
                profiles=tuple(map(str, content["profiles"])),
                scanner_profiles=tuple(map(str, content.get("scanner_profiles", ()))),
                light_profiles=tuple(map(str, content.get("light_profiles", ()))),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def show_camera(self, camera: CameraCapabilities) -> None:
        """Say what the camera can be set to."""
        self._folder.mkdir(parents=True, exist_ok=True)
        content = asdict(camera) | {"controls": {n: asdict(r) for n, r in camera.controls.items()}}
        write_replacing(self._camera, json.dumps(content).encode())


def _written(one: Configured) -> bytes:
    head = {"station_id": one.station_id, "generation": one.generation, "digest": one.digest}
    return json.dumps(head).encode() + b"\n" + one.document


def _read(path: Path) -> Configured | None:
    try:
        head, newline, document = path.read_bytes().partition(b"\n")
        facts = json.loads(head)
        if not newline:
            return None
        return Configured(
            station_id=str(facts["station_id"]),
            generation=int(facts["generation"]),
            digest=str(facts["digest"]),
            document=document,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
