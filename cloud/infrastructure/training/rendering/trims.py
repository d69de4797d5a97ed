"""Sequins, beads and hotfix stones on cloth."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.style import Trim

Plane = NDArray[np.float32]


def lay_trims(trim: Trim, cloth: Plane, seed: int) -> tuple[Plane, NDArray[np.int32]]:
    """Lay trims on cloth.

    Args:
        trim: what, how large, how dense.
        cloth: (S, S, 3) float32 shade.
        seed: of their irregularity.

    Returns:
        The covered cloth (S, S, 3) float32, and the number of the trim on top (S, S) int32, 0 for
        none.
    """
    generator = np.random.default_rng([seed, 0x7B])
    side_px = len(cloth)
    covered = cloth.copy()
    numbers = np.zeros((side_px, side_px), np.int32)
    shadows = np.ones((side_px, side_px), np.float32)
    stamps = [_STAMPS[trim.name](trim, generator) for _ in range(10)]
    reach = stamps[0][1].shape[0] // 2
    places = _places(trim, side_px, generator)
    _shade_below(shadows, places, trim)
    covered *= shadows[..., None]
    for number, (x, y) in enumerate(places, start=1):
        colour, cover = stamps[int(generator.integers(len(stamps)))]
        left, top = x - reach, y - reach
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + cover.shape[1], side_px), min(top + cover.shape[0], side_px)
        if x0 >= x1 or y0 >= y1:
            continue
        part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        alpha = cover[part][..., None]
        patch = covered[y0:y1, x0:x1]
        patch += (colour[part] - patch) * alpha
        numbers[y0:y1, x0:x1][cover[part] > 0.5] = number
    return covered, numbers


def _places(trim: Trim, side_px: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """Middles (N, 2), x and y in px, in the order in which they are laid."""
    pitch_px = trim.pitch_px
    rows = int(side_px / pitch_px / 0.9) + 4
    row, column = np.meshgrid(np.arange(-1, rows), np.arange(-1, rows), indexing="ij")
    x = (column + 0.5 * (row % 2)) * pitch_px
    y = row * pitch_px * 0.9
    jitter = generator.normal(0, 0.05 * trim.size_px, (2, *x.shape))
    # Overlapping sequins are sewn from the hem upwards: the upper row lies on the lower one.
    order = np.argsort(-row.ravel(), kind="stable")
    places = np.column_stack([(x + jitter[0]).ravel(), (y + jitter[1]).ravel()])[order]
    return np.round(places).astype(np.intp)


def _shade_below(shadows: Plane, places: NDArray[np.intp], trim: Trim) -> None:
    """Darken the cloth around the trims, (S, S) float32, in place."""
    canvas = np.zeros(shadows.shape, np.uint8)
    for x, y in places:
        cv2.circle(canvas, (int(x) + 1, int(y) + 1), max(1, round(trim.size_px / 2)), 255, -1)
    soft = cv2.GaussianBlur(canvas, (0, 0), max(0.8, trim.size_px / 9))
    shadows *= 1 - 0.45 * soft / np.float32(255)


def _grid(size_px: float) -> tuple[Plane, Plane, Plane]:
    """x, y and distance from the middle, in halves of the size, (K, K) float32."""
    reach = int(np.ceil(size_px / 2)) + 2
    place = (np.arange(-reach, reach + 1) / (size_px / 2)).astype(np.float32)
    x, y = np.meshgrid(place, place)
    return x, y, np.hypot(x, y)


def _sequin(trim: Trim, generator: np.random.Generator) -> tuple[Plane, Plane]:
    """A flat glossy disc with a hole and a glint by its tilt."""
    x, y, radius = _grid(trim.size_px)
    soft = 2.0 / trim.size_px
    cover = np.clip((1 - radius) / soft, 0, 1)
    tilt = generator.normal(0, 1, 2)
    plane = 0.75 + 0.22 * (x * tilt[0] + y * tilt[1])
    if generator.random() < 0.25:
        plane = plane + generator.uniform(0.3, 0.9)
    glint = np.exp(-(((x - 0.4 * tilt[0]) ** 2 + (y - 0.4 * tilt[1]) ** 2) / 0.09))
    rim = 1 - 0.35 * np.clip((radius - 0.78) / 0.22, 0, 1)
    colour = np.array(trim.colour, np.float32) * (plane * rim)[..., None]
    colour = colour + (glint * generator.uniform(0.1, 0.8))[..., None]
    hole = np.clip((0.17 - radius) / soft + 0.5, 0, 1)[..., None]
    colour = colour * (1 - 0.8 * hole)
    return np.clip(colour, 0, 1).astype(np.float32), cover.astype(np.float32)


def _bead(trim: Trim, generator: np.random.Generator) -> tuple[Plane, Plane]:
    """A ball with a highlight towards the lamp and a darker far side."""
    x, y, radius = _grid(trim.size_px)
    cover = np.clip((1 - radius) * trim.size_px / 2, 0, 1)
    height = np.sqrt(np.clip(1 - radius**2, 0, 1))
    shade = 0.35 + 0.75 * height - 0.25 * (x + y) * 0.5
    spot = np.exp(-((x + 0.3) ** 2 + (y + 0.35) ** 2) / 0.05) * generator.uniform(0.4, 1.0)
    colour = np.array(trim.colour, np.float32) * shade[..., None] + spot[..., None]
    return np.clip(colour, 0, 1).astype(np.float32), cover.astype(np.float32)


def _hotfix(trim: Trim, generator: np.random.Generator) -> tuple[Plane, Plane]:
    """A faceted stone: a bright table in the middle, facets of other brightness around."""
    x, y, radius = _grid(trim.size_px)
    cover = np.clip((1 - radius) * trim.size_px / 2, 0, 1)
    turn = float(generator.uniform(0, np.pi / 4))
    facet = np.floor((np.arctan2(y, x) + np.pi + turn) / (np.pi / 4)).astype(int) % 8
    shade = np.where(radius < 0.5, 0.95, generator.uniform(0.35, 1.35, 8)[facet])
    colour = np.array(trim.colour, np.float32) * shade[..., None]
    spot = np.exp(-((x + 0.15) ** 2 + (y + 0.2) ** 2) / 0.03) * generator.uniform(0.2, 0.8)
    return np.clip(colour + spot[..., None], 0, 1).astype(np.float32), cover.astype(np.float32)


_STAMPS = {"sequin": _sequin, "bead": _bead, "hotfix": _hotfix}
