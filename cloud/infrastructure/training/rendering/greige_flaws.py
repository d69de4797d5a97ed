"""Flaws of greige, most of them made by moving threads, and tiles of greige with and without."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.errors import ImpossibleSceneError
from cloud.infrastructure.training.rendering.greige import (
    GreigeStyle,
    Lift,
    as_lift,
    draw_greige,
    mostly_small,
)
from cloud.infrastructure.training.rendering.greige_weave import Piece, finish, seen, weave
from cloud.infrastructure.training.rendering.sample import Sample

Plane = NDArray[np.float32]
Where = NDArray[np.bool_]

_SMALLEST_PX, _LARGEST_PX = 32, 2048
_LEAST_CONTRAST = 0.04


def render_greige(
    style: GreigeStyle, generator: np.random.Generator, flaw: str | None, side_px: int = 256
) -> Sample:
    """Weave a tile of greige, good for None or with a flaw of GREIGE_FLAWS.

    A flaw that the structure cannot have becomes one that any can: what moves threads becomes a
    line on fleece, another weave a spot on knits and fleece.

    Raises:
        ImpossibleSceneError: no such flaw, or the side is not within 32 to 2048 px.
    """
    if flaw is not None and flaw not in GREIGE_FLAWS:
        raise ImpossibleSceneError(f"no flaw of greige {flaw!r}: {', '.join(GREIGE_FLAWS)}")
    if not _SMALLEST_PX <= side_px <= _LARGEST_PX:
        raise ImpossibleSceneError(f"a tile of {side_px} px; it has 32 to 2048")
    drawn = _possible(style, flaw)
    piece = Piece(style, generator, side_px)
    if drawn in _MOVED:
        _MOVED[drawn](piece)
    piece.light = weave(piece, style.lift)
    if drawn == "other_weave":
        _other_weave(piece)
    finish(piece)
    piece.light += piece.added
    if drawn in _PAINTED:
        _PAINTED[drawn](piece)
    return Sample(seen(piece), piece.spoiled > 0.5, flaw)


def _possible(style: GreigeStyle, flaw: str | None) -> str | None:
    if flaw == "other_weave" and not style.lift:
        return "spot"
    if flaw in _MOVED and style.structure == "fleece":
        return "line"
    return flaw


def _sign(generator: np.random.Generator) -> int:
    return 1 if generator.random() < 0.5 else -1


def _strength(piece: Piece, low: float, high: float) -> float:
    """How much lighter or darker a flaw is, in the piece's own contrast."""
    own = max(_LEAST_CONTRAST, float(piece.light.std()))
    return _sign(piece.generator) * mostly_small(piece.generator, low, high) * own


class _Stretch:
    """Some threads of one system, over part of their length.

    ``off`` (S, S) float32 is how many threads a pixel lies beyond the chosen one, ``here`` (S, S)
    float32 is 1 along the part, 0 beyond its ends.
    """

    def __init__(self, piece: Piece) -> None:
        generator, threads = piece.generator, piece.style.threads
        self.piece = piece
        self.weft = bool(generator.random() < 0.5)
        place, along = (piece.v, piece.u) if self.weft else (piece.u, piece.v)
        pitches = (threads.weft_pitch_px, threads.warp_pitch_px)
        self.pitch_px, along_pitch_px = pitches if self.weft else pitches[::-1]
        self.place = place
        few = np.s_[::5, ::5]
        first = np.floor(np.quantile(place[few], generator.uniform(0.08, 0.92)))
        self.off = np.asarray(place - np.float32(first), dtype=np.float32)
        length = mostly_small(generator, 8, 3 * piece.side_px) / along_pitch_px
        middle = float(np.quantile(along[few], generator.uniform(0, 1)))
        here = np.clip(length / 2 - np.abs(along - np.float32(middle)) + 0.5, 0, 1)
        self.here = np.asarray(here, dtype=np.float32)

    def move(self, by: Plane) -> None:
        """Show what lies ``by`` (S, S) threads further."""
        moved = np.asarray(self.place + by * self.here, dtype=np.float32)
        if self.weft:
            self.piece.v = moved
        else:
            self.piece.u = moved


def _missing_thread(piece: Piece) -> None:
    """One thread is missing, seldom two: the weave behind it is shifted, sometimes a gap shows."""
    stretch, generator = _Stretch(piece), piece.generator
    missing = 1 if generator.random() < 0.85 else 2
    stretch.move((stretch.off >= 0) * np.float32(missing))
    if generator.random() < 0.6:
        gap = generator.uniform(-0.6, 0.3) * piece.style.threads.contrast_ratio
        piece.added += np.float32(gap) * stretch.here * np.exp(-((stretch.off * 1.2) ** 2))
    width = max(1.0, 2 / stretch.pitch_px)
    piece.spoil((np.abs(stretch.off) < width) & (stretch.here > 0.5))


def _odd_thread(piece: Piece) -> None:
    """One to three threads are lighter or darker than the rest."""
    stretch, generator, threads = _Stretch(piece), piece.generator, piece.style.threads
    own = max(threads.contrast_ratio, 4 * max(threads.warp_shade_ratio, threads.weft_shade_ratio))
    tone = _sign(generator) * mostly_small(generator, 0.5, 1)
    tone *= max(0.05, mostly_small(generator, 0.3, 2) * own)
    inside = (stretch.off >= 0) & (stretch.off < generator.integers(1, 4))
    piece.added += np.float32(tone) * inside * stretch.here
    piece.spoil(inside & (stretch.here > 0.5))


def _open_place(piece: Piece) -> None:
    """Two neighbours have drawn apart; those around make room."""
    stretch, generator = _Stretch(piece), piece.generator
    apart, off = generator.uniform(0.15, 0.6), stretch.off
    reach = np.float32(generator.uniform(1, 4))
    away = np.exp(-np.abs(off) / reach) * np.minimum(1, np.abs(off) * 3)
    stretch.move(np.asarray(-np.sign(off) * np.float32(apart) * away, dtype=np.float32))
    dark = generator.uniform(0, 0.8) * piece.style.threads.contrast_ratio
    piece.added -= np.float32(dark) * stretch.here * np.exp(-((off * 2) ** 2))
    piece.spoil((np.abs(off) < 1.2) & (stretch.here > 0.5))


def _dense_threads(piece: Piece) -> None:
    """Two to fourteen threads lie closer or wider than the rest."""
    stretch, generator = _Stretch(piece), piece.generator
    width = mostly_small(generator, 2, 14)
    change = _sign(generator) * mostly_small(generator, 0.06, 0.35)
    stretch.move(np.asarray(np.clip(stretch.off, 0, width) * np.float32(change), np.float32))
    piece.spoil((stretch.off >= 0) & (stretch.off < width) & (stretch.here > 0.5))


def _bent_threads(piece: Piece) -> None:
    """Threads of a place are pushed aside, together or away from its middle."""
    generator, threads = piece.generator, piece.style.threads
    rows, columns = piece.pixels()
    middle_y, middle_x = generator.uniform(0, piece.side_px, 2).astype(np.float32)
    size_px = mostly_small(generator, 4, 40)
    x, y = columns - middle_x, rows - middle_y
    near = np.exp(-(x**2 + y**2) / np.float32(2 * size_px**2))
    push = np.float32(mostly_small(generator, 0.3, 1.6) * min(1.0, size_px / 6))
    if generator.random() < 0.5:
        way = generator.uniform(0, 2 * np.pi)
        aside, down = near * push * np.cos(way), near * push * np.sin(way)
    else:
        aside = near * push * x * np.float32(_sign(generator) / size_px)
        down = near * push * y * np.float32(_sign(generator) / size_px)
    piece.u += np.float32(min(1.0, size_px / threads.warp_pitch_px / 2)) * aside
    piece.v += np.float32(min(1.0, size_px / threads.weft_pitch_px / 2)) * down
    piece.spoil(near > 0.4)


def _other_weave(piece: Piece) -> None:
    """A place is woven by another lift."""
    inside = _spot_of(piece, mostly_small(piece.generator, 5, 40)) > 0.5
    other = weave(piece, _other_lift(piece.style.lift, piece.generator))
    piece.light = np.asarray(np.where(inside, other, piece.light), dtype=np.float32)
    piece.spoil(inside)


def _other_lift(lift: Lift, generator: np.random.Generator) -> Lift:
    plan = np.array(lift, np.bool_)
    for _ in range(8):
        chance = generator.random()
        if chance < 0.5:
            plan = np.roll(plan, int(generator.integers(1, 4)), axis=int(generator.integers(2)))
        else:
            plan = ~plan if chance < 0.75 else plan.T
        if as_lift(plan) != lift:
            break
    return as_lift(plan)


def _spot_of(piece: Piece, size_px: float) -> Plane:
    """Alpha (S, S) float32 of an irregular spot of about that radius, its edge 2 px soft."""
    generator = piece.generator
    rough = piece.soft(max(4.0, size_px / 2))
    middle_y, middle_x = generator.uniform(0, piece.side_px, 2).astype(np.float32)
    rows, columns = piece.pixels()
    stretch, turn = generator.uniform(0.5, 2), generator.uniform(0, np.pi)
    cosine, sine = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    x, y = columns - middle_x, rows - middle_y
    across = (x * cosine + y * sine) * np.float32(stretch)
    along = (y * cosine - x * sine) / np.float32(stretch)
    inside = 1 - np.sqrt(across**2 + along**2) / np.float32(size_px) + np.float32(0.25) * rough
    return np.asarray(np.clip(inside * np.float32(size_px / 2), 0, 1), dtype=np.float32)


def _line_of(piece: Piece, *, straight: bool) -> tuple[Plane, Plane]:
    """Signed distance (S, S) float32 from a line in px, and how much of it is there."""
    generator, side_px = piece.generator, piece.side_px
    if generator.random() < 0.5:
        turn = generator.uniform(0, np.pi)
    else:
        turn = generator.integers(2) * np.pi / 2 + generator.normal(0, 0.05)
    middle_y, middle_x = generator.uniform(0.1 * side_px, 0.9 * side_px, 2).astype(np.float32)
    rows, columns = piece.pixels()
    x, y = columns - middle_x, rows - middle_y
    cosine, sine = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    along, across = x * cosine + y * sine, y * cosine - x * sine
    if not straight:
        for _ in range(3):
            sway_px = np.float32(generator.normal() * mostly_small(generator, 0.5, 14))
            wave = np.float32(2 * np.pi / mostly_small(generator, 25, 400))
            across = across - sway_px * np.sin(wave * along + generator.uniform(0, 2 * np.pi))
    length_px = mostly_small(generator, 8, 2 * side_px)
    there = np.clip((length_px / 2 - np.abs(along)) / 2 + 0.5, 0, 1)
    return np.asarray(across, dtype=np.float32), np.asarray(there, dtype=np.float32)


def _fuzz(piece: Piece) -> None:
    """Fibres hide the threads of a place."""
    generator, threads = piece.generator, piece.style.threads
    alpha = _spot_of(piece, mostly_small(generator, 2.5, 25))
    thickness = np.float32(generator.uniform(0.4, 1))
    spread = generator.uniform(1, 3) * max(1.0, threads.warp_pitch_px / 3)
    smeared = np.asarray(cv2.GaussianBlur(piece.light, (0, 0), spread))
    smeared = smeared + np.float32(generator.uniform(-0.1, 0.3) * threads.contrast_ratio)
    piece.light += (smeared - piece.light) * alpha * thickness
    piece.spoil(alpha > 0.3)


def _spot(piece: Piece) -> None:
    """A place is lighter or darker, with a sharp or a soft edge."""
    generator = piece.generator
    size_px = mostly_small(generator, 1.4, 30)
    alpha = _spot_of(piece, size_px)
    if generator.random() < 0.4:
        alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), min(8.0, size_px / 3)))
    strength = _strength(piece, 0.6, 3) * (1 if size_px > 6 else 1.3)
    piece.light += np.float32(strength) * alpha
    piece.spoil(alpha > 0.3)


def _hole(piece: Piece) -> None:
    """Something else shows through."""
    generator = piece.generator
    alpha = _spot_of(piece, mostly_small(generator, 2, 20))
    below = np.float32(_sign(generator) * mostly_small(generator, 0.3, 0.8))
    piece.light += (below - piece.light) * alpha
    piece.spoil(alpha > 0.3)


def _line(piece: Piece) -> None:
    """A line on the cloth, through or in pieces."""
    generator = piece.generator
    away, there = _line_of(piece, straight=generator.random() < 0.3)
    width_px, strength = mostly_small(generator, 0.5, 3), _strength(piece, 0.7, 3.5)
    line = np.exp(-(away**2) / np.float32(2 * width_px**2)) * there
    if generator.random() < 0.3:
        line = line * (0.5 + 0.5 * np.clip(piece.soft(8.0), -1, 1))
    piece.light += np.float32(strength) * line
    _spoil_line(piece, away, there, width_px)


def _loose_thread(piece: Piece) -> None:
    """A thread lies on the cloth and casts a shadow."""
    generator = piece.generator
    away, there = _line_of(piece, straight=generator.random() < 0.3)
    width_px, strength = mostly_small(generator, 0.5, 3), _strength(piece, 0.7, 3.5)
    twice = np.float32(2 * width_px**2)
    line = np.exp(-(away**2) / twice) * there
    shadow = np.exp(-((away - np.float32(2 * width_px)) ** 2) / twice) * there
    piece.light += line * (np.float32(1.3 * strength) - piece.light)
    piece.light -= np.float32(0.4 * abs(strength)) * shadow
    _spoil_line(piece, away, there, width_px)


def _spoil_line(piece: Piece, away: Plane, there: Plane, width_px: float) -> None:
    """Note a line at distance ``away`` (S, S), where it is ``there`` (S, S)."""
    near = np.exp(-(away**2) / np.float32(2 * max(width_px, 1.0) ** 2))
    piece.spoil(near * there > 0.35)


def _crease(piece: Piece) -> None:
    """A fold: light on one side, dark on the other."""
    generator = piece.generator
    away, there = _line_of(piece, straight=generator.random() < 0.5)
    width_px, strength = mostly_small(generator, 1.5, 8), _strength(piece, 0.5, 2)
    ridge = np.exp(-(away**2) / np.float32(2 * width_px**2)) * there
    slope = -away / np.float32(width_px) * np.float32(np.exp(0.5) * generator.uniform(0.3, 1))
    piece.light += np.float32(strength) * ridge * (slope + np.float32(0.5))
    piece.spoil((np.abs(away) < 1.5 * width_px) & (there > 0.5))


def _foreign_cloth(piece: Piece) -> None:
    """Another cloth shows in a place."""
    generator = piece.generator
    other = render_greige(draw_greige(generator), generator, None, piece.side_px).picture[..., 0]
    alpha = _spot_of(piece, mostly_small(generator, 3, 40))
    texture = (other.astype(np.float32) - np.float32(other.mean())) / np.float32(128)
    texture = texture + np.float32(float(piece.light.mean()) + generator.normal(0, 0.05))
    piece.light += (texture - piece.light) * alpha
    piece.spoil(alpha > 0.4)


_MOVED: dict[str, Callable[[Piece], None]] = {
    "missing_thread": _missing_thread,
    "odd_thread": _odd_thread,
    "open_place": _open_place,
    "dense_threads": _dense_threads,
    "bent_threads": _bent_threads,
}
_PAINTED: dict[str, Callable[[Piece], None]] = {
    "fuzz": _fuzz,
    "spot": _spot,
    "hole": _hole,
    "line": _line,
    "loose_thread": _loose_thread,
    "crease": _crease,
    "foreign_cloth": _foreign_cloth,
}
GREIGE_FLAWS: tuple[str, ...] = (*_MOVED, "other_weave", *_PAINTED)
