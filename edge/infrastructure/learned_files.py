"""What was learned at this station: banks of styles, and kinds of flaws that people named.

``styles/STYLE.bank`` with ``styles/STYLE.json`` beside it, earlier banks by their moment;
``kinds/named.jsonl`` with one line for each naming, and the prototypes that follow from them.
"""

import base64
import hashlib
import json
import logging
import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from edge.infrastructure.durable_files import write_durably
from edge.inspection.errors import PrototypesCorruptError
from edge.inspection.prototypes import Prototypes, learn_prototypes

_LOG = logging.getLogger(__name__)
_MOST_EARLIER = 8
_STYLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class NamedFlaw(BaseModel):
    """One naming, or with an empty ``kind`` its end; ``description`` is base64 of float32."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    description: str
    bundle_digest: str
    style: str
    picture_sha256: str
    polygon_px: list[tuple[float, float]]
    by: str
    at: str

    def numbers(self) -> NDArray[np.float32]:
        """Return the description (D,) float32."""
        return np.frombuffer(base64.b64decode(self.description), "<f4").astype(np.float32)


def encoded(description: NDArray[np.float32]) -> str:
    """Write a description (D,) float32 as text."""
    return base64.b64encode(description.astype("<f4").tobytes()).decode()


class KindFiles:
    """Kinds of flaws named here; each naming is on the disk before it counts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._named: list[NamedFlaw] | None = None
        self._learned: dict[str, Prototypes] = {}

    def add(self, named: NamedFlaw) -> int:
        """Keep a naming and return the version that it makes.

        Raises:
            OSError: it cannot be written; nothing changed.
        """
        known = [*self._known(), named]
        lines = "".join(f"{one.model_dump_json()}\n" for one in known)
        write_durably(self._folder / "named.jsonl", lines.encode())
        self._named, self._learned = known, {}
        prototypes = self.prototypes(named.bundle_digest).to_bytes()
        write_durably(self._folder / f"{len(known):06d}.prototypes", prototypes)
        write_durably(self._folder / "kinds.prototypes", prototypes)
        return len(known)

    @property
    def count(self) -> int:
        """Return how many namings were made here, those taken back included."""
        return len(self._known())

    def prototypes(self, bundle_digest: str) -> Prototypes:
        """Return the kinds that a bundle's descriptions were named by."""
        if bundle_digest not in self._learned:
            examples: defaultdict[str, list[NDArray[np.float32]]] = defaultdict(list)
            for one in self._standing(bundle_digest):
                examples[one.kind].append(one.numbers())
            self._learned = {bundle_digest: learn_prototypes(examples, bundle_digest)}
        return self._learned[bundle_digest]

    def counts(self, bundle_digest: str) -> dict[str, int]:
        """Return how many flaws are called by each kind."""
        found: defaultdict[str, int] = defaultdict(int)
        for one in self._standing(bundle_digest):
            found[one.kind] += 1
        return dict(found)

    def _standing(self, bundle_digest: str) -> list[NamedFlaw]:
        """Return the newest naming of each flaw, unless it was taken back."""
        newest: dict[object, NamedFlaw] = {}
        for one in self._known():
            newest[one.picture_sha256, tuple(one.polygon_px)] = one
        return [one for one in newest.values() if one.kind and one.bundle_digest == bundle_digest]

    def _known(self) -> list[NamedFlaw]:
        """Read the namings once; a line that cannot be read is left out and told."""
        if self._named is None:
            self._named = []
            try:
                lines = (self._folder / "named.jsonl").read_text("utf-8").splitlines()
            except FileNotFoundError:
                lines = []
            for number, line in enumerate(lines, start=1):
                try:
                    named = NamedFlaw.model_validate_json(line)
                    named.numbers()
                except (ValidationError, ValueError) as problem:
                    _LOG.warning("naming left out", extra={"line": number, "reason": str(problem)})
                else:
                    self._named.append(named)
        return self._named


def read_prototypes(content: bytes) -> Prototypes | None:
    """Read kinds that came with the work; corrupt ones count as none, and are told."""
    try:
        return Prototypes.from_bytes(content) if content else None
    except PrototypesCorruptError:
        _LOG.exception("prototypes refused")
        return None


class BankFiles:
    """Banks taught here; each stands for the one that came with the work until another comes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, style: str, bank: bytes, came: bytes | None, at: str) -> Path:
        """Let a bank count at once and keep it by its moment.

        Raises:
            ValueError: the style's name cannot be a file's.
            OSError: it cannot be written; the former one counts.
        """
        if not _STYLE.fullmatch(style):
            raise ValueError(f"{style!r} cannot be a file's name")
        stamp = re.sub(r"[^0-9]", "", at)[:14]
        write_durably(self._folder / f"{style}@{stamp}.bank", bank)
        write_durably(self._folder / f"{style}.bank", bank)
        note = {"taught_at": at, "sha256": _digest(bank), "instead_of": _digest(came)}
        path = self._folder / f"{style}.json"
        write_durably(path, (json.dumps(note) + "\n").encode())
        return path.with_suffix(".bank")

    def bank(self, style: str, came: bytes | None, withdrawn: Collection[str] = ()) -> bytes | None:
        """Return the bank that counts: the one taught here, unless a newer one ``came``.

        One whose digest (SHA-256, hex) is among ``withdrawn`` counts no more.
        """
        if not _STYLE.fullmatch(style):
            return came
        try:
            note = json.loads((self._folder / f"{style}.json").read_text("utf-8"))
            own = (self._folder / f"{style}.bank").read_bytes()
        except (OSError, ValueError):
            return came
        if not isinstance(note, dict) or note.get("instead_of") != _digest(came):
            return came
        digest = _digest(own)
        return own if note.get("sha256") == digest and digest not in withdrawn else came

    def earlier(self, style: str, withdrawn: Collection[str] = ()) -> Iterator[bytes]:
        """Give what was taught here before, newest first: for a bundle that came back."""
        if not _STYLE.fullmatch(style):
            return
        for path in sorted(self._folder.glob(f"{style}@*.bank"), reverse=True)[:_MOST_EARLIER]:
            try:
                content = path.read_bytes()
            except OSError:
                continue
            if _digest(content) not in withdrawn:
                yield content


def _digest(content: bytes | None) -> str:
    return hashlib.sha256(content).hexdigest() if content else ""
