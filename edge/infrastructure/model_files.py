"""What agent and station tell each other about bundles, in the station's ``models`` folder.

``wish.json`` and ``fetch.json`` are the agent's, ``slots`` and ``standing.json`` the station's,
``{digest}/`` is put there whole by the agent and taken away by the station.
"""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge.infrastructure.durable_files import sync_folder, write_durably
from edge.model_bundles.trial import TrialRules


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelWish:
    """The bundle that the cloud wishes; ``generation`` is the one in which it began to.

    Generations are a station's own: ``station_id`` says as which one it is known to the cloud.
    """

    generation: int
    digest: str
    rollout_id: str = ""
    rules: TrialRules | None = None
    station_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchNote:
    """How far the agent came: DOWNLOADING, READY or FAILED with a code as ``reason``."""

    generation: int
    digest: str
    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStanding:
    """What the process that judges says of its bundles; ``state`` is a trial's, or empty."""

    generation: int = 0
    assigned_digest: str = ""
    rollout_id: str = ""
    state: str = ""
    reason: str = ""
    running_digest: str = ""
    garments: int = 0
    rejects: int = 0
    errors: int = 0
    overrides: int = 0
    station_id: str = ""


class ModelFiles:
    """Reads and writes them; each is there whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._wish = folder / "wish.json"
        self._fetch = folder / "fetch.json"
        self._standing = folder / "standing.json"

    def wish(self) -> ModelWish | None:
        """Return what is wished; None when nothing is, or it cannot be read."""
        kept = _read(self._wish)
        try:
            rules = kept.pop("rules", None)
            return ModelWish(**kept, rules=None if rules is None else TrialRules(**rules))
        except (TypeError, AttributeError):
            return None

    def keep_wish(self, wish: ModelWish) -> None:
        """Keep a wish.

        Raises:
            OSError: it cannot be written.
        """
        write_durably(self._wish, json.dumps(asdict(wish)).encode())

    def fetched(self) -> FetchNote | None:
        """Return how far the agent came."""
        try:
            return FetchNote(**_read(self._fetch))
        except TypeError:
            return None

    def note_fetch(self, note: FetchNote) -> None:
        """Say how far it came.

        Raises:
            OSError: it cannot be written.
        """
        if note != self.fetched():
            write_durably(self._fetch, json.dumps(asdict(note)).encode())

    def forget_fetch(self) -> None:
        """Say nothing any more of how far the agent came.

        Raises:
            OSError: it cannot be written.
        """
        self._fetch.unlink(missing_ok=True)

    def standing(self) -> ModelStanding | None:
        """Return what the judging process said last; None before it said anything."""
        try:
            return ModelStanding(**_read(self._standing)) if self._standing.exists() else None
        except TypeError:
            return None

    def tell(self, standing: ModelStanding) -> None:
        """Say how the bundles stand.

        Raises:
            OSError: it cannot be written.
        """
        write_durably(self._standing, json.dumps(asdict(standing)).encode())

    def place(self, digest: str) -> Path:
        """Return where a bundle lies."""
        return self.folder / digest

    def has(self, digest: str) -> bool:
        """Say whether a bundle lies here whole."""
        return self.place(digest).is_dir()

    def discard(self, digest: str) -> None:
        """Take a bundle away; what is left of it after a cut has no bundle's name any more."""
        going = self.folder / f".{digest}.gone"
        shutil.rmtree(going, ignore_errors=True)
        if self.has(digest):
            self.place(digest).rename(going)
            sync_folder(self.folder)
            shutil.rmtree(going, ignore_errors=True)

    def tidy(self, keep: frozenset[str]) -> None:
        """Take away every bundle and every unfinished download but those named."""
        if not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            digest = path.name.removeprefix(".").partition(".")[0]
            if len(digest) == 64 and digest not in keep:
                if path.is_dir() and path.name == digest:
                    self.discard(digest)
                elif path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
