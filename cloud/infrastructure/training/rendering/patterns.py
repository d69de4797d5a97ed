"""What is dyed into cloth, printed on it or worked into lace."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.style import FabricStyle, Pattern, Yarns

Plane = NDArray[np.float32]


def dye_threads(
    pattern: Pattern, colours: NDArray[np.float64], pitch_px: float, *, warp: bool
) -> NDArray[np.float64]:
    """Colour the threads of a stripe or check, `colours` (N, 3) float64 to the same."""
    if pattern.name == "stripes" and not warp:
        return colours
    repeat = max(2, round(pattern.pitch_px / pitch_px))
    inks = np.array(pattern.inks)
    dyed = colours.copy()
    place = np.arange(len(colours)) % repeat
    widths = np.array([0.5, 0.16, 0.1])[: len(inks)] * repeat
    begin = 0.0
    for ink, width in zip(inks, widths, strict=False):
        dyed[(place >= begin) & (place < begin + max(1.0, width))] = ink
        begin += width + 0.08 * repeat
    return dyed


def print_cover(
    pattern: Pattern, cloth: Plane, yarns: Yarns, generator: np.random.Generator
) -> Plane:
    """Print on cloth (S, S, 3) float32: ink replaces the dye, the threads' relief stays."""
    if pattern.name in {"stripes", "checks"}:
        return cloth
    side_px = len(cloth)
    cover = np.zeros((side_px, side_px), np.float32)
    ink = np.zeros((side_px, side_px, 3), np.float32)
    base = np.array(yarns.warp_colour, np.float32)
    relief = cloth / base
    for number, colour in enumerate(pattern.inks):
        mask = _MASKS[pattern.name](pattern.pitch_px, side_px, number, generator)
        ink = ink * (1 - mask[..., None]) + np.array(colour, np.float32) * mask[..., None]
        cover = np.maximum(cover, mask)
    tone = np.clip(relief, 0.25, 1.6) ** 0.85
    printed = ink * tone
    return np.asarray(cloth * (1 - cover[..., None]) + printed * cover[..., None], np.float32)


def lace_cover(
    style: FabricStyle, net: Plane, along: Plane, generator: np.random.Generator
) -> Plane:
    """Work dense motifs with a cord along their edge into a net (S, S, 3) float32.

    `along` (S, S) float32 counts the threads: the dense parts show them.
    """
    pattern = style.pattern
    if pattern is None:
        return net
    side_px = len(net)
    mask = _motifs(pattern.pitch_px, side_px, 0, generator)
    edge = cv2.GaussianBlur(mask, (0, 0), 1.6)
    cord = np.clip(1 - np.abs(edge - 0.5) * 3.5, 0, 1)
    ribs = 0.84 + 0.16 * np.cos(2 * np.pi * along * 2.5)
    yarn = np.array(style.yarns.warp_colour, np.float32)
    dense = yarn * (0.82 * ribs)[..., None]
    cover = (0.9 * mask)[..., None]
    worked = net * (1 - cover) + dense * cover
    return np.asarray(worked * (1 - cord[..., None]) + yarn * 1.05 * cord[..., None], np.float32)


def _dots(pitch_px: float, side_px: int, number: int, generator: np.random.Generator) -> Plane:
    radius = pitch_px * float(generator.uniform(0.12, 0.36))
    shift = np.array([number * 0.5, number * 0.37]) * pitch_px
    canvas = np.zeros((side_px, side_px), np.uint8)
    half = bool(generator.random() < 0.5)
    rows = int(side_px / pitch_px) + 3
    for row in range(-1, rows):
        for column in range(-1, rows):
            x = (column + (0.5 if half and row % 2 else 0.0)) * pitch_px + shift[0]
            y = row * pitch_px + shift[1]
            place = (round(x * 8), round(y * 8))
            cv2.circle(canvas, place, round(radius * 8), 255, -1, cv2.LINE_AA, 3)
    return _soft(canvas)


def _motifs(pitch_px: float, side_px: int, number: int, generator: np.random.Generator) -> Plane:
    """Flowers and leaves, one drawing repeated with turns."""
    canvas = np.zeros((side_px, side_px), np.uint8)
    petals = int(generator.integers(3, 8))
    depth = float(generator.uniform(0.2, 0.6))
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    size = pitch_px * float(generator.uniform(0.22, 0.42)) / (1 + 0.4 * number)
    radius = size * (1 - depth + depth * np.abs(np.cos(petals * angle / 2)))
    rows = int(side_px / pitch_px) + 3
    shift = generator.uniform(0, pitch_px, 2)
    for row in range(-1, rows):
        for column in range(-1, rows):
            turn = float(generator.choice([0.0, 0.6, 1.9]))
            middle = np.array([column + 0.5 * (row % 2), row]) * pitch_px + shift
            way = np.column_stack([np.cos(angle + turn), np.sin(angle + turn)])
            points = np.round((way * radius[:, None] + middle) * 8).astype(np.int32)
            cv2.fillPoly(canvas, [points], 255, cv2.LINE_AA, 3)
    return _soft(canvas)


def _gradient(pitch_px: float, side_px: int, number: int, generator: np.random.Generator) -> Plane:
    """Ink that comes and goes softly over several repeats."""
    angle = float(generator.uniform(0, np.pi)) + number
    place = np.arange(side_px, dtype=np.float32)
    way = place[None, :] * np.cos(angle) + place[:, None] * np.sin(angle)
    return np.asarray(0.5 + 0.5 * np.cos(way * (np.pi / (2.5 * pitch_px)) + angle), np.float32)


def _soft(canvas: NDArray[np.uint8]) -> Plane:
    """Mask (S, S) uint8 to alpha (S, S) float32 with soft edges."""
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.7) / np.float32(255), np.float32)


_MASKS = {"dots": _dots, "motifs": _motifs, "gradient": _gradient}
