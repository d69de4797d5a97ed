"""Samples for training: good tiles, and the same with one flaw and a mask of where it is."""

from collections.abc import Callable

import cv2
import numpy as np

from cloud.infrastructure.training.rendering import (
    anomalies,
    cloth_flaws,
    spot_flaws,
    weave_flaws,
)
from cloud.infrastructure.training.rendering.canvas import Canvas
from cloud.infrastructure.training.rendering.cloth import (
    SMALLEST_PX,
    add_sensor_noise,
    lay,
    laying,
    light_cloth,
    render_cloth,
    see,
    swatch_of,
)
from cloud.infrastructure.training.rendering.errors import ImpossibleSceneError
from cloud.infrastructure.training.rendering.fittings import (
    LABEL_KIND,
    TRIM_KINDS,
    choose_missing,
    leave_traces,
    sew_label,
)
from cloud.infrastructure.training.rendering.grain import Grain, find_grain
from cloud.infrastructure.training.rendering.sample import Mask, Picture, Sample
from cloud.infrastructure.training.rendering.stitching import (
    SEAM_KINDS,
    SeamFlaw,
    draw_seam_style,
    sew,
)
from cloud.infrastructure.training.rendering.style import (
    FAMILIES,
    FabricStyle,
    draw_style,
    draw_trimmed,
)
from cloud.infrastructure.training.rendering.visibility import Observer

__all__ = [
    "ANOMALIES", "FAMILIES", "FITTED_KINDS", "KINDS", "SEAM_KINDS", "FabricStyle", "Sample",
    "draw_style", "render_cloth", "render_label", "render_sample", "render_seam", "spoil",
    "style_for",
]  # fmt: skip

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
    "weft_curl": weave_flaws.weft_curl,
    "fuzzy_ball": weave_flaws.fuzzy_ball,
    "cut_selvage": weave_flaws.cut_selvage,
    "density_bar": weave_flaws.density_bar,
    "shade_bar": weave_flaws.shade_bar,
    "dropped_stitch": weave_flaws.dropped_stitch,
}
_ANOMALIES: dict[str, Callable[[Canvas], None]] = {
    "cut_paste": anomalies.cut_paste,
    "rotated_self": anomalies.rotated_self,
    "colour_shift": anomalies.colour_shift,
    "blur_patch": anomalies.blur_patch,
    "density_warp": anomalies.density_warp,
    "foreign_texture": anomalies.foreign_texture,
    "thread_removal": anomalies.thread_removal,
    "thread_thickening": anomalies.thread_thickening,
}
# Flaws of cloth itself, which any picture can be given, and strangeness that has no name.
KINDS: tuple[str, ...] = tuple(_CLOTH_FLAWS)
ANOMALIES: tuple[str, ...] = tuple(_ANOMALIES)
# Flaws of the catalogue that need a seam, a trim or a label: only `render_sample` draws them.
FITTED_KINDS: tuple[str, ...] = (*SEAM_KINDS, *TRIM_KINDS, LABEL_KIND)

_ATTEMPTS, _LAYINGS = 4, 24
_COVERED, _SEEN_COUNT = 0.3, 4.0
_SMALLEST_MASK_PX = 6
# The least difference of a whole flaw, in the cloth's contrast; `visibility` asks for more.
_CLEAR = 4.0


def render_sample(
    style: FabricStyle,
    generator: np.random.Generator,
    kind: str | None,
    side_px: int = 256,
    least_score: float | None = None,
) -> Sample:
    """Render a tile of a style, with a flaw of a kind or, for None, good.

    The flaw is laid on the cloth before lens and sensor see it. With a `least_score` (`ROSE` of
    `visibility`) it is drawn anew, bolder, some times until it can be seen that well, and the
    sample says how well it can. Flaws of seams come with a seam, a crooked label with its label;
    `render_seam` draws good seams.

    Raises:
        ImpossibleSceneError: no such kind, no such trim on the style (`style_for` draws one that
            has it), or the side is not within 32 to 2048 px.
    """
    if kind in SEAM_KINDS:
        return render_seam(style, generator, kind, side_px)
    if kind == LABEL_KIND:
        return render_label(style, generator, side_px, crooked=True)
    if kind in TRIM_KINDS:
        return _without_trims(style, generator, kind, side_px)
    cloth = lay(swatch_of(style, side_px), laying(style, generator, side_px))
    lit = light_cloth(style.view, cloth, generator)
    if kind is None:
        mask = np.zeros((side_px, side_px), np.bool_)
        return Sample(see(style.view, lit, generator), mask, None)
    flaw = _spoiled(lit, style, generator, kind, least_score)
    return Sample(see(style.view, flaw.picture, generator), flaw.mask, kind, flaw.visible_score)


def render_seam(
    style: FabricStyle,
    generator: np.random.Generator,
    flaw: SeamFlaw | None,
    side_px: int = 256,
) -> Sample:
    """Render a tile with a seam across it, good for None or with a flaw of SEAM_KINDS.

    Raises:
        ImpossibleSceneError: no such flaw, or the side is not within 32 to 2048 px.
    """
    if flaw is not None and flaw not in SEAM_KINDS:
        raise ImpossibleSceneError(f"no flaw of seams {flaw!r}; there are {', '.join(SEAM_KINDS)}")
    for _ in range(_ATTEMPTS):
        canvas = _lit_canvas(style, generator, side_px)
        sew(canvas, draw_seam_style(generator, style, side_px), flaw)
        if flaw is None or int((canvas.cover > 0.5).sum()) >= _SMALLEST_MASK_PX:
            break
    return _seen(style, generator, canvas, flaw)


def render_label(
    style: FabricStyle, generator: np.random.Generator, side_px: int = 256, *, crooked: bool = False
) -> Sample:
    """Render a tile with a label sewn on, straight and good or crooked.

    Raises:
        ImpossibleSceneError: the side is not within 32 to 2048 px.
    """
    canvas = _lit_canvas(style, generator, side_px)
    sew_label(canvas, crooked=crooked)
    return _seen(style, generator, canvas, LABEL_KIND if crooked else None)


def style_for(
    generator: np.random.Generator, kind: str | None, family: str | None = None
) -> FabricStyle:
    """Draw a style that can have a flaw of a kind, of a family if one is named.

    Raises:
        ImpossibleSceneError: no such family, or its cloth cannot have that flaw.
    """
    trim = TRIM_KINDS.get(kind or "")
    if trim is None:
        return draw_style(generator, family)
    if family not in {None, "sequin"}:
        raise ImpossibleSceneError(f"{kind} needs family 'sequin', not {family!r}")
    return draw_trimmed(generator, trim)


def _without_trims(
    style: FabricStyle, generator: np.random.Generator, kind: str, side_px: int
) -> Sample:
    swatch = swatch_of(style, side_px)
    if style.trim is None or style.trim.name != TRIM_KINDS[kind] or swatch.trims is None:
        raise ImpossibleSceneError(f"{kind}: this style has no trim {TRIM_KINDS[kind]!r}")
    for _ in range(_LAYINGS):
        place = laying(style, generator, side_px)
        alpha = choose_missing(swatch.trims, place, generator)
        if int((alpha > 0.5).sum()) >= _SMALLEST_MASK_PX:
            break
    else:
        raise ImpossibleSceneError(f"{kind}: a tile of {side_px} px is too small for this style")
    cloth = lay(swatch, place)
    bare = lay(swatch, place, bare=True).astype(np.float32)
    mixed = cloth + (bare - cloth) * alpha[..., None]
    lit = light_cloth(style.view, np.asarray(mixed, dtype=np.uint8), generator)
    canvas = Canvas(lit.astype(np.float32), grain_of(style), 1.0, generator)
    leave_traces(canvas, alpha, kind)
    return _seen(style, generator, canvas, kind)


def _lit_canvas(style: FabricStyle, generator: np.random.Generator, side_px: int) -> Canvas:
    cloth = lay(swatch_of(style, side_px), laying(style, generator, side_px))
    lit = light_cloth(style.view, cloth, generator).astype(np.float32)
    boldness = float(np.exp(generator.normal(0.0, 0.35)))
    return Canvas(lit, grain_of(style), boldness, generator)


def _seen(
    style: FabricStyle, generator: np.random.Generator, canvas: Canvas, kind: str | None
) -> Sample:
    lit = np.asarray(np.clip(canvas.picture, 0, 255), dtype=np.uint8)
    mask: Mask = canvas.cover > 0.5
    return Sample(see(style.view, lit, generator), mask, kind)


def spoil(
    picture: Picture,
    style: FabricStyle | Grain | None,
    generator: np.random.Generator,
    kind: str,
) -> tuple[Picture, Mask]:
    """Put one flaw on a picture of cloth, a rendered or a real one.

    Args:
        picture: (H, W, 3) uint8 RGB, sides at least 32 px; it stays as it is.
        style: of a rendered cloth that no sensor saw yet; for a photograph its grain, which
            `find_grain` reads once for a whole style, or None to read it off this picture.
        generator: of the flaw.
        kind: one of KINDS or ANOMALIES.

    Returns:
        The spoiled picture (H, W, 3) uint8 and where it differs visibly (H, W) bool.

    Raises:
        ImpossibleSceneError: no such kind, or not such a picture.
    """
    _check_picture(picture)
    flaw = _spoiled(picture, style, generator, kind)
    return flaw.picture, flaw.mask


def _spoiled(
    picture: Picture,
    style: FabricStyle | Grain | None,
    generator: np.random.Generator,
    kind: str,
    least_score: float | None = None,
) -> Sample:
    """Put a flaw on (H, W, 3) uint8, the first of some that can be seen, else the last."""
    paint = _CLOTH_FLAWS.get(kind) or _ANOMALIES.get(kind)
    if paint is None:
        raise ImpossibleSceneError(f"no kind {kind!r}; there are {', '.join((*KINDS, *ANOMALIES))}")
    photographed = not isinstance(style, FabricStyle)
    grain = grain_of(style) if isinstance(style, FabricStyle) else style or find_grain(picture)
    boldness = float(np.exp(generator.normal(0.0, 0.35)))
    observer = None if least_score is None else Observer(picture)
    for attempt in range(_ATTEMPTS):
        canvas = Canvas(
            picture=picture.astype(np.float32),
            grain=grain,
            boldness_ratio=boldness * (1 + attempt),
            generator=generator,
            insist_ratio=1.0 + attempt if least_score else 1.0,
        )
        paint(canvas)
        if photographed:
            add_sensor_noise(canvas)
        spoiled: Picture = np.clip(canvas.picture, 0, 255).astype(np.uint8)
        mask, clearness = _visible(picture, spoiled, canvas)
        score = 0.0 if observer is None else observer.detectability(spoiled, mask)
        seen = int(mask.sum()) >= _SMALLEST_MASK_PX and clearness >= _CLEAR
        if seen and score >= (least_score or 0.0):
            break
    return Sample(spoiled, mask, kind, score)


def _check_picture(picture: Picture) -> None:
    """Refuse what is not (H, W, 3) uint8 with sides of at least 32 px."""
    if picture.ndim != 3 or picture.shape[2] != 3 or min(picture.shape[:2]) < SMALLEST_PX:
        raise ImpossibleSceneError(
            f"a picture of shape {picture.shape}; it takes (H, W, 3), {SMALLEST_PX} px and more"
        )
    if picture.dtype != np.uint8:
        raise ImpossibleSceneError(f"a picture of {picture.dtype}; it takes uint8")


def grain_of(style: FabricStyle) -> Grain:
    """How the threads of a rendered style run."""
    return Grain(
        angle_deg=style.angle_deg,
        warp_pitch_px=style.yarns.warp_pitch_px,
        weft_pitch_px=style.yarns.weft_pitch_px,
    )


def _visible(before: Picture, after: Picture, canvas: Canvas) -> tuple[Mask, float]:
    """Where the flaw lies and the eye can tell, and how well, for (H, W, 3) uint8 pictures.

    How well is the whole difference against the cloth's own contrast: a large faint flaw shows as
    well as a small strong one.
    """
    red, green, blue = cv2.split(cv2.absdiff(before, after))
    difference = cv2.max(cv2.max(red, green), blue)
    seen = cv2.dilate(cv2.blur(difference, (3, 3)), np.ones((3, 3), np.uint8))
    enough = _COVERED * min(1.0, float(canvas.cover.max()))
    mask: Mask = (canvas.cover > enough) & (np.asarray(seen) >= _SEEN_COUNT)
    inside = np.asarray(difference)[mask].astype(np.float32)
    return mask, float(np.sqrt(np.dot(inside, inside))) / canvas.spread_count
