"""Weaves a tile of greige: where each thread lies, and how much light comes back from it."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.greige import GreigeStyle, Lift, Threads

Plane = NDArray[np.float32]

_PLACES_PX = 500.0
_DARKEST, _LIGHTEST = -2.0, 1.2
_SPLINE_SPREAD = 1.9


@dataclass(slots=True)
class Piece:
    """A tile on the loom.

    `u` counts ends and `v` picks at each pixel; `added` is light that a flaw adds before the cloth
    is seen, `light` the logarithm of brightness, `spoiled` where a flaw is: all (S, S) float32.
    """

    style: GreigeStyle
    generator: np.random.Generator
    side_px: int
    u: Plane = field(init=False)
    v: Plane = field(init=False)
    added: Plane = field(init=False)
    light: Plane = field(init=False)
    spoiled: Plane = field(init=False)

    def __post_init__(self) -> None:
        """Lay the threads."""
        side_px, view, threads = self.side_px, self.style.view, self.style.threads
        y, x = self.pixels()
        turn = np.deg2rad(view.angle_deg)
        cosine, sine = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        across_px, along_px = self.generator.uniform(0, _PLACES_PX, 2).astype(np.float32)
        across = x * cosine + y * sine + across_px
        along = y * cosine - x * sine + np.float32(view.skew_ratio) * x + along_px
        wander, length_px = np.float32(view.wander_px), view.wander_length_px
        across = across + wander * self.soft(length_px)
        along = along + wander * self.soft(length_px)
        self.u = self._uneven(across / np.float32(threads.warp_pitch_px), threads.warp_jitter_ratio)
        self.v = self._uneven(along / np.float32(threads.weft_pitch_px), threads.weft_jitter_ratio)
        self.added = np.zeros((side_px, side_px), np.float32)
        self.light = np.zeros((side_px, side_px), np.float32)
        self.spoiled = np.zeros((side_px, side_px), np.float32)

    def pixels(self) -> tuple[Plane, Plane]:
        """Row (S, 1) and column (1, S) of each pixel, float32."""
        place = np.arange(self.side_px, dtype=np.float32)
        return place[:, None], place[None, :]

    def noise(self) -> Plane:
        """Noise (S, S) float32 of unit spread."""
        return self.generator.standard_normal((self.side_px, self.side_px), dtype=np.float32)

    def soft(self, length_px: float) -> Plane:
        """Smooth noise (S, S) float32 of about unit spread that changes over a length."""
        knots = max(4, int(np.ceil(self.side_px / length_px)) + 3)
        coarse = self.generator.standard_normal((knots, knots), dtype=np.float32)
        room = max(0.0, knots - 3.001 - self.side_px / length_px)
        rows, columns = (
            _splines(self.side_px, knots, length_px, float(start))
            for start in self.generator.uniform(0, room, 2)
        )
        return np.asarray(rows @ coarse @ columns.T * np.float32(_SPLINE_SPREAD), np.float32)

    def _uneven(self, place: Plane, jitter: float) -> Plane:
        """Move each thread of ``place`` (S, S) by its own amount."""
        low = int(np.floor(place.min())) - 2
        count = int(place.max()) - low + 4
        own = self.generator.standard_normal(count, dtype=np.float32) * np.float32(jitter)
        index = (place - low).astype(np.intp)
        part = place - low - index
        moved = place + own[index] * (1 - part) + own[np.minimum(index + 1, count - 1)] * part
        return np.asarray(moved, dtype=np.float32)

    def spoil(self, where: NDArray[np.bool_]) -> None:
        """Note that a flaw is ``where`` (S, S) bool."""
        np.maximum(self.spoiled, where, out=self.spoiled)


def _splines(side_px: int, knots: int, length_px: float, start: float) -> Plane:
    """Weights (side, knots) float32 of a cubic B-spline with knots ``length_px`` apart."""
    place = np.arange(side_px) / length_px + start
    first = np.clip(np.floor(place).astype(np.intp), 0, knots - 4)
    t = place - first
    weights = np.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1
    )
    table = np.zeros((side_px, knots), np.float32)
    table[np.arange(side_px)[:, None], first[:, None] + np.arange(4)] = weights / 6
    return table


def weave(piece: Piece, lift: Lift) -> Plane:
    """Light (S, S) float32 of the piece's threads, woven by a lift."""
    threads, structure = piece.style.threads, piece.style.structure
    if structure == "fleece":
        return np.zeros_like(piece.u)
    ends, picks = np.floor(piece.u).astype(np.intp), np.floor(piece.v).astype(np.intp)
    across, along = piece.u - ends - np.float32(0.5), piece.v - picks - np.float32(0.5)
    first_end, first_pick = int(ends.min()), int(picks.min())
    end, pick = ends - first_end, picks - first_pick
    count = (int(pick.max()) + 1, int(end.max()) + 1)
    if structure == "knit":
        return _knitted(piece, (pick, end), across, count)
    warp_tone, weft_tone = _tones(piece, count, (first_pick, first_end))
    side, crimp = np.float32(4 * threads.round_ratio), np.float32(4 * threads.crimp_ratio)
    across *= across
    along *= along
    crossing = pick * count[1] + end
    warp = warp_tone.ravel()[crossing] - side * across - crimp * along
    weft = weft_tone.ravel()[crossing] - side * along - crimp * across
    plan = np.array(lift, np.bool_)
    over = plan[picks % plan.shape[0], ends % plan.shape[1]]
    return np.asarray(np.where(over, warp, weft), dtype=np.float32)


def _tones(piece: Piece, count: tuple[int, int], first: tuple[int, int]) -> tuple[Plane, Plane]:
    """Tone (picks, ends) float32 of warp and of weft at each crossing."""
    threads, generator = piece.style.threads, piece.generator
    picks, ends = count
    warp = threads.step_ratio + threads.warp_shade_ratio * generator.standard_normal(ends)
    weft = -threads.step_ratio + threads.weft_shade_ratio * generator.standard_normal(picks)
    stripe = threads.stripe
    if stripe is not None and stripe.weft:
        weft += stripe.depth_ratio * ((np.arange(picks) + first[0]) // stripe.threads % 2)
    elif stripe is not None:
        warp += stripe.depth_ratio * ((np.arange(ends) + first[1]) // stripe.threads % 2)
    warp_tone = warp[None, :] + _slubs(generator, threads, (picks, ends), along_rows=False)
    weft_tone = weft[:, None] + _slubs(generator, threads, (picks, ends), along_rows=True)
    return warp_tone.astype(np.float32), weft_tone.astype(np.float32)


def _slubs(
    generator: np.random.Generator, threads: Threads, shape: tuple[int, int], *, along_rows: bool
) -> Plane:
    """Thick and thin places along each thread: (picks, ends) float32."""
    raw = generator.standard_normal(shape, dtype=np.float32)
    spread = threads.slub_threads / 2
    near = 1e-3
    soft = cv2.GaussianBlur(
        raw, (0, 0), spread if along_rows else near, sigmaY=near if along_rows else spread
    )
    return np.asarray(soft * np.float32(np.sqrt(threads.slub_threads) * threads.slub_ratio))


def _knitted(
    piece: Piece, thread: tuple[NDArray[np.intp], NDArray[np.intp]], across: Plane,
    count: tuple[int, int],
) -> Plane:  # fmt: skip
    """Light (S, S) float32 of loops; `across` (S, S) is the place within a wale."""
    threads, generator = piece.style.threads, piece.generator
    course, wale = thread
    half = np.abs(across) * 2
    phase = piece.v + np.float32(piece.style.surface.loop_ratio) * half
    loops = np.float32(0.6 * threads.round_ratio) * np.cos(np.float32(2 * np.pi) * phase)
    loops -= np.float32(0.5 * threads.contrast_ratio) * half * half
    wales = 3 * threads.warp_shade_ratio * generator.standard_normal(count[1], dtype=np.float32)
    courses = 3 * threads.weft_shade_ratio * generator.standard_normal(count[0], dtype=np.float32)
    each = threads.slub_ratio * generator.standard_normal(count, dtype=np.float32)
    tone = (each + wales[None, :] + courses[:, None]).astype(np.float32)
    return np.asarray(loops + tone.ravel()[course * count[1] + wale], dtype=np.float32)


def finish(piece: Piece) -> None:
    """Lay fibres and mottle over the woven light."""
    surface = piece.style.surface
    if piece.style.structure == "fleece":
        fibres = cv2.GaussianBlur(
            piece.noise(), (0, 0), surface.fibre_px, sigmaY=surface.fibre_width_px
        )
        piece.light += np.asarray(fibres) * np.float32(surface.fibre_ratio / (fibres.std() + 1e-9))
    if surface.mottle_px < 8:
        mottle = np.asarray(cv2.GaussianBlur(piece.noise(), (0, 0), surface.mottle_px / 4))
    else:
        mottle = piece.soft(surface.mottle_px)
    piece.light += mottle * np.float32(surface.mottle_ratio / (float(mottle.std()) + 1e-6))


def seen(piece: Piece) -> NDArray[np.uint8]:
    """The piece as a grey camera sees it: (S, S, 3) uint8."""
    view, generator = piece.style.view, piece.generator
    light = np.asarray(cv2.GaussianBlur(piece.light, (0, 0), view.blur_px), np.float32)
    light += np.float32(view.shade_ratio) * piece.soft(150.0)
    light += np.float32(generator.normal(0, 0.03))
    bright = np.float32(view.level_count) * np.exp(np.clip(light, _DARKEST, _LIGHTEST))
    bright += np.float32(view.noise_count) * piece.noise()
    grey = np.clip(np.round(bright), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
