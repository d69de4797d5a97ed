"""Samples for training: good tiles, and the same with one flaw and a mask of where it is."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering import anomalies, cloth_flaws, spot_flaws
from cloud.infrastructure.training.rendering.canvas import Canvas
from cloud.infrastructure.training.rendering.cloth import (
    lay,
    laying,
    light_cloth,
    render_cloth,
    see,
    swatch_of,
)
from cloud.infrastructure.training.rendering.errors import ImpossibleSceneError
from cloud.infrastructure.training.rendering.grain import Grain, find_grain
from cloud.infrastructure.training.rendering.style import FAMILIES, FabricStyle, draw_style

__all__ = [
    "ANOMALIES", "FAMILIES", "KINDS", "FabricStyle", "Sample", "draw_style", "render_cloth",
    "render_sample", "spoil",
]  # fmt: skip

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_CLOTH_FLAWS: dict[str, Callable[[Canvas], None]] = {
    "broken_end": cloth_flaws.broken_end,
    "broken_pick": cloth_flaws.broken_pick,
    "hole": spot_flaws.hole,
    "stain": spot_flaws.stain,
    "oil_line": spot_flaws.oil_line,
    "snag": cloth_flaws.snag,
    "misweave": cloth_flaws.misweave,
    "colour_bleed": spot_flaws.colour_bleed,
    "loose_thread": cloth_flaws.loose_thread,
    "knot": cloth_flaws.knot,
    "slub": cloth_flaws.slub,
    "crease_mark": spot_flaws.crease_mark,
    "foreign_fibre": spot_flaws.foreign_fibre,
}
_ANOMALIES: dict[str, Callable[[Canvas], None]] = {
    "cut_paste": anomalies.cut_paste,
    "rotated_self": anomalies.rotated_self,
    "colour_shift": anomalies.colour_shift,
    "blur_patch": anomalies.blur_patch,
    "density_warp": anomalies.density_warp,
    "foreign_texture": anomalies.foreign_texture,
}
# Kinds of the catalogue that need no seam, and kinds that have no name there.
KINDS: tuple[str, ...] = tuple(_CLOTH_FLAWS)
ANOMALIES: tuple[str, ...] = tuple(_ANOMALIES)

_ATTEMPTS = 4
_COVERED, _SEEN_COUNT = 0.3, 4.0
_SMALLEST_MASK_PX = 6


@dataclass(frozen=True, slots=True)
class Sample:
    """A tile (H, W, 3) uint8 RGB, where it is spoiled (H, W) bool, and by what; None is good."""

    picture: Picture
    mask: Mask
    kind: str | None


def render_sample(
    style: FabricStyle, generator: np.random.Generator, kind: str | None, side_px: int = 256
) -> Sample:
    """Render a tile of a style, with a flaw of a kind or, for None, good.

    The flaw is laid on the cloth before lens and sensor see it.

    Raises:
        ImpossibleSceneError: no such kind, or the side is not within 32 to 2048 px.
    """
    place = laying(style, generator, side_px)
    lit = light_cloth(style.view, lay(swatch_of(style, side_px), place), generator)
    mask = np.zeros((side_px, side_px), np.bool_)
    if kind is not None:
        lit, mask = spoil(lit, style, generator, kind)
    return Sample(see(style.view, lit, generator), mask, kind)


def spoil(
    picture: Picture, style: FabricStyle | None, generator: np.random.Generator, kind: str
) -> tuple[Picture, Mask]:
    """Put one flaw on a picture of cloth, a rendered or a real one.

    Args:
        picture: (H, W, 3) uint8 RGB, sides at least 32 px; it stays as it is.
        style: of a rendered cloth; None where the grain is to be read off the picture.
        generator: of the flaw.
        kind: one of KINDS or ANOMALIES.

    Returns:
        The spoiled picture (H, W, 3) uint8 and where it differs visibly (H, W) bool.

    Raises:
        ImpossibleSceneError: no such kind, or not such a picture.
    """
    paint = _CLOTH_FLAWS.get(kind) or _ANOMALIES.get(kind)
    if paint is None:
        raise ImpossibleSceneError(f"no kind {kind!r}; there are {', '.join((*KINDS, *ANOMALIES))}")
    if picture.ndim != 3 or picture.shape[2] != 3 or min(picture.shape[:2]) < 32:
        raise ImpossibleSceneError(f"a picture of shape {picture.shape}; it takes (H, W, 3)")
    grain = find_grain(picture) if style is None else grain_of(style)
    boldness = float(np.exp(generator.normal(0.0, 0.35)))
    for attempt in range(_ATTEMPTS):
        canvas = Canvas(
            picture=picture.astype(np.float32),
            grain=grain,
            boldness_ratio=boldness * (1 + attempt),
            generator=generator,
        )
        paint(canvas)
        spoiled: Picture = np.clip(canvas.picture, 0, 255).astype(np.uint8)
        mask = _visible(picture, spoiled, canvas.cover)
        if int(mask.sum()) >= _SMALLEST_MASK_PX:
            break
    return spoiled, mask


def grain_of(style: FabricStyle) -> Grain:
    """How the threads of a rendered style run."""
    return Grain(
        angle_deg=style.angle_deg,
        warp_pitch_px=style.yarns.warp_pitch_px,
        weft_pitch_px=style.yarns.weft_pitch_px,
    )


def _visible(before: Picture, after: Picture, cover: NDArray[np.float32]) -> Mask:
    """Where the flaw lies and the eye can tell: (H, W) bool."""
    difference = cv2.absdiff(before, after).max(axis=2)
    seen = cv2.dilate(cv2.blur(difference, (3, 3)), np.ones((3, 3), np.uint8))
    mask: Mask = (cover > _COVERED * min(1.0, float(cover.max()))) & (seen >= _SEEN_COUNT)
    return mask
