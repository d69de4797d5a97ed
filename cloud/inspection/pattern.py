"""Pieces of a pattern and rows of a tech pack, whatever file they came from. All lengths are mm.

An outline has x to the right and y down and runs clockwise as seen, as on the inspection table.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cloud.inspection.errors import PatternFileError

Places = NDArray[np.float64]
SAME_PLACE_MM = 0.05
CORNER_DEG = 25.0
_NEAR_MM = 1.0
MM_PER_INCH = 25.4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PatternPiece:
    """One piece of one size.

    ``outline_mm`` (N, 2), ``turns_mm`` (M, 2) the corners that the file names, ``notches_mm``
    (K, 2), ``fold_mm`` (2, 2) the mirror line where only half is drawn; float64 all.
    """

    name: str
    size: str = ""
    outline_mm: Places
    turns_mm: Places = field(default_factory=lambda: np.zeros((0, 2)))
    notches_mm: Places = field(default_factory=lambda: np.zeros((0, 2)))
    fold_mm: Places | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TechPackPoint:
    """A point of measure of a tech pack; ``start`` and ``stop`` name corners or notches."""

    name: str
    nominal_mm: float
    lower_mm: float
    upper_mm: float
    severity: str
    start: str | None = None
    stop: str | None = None
    along: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TechPackSeam:
    """A seam of a tech pack: length and stitch pitch, None where it tells none."""

    name: str
    length_mm: float | None
    pitch_mm: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TechPack:
    """What a tech pack tells of measuring; ``landmarks`` are people's names of P1… and N1…."""

    points: tuple[TechPackPoint, ...]
    seams: tuple[TechPackSeam, ...] = ()
    landmarks: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NamedOutline:
    """An outline (N, 2) mm with its corners by vertex and its notches by place."""

    outline_mm: Places
    corners: dict[str, int]
    landmarks: dict[str, tuple[float, float]]


def named_outline(piece: PatternPiece) -> NamedOutline:
    """Lay a piece out whole, clockwise, with corners P1… from the top left and notches N1….

    Raises:
        PatternFileError: the outline is no outline, or has fewer than three corners.
    """
    whole = unfolded(piece) if piece.fold_mm is not None else piece
    outline = _cleaned(whole)
    if _area(outline) < 0:
        outline = outline[::-1]
    indices = _corners(outline, whole.turns_mm)
    if len(indices) < 3:
        raise PatternFileError(f"{piece.name}: fewer than three corners", field="corners")
    first = min(indices, key=lambda i: float(outline[i].sum()))
    outline = np.roll(outline, -first, axis=0)
    order = sorted((i - first) % len(outline) for i in indices)
    at = sorted((_along(outline, notch), tuple(notch.tolist())) for notch in whole.notches_mm)
    return NamedOutline(
        outline_mm=outline,
        corners={f"P{number}": index for number, index in enumerate(order, start=1)},
        landmarks={f"N{number}": place for number, (_, place) in enumerate(at, start=1)},
    )


def unfolded(piece: PatternPiece) -> PatternPiece:
    """Return the whole of a piece that was drawn as one half beside its mirror line.

    Raises:
        PatternFileError: no side of the outline lies on the mirror line.
    """
    outline, fold = _cleaned(piece), piece.fold_mm
    assert fold is not None  # noqa: S101 - the caller asked
    on = _off_line(outline, fold) <= _NEAR_MM
    count = len(outline)
    edge = next((i for i in range(count) if on[i] and on[(i + 1) % count]), None)
    if edge is None or on.sum() > count - 1:
        raise PatternFileError(f"{piece.name}: no side lies on the mirror line", field="mirror")
    half = np.roll(outline, -(edge + 1), axis=0)
    rest = _mirrored(half[1:-1], fold)[::-1]
    turns = np.concatenate([piece.turns_mm, _mirrored(piece.turns_mm, fold)])
    notches = np.concatenate([piece.notches_mm, _mirrored(piece.notches_mm, fold)])
    turns = turns[_off_line(turns, fold) > _NEAR_MM] if len(turns) else turns
    return replace(
        piece,
        outline_mm=np.concatenate([half, rest]),
        turns_mm=turns,
        notches_mm=np.unique(np.round(notches, 4), axis=0) if len(notches) else notches,
        fold_mm=None,
    )


def _cleaned(piece: PatternPiece) -> Places:
    """Outline (N, 2) without places that stand twice."""
    outline = np.asarray(piece.outline_mm, dtype=np.float64)
    if outline.ndim != 2 or outline.shape[1:] != (2,) or not np.isfinite(outline).all():
        raise PatternFileError(f"{piece.name}: the outline is no list of places", field="outline")
    keep = np.hypot(*(outline - np.roll(outline, 1, axis=0)).T) > SAME_PLACE_MM
    outline = np.asarray(outline[keep])
    if len(outline) < 4 or abs(_area(outline)) < 1.0:
        raise PatternFileError(f"{piece.name}: the outline encloses nothing", field="outline")
    return outline


def _corners(outline: Places, turns: Places) -> list[int]:
    """Vertices of ``outline`` (N, 2) at ``turns`` (M, 2), or where it turns sharply."""
    if len(turns) >= 3:
        away = np.hypot(*(turns[:, None, :] - outline[None]).transpose(2, 0, 1))
        near = away.min(axis=1) <= _NEAR_MM
        found = sorted(set(away.argmin(axis=1)[near].tolist()))
        if len(found) >= 3:
            return found
    before = outline - np.roll(outline, 1, axis=0)
    after = np.roll(outline, -1, axis=0) - outline
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    turn = np.degrees(np.arctan2(cross, (before * after).sum(axis=1)))
    return np.flatnonzero(np.abs(turn) >= CORNER_DEG).tolist()


def _along(outline: Places, place: Places) -> int:
    """Vertex of ``outline`` (N, 2) nearest to ``place`` (N=2,)."""
    return int(np.hypot(*(outline - place).T).argmin())


def _area(outline: Places) -> float:
    """Signed area of ``outline`` (N, 2), positive when clockwise as seen with y down."""
    x, y = outline.T
    return 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def _off_line(places: Places, line: Places) -> Places:
    """Distance of ``places`` (N, 2) from a line (2, 2)."""
    way = line[1] - line[0]
    way = way / max(float(np.hypot(*way)), 1e-9)
    off = places - line[0]
    return np.asarray(np.abs(off[:, 0] * way[1] - off[:, 1] * way[0]))


def _mirrored(places: Places, line: Places) -> Places:
    """``places`` (N, 2) on the other side of a line (2, 2)."""
    way = line[1] - line[0]
    way = way / max(float(np.hypot(*way)), 1e-9)
    off = places - line[0]
    return np.asarray(line[0] + 2 * (off @ way)[:, None] * way - off)
