"""The file of corrections: what people said about tiles that a network judged.

A tile is kept as the heads see it, not as a picture: how each of its cells departs from the piece,
whitened by the style. It holds only while the network describes cells in the same way, so the file
names its bundle. Rows are in the order of time, the oldest first.
"""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.golden_bank import CHANNELS
from cloud.inspection.reading import is_kind_name

CELLS = 24
"""Cells along a tile's side, as the heads were trained."""
UNNAMED = "unknown_anomaly"
"""The word for a flaw that nobody gave a name."""
FEWEST_GOOD = 4
"""Good tiles that a style needs, so that its scores have a unit."""
_FORMAT = "kyndof-corrections-1"
_PARTS = ("format", "bundle", "styles", "pieces", "words", "departures", "masks")
_LARGEST_BYTES = 1 << 30
_DAMAGED = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)


class CorrectionsRefusedError(Exception):
    """Corrections that nothing can be learned from; ``places`` fill the sentence of ``code``."""

    code: ClassVar[str] = "CORRECTIONS_REFUSED"

    def __init__(self, **places: object) -> None:
        super().__init__(f"{self.code} {places}")
        self.places = places


class CorrectionsUnreadableError(CorrectionsRefusedError):
    """Absent, cut off, or no file of corrections."""

    code = "CORRECTIONS_UNREADABLE"


class CorrectionsEmptyError(CorrectionsRefusedError):
    """Nobody corrected anything."""

    code = "CORRECTIONS_EMPTY"


class CorrectionsOneSidedError(CorrectionsRefusedError):
    """Only flaws, or none."""

    code = "CORRECTIONS_ONE_SIDED"


class CorrectionsOfAnotherBundleError(CorrectionsRefusedError):
    """Another bundle judged those tiles."""

    code = "CORRECTIONS_OF_ANOTHER_BUNDLE"


class CorrectionsImpossibleError(CorrectionsRefusedError):
    """Numbers that are none, a flaw without a place, a good tile with one, a word that is none."""

    code = "CORRECTIONS_IMPOSSIBLE"


class StyleWithoutGoodError(CorrectionsRefusedError):
    """A style with too few good tiles to measure its flaws by."""

    code = "STYLE_WITHOUT_GOOD"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Corrections:
    """N corrected or confirmed tiles of the bundle with this digest.

    ``styles``, ``pieces`` and ``words`` (N,) str; a word is empty for "fine", else a kind or
    UNNAMED. ``departures`` (N, 24, 24, 24) float16, ``masks`` (N, 24, 24) bool: the flaw's cells.
    """

    bundle_digest: str
    styles: NDArray[np.str_]
    pieces: NDArray[np.str_]
    words: NDArray[np.str_]
    departures: NDArray[np.float16]
    masks: NDArray[np.bool_]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.words)

    @property
    def flawed(self) -> NDArray[np.bool_]:
        """Which (N,) show a flaw."""
        return np.asarray(self.words != "")

    def part(self, chosen: NDArray[np.int_]) -> "Corrections":
        """Take the ``chosen`` (N,) rows."""
        return Corrections(
            bundle_digest=self.bundle_digest,
            styles=self.styles[chosen],
            pieces=self.pieces[chosen],
            words=self.words[chosen],
            departures=self.departures[chosen],
            masks=self.masks[chosen],
        )


def write_corrections(path: Path, corrections: Corrections) -> None:
    """Write the file whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_suffix(".part.npz")
    np.savez_compressed(
        partial,
        format=np.array(_FORMAT),
        bundle=np.array(corrections.bundle_digest),
        styles=corrections.styles,
        pieces=corrections.pieces,
        words=corrections.words,
        departures=corrections.departures,
        masks=corrections.masks,
    )
    partial.replace(path)


def read_corrections(path: Path, bundle_digest: str) -> Corrections:
    """Read corrections of the bundle with this digest.

    Raises:
        CorrectionsRefusedError: one of its kinds says why nothing can be learned from the file.
    """
    try:
        found = _read(path)
    except _DAMAGED as problem:
        raise CorrectionsUnreadableError(file=path, problem=problem) from problem
    if found.bundle_digest != bundle_digest:
        raise CorrectionsOfAnotherBundleError(
            theirs=found.bundle_digest[:12], ours=bundle_digest[:12]
        )
    check_corrections(found)
    return found


def check_corrections(found: Corrections) -> None:
    """Refuse what nothing can be learned from.

    Raises:
        CorrectionsRefusedError: one of its kinds says why.
    """
    if not len(found):
        raise CorrectionsEmptyError
    flawed = found.flawed
    if flawed.all() or not flawed.any():
        raise CorrectionsOneSidedError(flaws=int(flawed.sum()), count=len(found))
    finite = np.isfinite(found.departures).all(axis=(1, 2, 3))
    placed = found.masks.any(axis=(1, 2)) == flawed
    named = np.array([word in {"", UNNAMED} or is_kind_name(str(word)) for word in found.words])
    told = (found.styles != "") & (found.pieces != "")
    for what, fine in (("number", finite), ("place", placed), ("word", named), ("piece", told)):
        if not fine.all():
            raise CorrectionsImpossibleError(what=what, row=int(np.argmin(fine)))
    for style in sorted(set(found.styles.tolist())):
        good = int((~flawed & (found.styles == style)).sum())
        if good < FEWEST_GOOD:
            raise StyleWithoutGoodError(style=style, good=good, needed=FEWEST_GOOD)


def _read(path: Path) -> Corrections:
    with zipfile.ZipFile(path) as archive:
        if sum(part.file_size for part in archive.infolist()) > _LARGEST_BYTES:
            raise ValueError("larger than 1 GB")
    with np.load(path, allow_pickle=False) as kept:
        parts = {name: np.asarray(kept[name]) for name in _PARTS}
    if str(parts["format"]) != _FORMAT:
        raise ValueError(f"not {_FORMAT}")
    words, departures, masks = parts["words"], parts["departures"], parts["masks"]
    shapes = [parts[name].shape for name in ("styles", "pieces", "words")]
    texts = all(parts[name].dtype.kind == "U" for name in ("bundle", "styles", "pieces", "words"))
    square = (words.size, CELLS, CELLS)
    fits = departures.shape == (*square, CHANNELS) and masks.shape == square
    if not texts or shapes != [(words.size,)] * 3 or not fits:
        raise ValueError("its parts do not fit each other")
    if departures.dtype != np.float16 or masks.dtype != np.bool_:
        raise ValueError("its parts are of other kinds of numbers")
    return Corrections(
        bundle_digest=str(parts["bundle"]),
        styles=parts["styles"],
        pieces=parts["pieces"],
        words=words,
        departures=departures,
        masks=masks,
    )
