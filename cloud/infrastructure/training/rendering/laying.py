"""Laying a garment on the table: cloth, seams, faults, and the truth about each."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.camera import (
    VIEW_HEIGHT_MM,
    VIEW_WIDTH_MM,
    Camera,
    Placement,
    Points,
)
from cloud.infrastructure.training.rendering.decal import paste, window_of
from cloud.infrastructure.training.rendering.defects import (
    Defect,
    DefectClass,
    TrueDefect,
    draw_defect,
)
from cloud.infrastructure.training.rendering.fabric import (
    Colour,
    Fabric,
    fabric_tile,
    smooth_field,
)
from cloud.infrastructure.training.rendering.garment import (
    Panel,
    PointOfMeasure,
    TrueMeasure,
    on_table,
)
from cloud.infrastructure.training.rendering.seam import Seam, Stitches, seam_decals, sew

Canvas = NDArray[np.float32]
_FOLD_MM = 4.0
_UNEVEN_RATIO = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Garment:
    """A panel on the table: outline, cloth, pose of its middle, seams, faults, what is measured.

    `roll_seed` names the roll that the cloth was cut from (its yarns); where on the roll the panel
    was cut is drawn with the scene. `shadow_ratio` is the darkening of the table at its edge.
    """

    panel: Panel
    fabric: Fabric
    pose: Placement = field(
        default_factory=lambda: Placement(x_mm=VIEW_WIDTH_MM / 2, y_mm=VIEW_HEIGHT_MM / 2)
    )
    seams: tuple[Seam, ...] = ()
    defects: tuple[Defect, ...] = ()
    points: tuple[PointOfMeasure, ...] = ()
    roll_seed: int = 1
    shadow_ratio: float = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueSeam:
    """A seam as it was drawn; arrays are (N, 2) float64, a row per mark, missing ones included."""

    name: str
    pitch_mm: float
    cv_ratio: float
    skipped_count: int
    present: tuple[bool, ...]
    marks_mm: Points
    marks_px: Points
    holes_px: Points


@dataclass(frozen=True, slots=True, kw_only=True)
class LaidGarment:
    """What became visible; `outline_px` (N, 2) float64."""

    outline_px: Points
    measures: tuple[TrueMeasure, ...]
    seams: tuple[TrueSeam, ...]
    defects: tuple[TrueDefect, ...]


def lay_garment(
    canvas: Canvas,
    camera: Camera,
    garment: Garment,
    under: Colour,
    generator: np.random.Generator,
) -> LaidGarment:
    """Draw the garment in place.

    Args:
        canvas: (3, H, W) float32 shade of the table.
        camera: that looks at it.
        garment: with its pose.
        under: colour that is seen through a hole.
        generator: of the cloth's place on its roll, its folds, stitches and faults.
    """
    pose = on_table(garment.pose, garment.fabric.thickness_mm)
    outline = camera.project(pose.to_table(garment.panel.outline()), pose.height_mm)
    left, top, right, bottom = window_of(outline, canvas.shape)
    if left < right and top < bottom:
        window = canvas[:, top:bottom, left:right]
        _shadow(canvas, outline, garment, camera)
        alpha = coverage(outline - [left, top], bottom - top, right - left)
        cloth = cloth_shade(garment, pose, camera, (left, top, right, bottom), generator)
        for channel, level in enumerate(garment.fabric.colour):
            window[channel] += alpha * (cloth * np.float32(level) - window[channel])
    seams, defects = lay_details(canvas, camera, garment, under, generator)
    return LaidGarment(
        outline_px=outline,
        measures=tuple(_true_measure(garment, pose, camera, point) for point in garment.points),
        seams=seams,
        defects=defects,
    )


def lay_details(
    canvas: Canvas,
    camera: Camera,
    garment: Garment,
    under: Colour,
    generator: np.random.Generator,
) -> tuple[tuple[TrueSeam, ...], tuple[TrueDefect, ...]]:
    """Draw the garment's seams and faults in place, canvas (3, H, W) float32."""
    pose = on_table(garment.pose, garment.fabric.thickness_mm)
    colour = np.array(garment.fabric.colour)
    sewn = tuple(sew(garment.panel, seam, generator) for seam in garment.seams)
    for stitches in sewn:
        for decal in seam_decals(stitches, colour):
            paste(canvas, camera, pose, decal)
    defects = []
    for defect in garment.defects:
        drawn = draw_defect(defect, colour, np.array(under), generator)
        middle = pose.to_table(np.array([[drawn.placement.x_mm, drawn.placement.y_mm]]))[0]
        placement = Placement(
            x_mm=float(middle[0]),
            y_mm=float(middle[1]),
            turn_deg=pose.turn_deg + drawn.placement.turn_deg,
            height_mm=pose.height_mm,
        )
        paste(canvas, camera, placement, drawn.decal)
        polygon = pose.to_table(drawn.outline_mm)
        defects.append(
            TrueDefect(
                kind=drawn.kind,
                polygon_mm=polygon,
                polygon_px=camera.project(polygon, pose.height_mm),
                area_mm2=drawn.area_mm2,
            )
        )
    for stitches in sewn:
        defects.extend(_stitch_faults(stitches, pose, camera))
    return tuple(_true_seam(stitches, pose, camera) for stitches in sewn), tuple(defects)


def _stitch_faults(stitches: Stitches, pose: Placement, camera: Camera) -> list[TrueDefect]:
    """Missing stitches, and those a quarter longer or shorter than the seam's mean."""
    mean_mm, half_mm = stitches.pitch_mm, stitches.seam.thread_width_mm / 2
    faults = []
    for index, (present, length_mm) in enumerate(
        zip(stitches.present, stitches.lengths_mm.tolist(), strict=True)
    ):
        kind: DefectClass = "uneven_stitch" if present else "skipped_stitch"
        if present and abs(length_mm - mean_mm) <= _UNEVEN_RATIO * mean_mm:
            continue
        start, end = stitches.holes_mm[index], stitches.holes_mm[index + 1]
        along = end - start
        across = np.array([-along[1], along[0]]) / length_mm * half_mm
        corners = np.stack([start - across, end - across, end + across, start + across])
        polygon = pose.to_table(corners)
        faults.append(
            TrueDefect(
                kind=kind,
                polygon_mm=polygon,
                polygon_px=camera.project(polygon, pose.height_mm),
                area_mm2=length_mm * 2 * half_mm,
            )
        )
    return faults


def coverage(outline_px: Points, height: int, width: int) -> Canvas:
    """How much of each pixel lies inside a polygon.

    A pixel cut by an edge gets 0.5 plus its centre's signed distance, which is exact for edges
    along the pixel grid and unbiased for others.

    Args:
        outline_px: (N, 2) float64, closed polygon.
        height: of the result in px.
        width: of the result in px.

    Returns:
        (H, W) float32, 0 to 1.
    """
    polygon = outline_px.astype(np.float32)
    fixed = np.round(outline_px * 16).astype(np.int32)
    inside = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inside, [fixed], 1, cv2.LINE_8, 4)
    band = np.zeros((height, width), np.uint8)
    cv2.polylines(band, [fixed], True, 1, 3, cv2.LINE_8, 4)
    result = inside.astype(np.float32)
    rows, columns = np.nonzero(band)
    distances = [
        cv2.pointPolygonTest(polygon, (x, y), True)
        for x, y in zip(columns.tolist(), rows.tolist(), strict=True)
    ]
    result[rows, columns] = np.clip(np.array(distances) + 0.5, 0, 1)
    return result


def cloth_shade(
    garment: Garment,
    pose: Placement,
    camera: Camera,
    window: tuple[int, int, int, int],
    generator: np.random.Generator,
) -> Canvas:
    """Relative shade of the cloth over a window (left, top, right, bottom) of the picture.

    `pose` is at the height of the cloth's edge.

    Returns:
        (h, w) float32, mean about 1.
    """
    left, top, right, bottom = window
    x, y = camera.plane_maps(left, top, right - left, bottom - top, pose.height_mm)
    angle = np.deg2rad(pose.turn_deg)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    x -= np.float32(pose.x_mm)
    y -= np.float32(pose.y_mm)
    local_x, local_y = cos * x + sin * y, cos * y - sin * x
    tile = fabric_tile(garment.fabric, garment.roll_seed, 1 / camera.px_per_mm)
    place = generator.uniform(0, tile.shade.shape[0], 2)
    cloth = cv2.remap(
        tile.shade,
        local_x / np.float32(tile.texel_mm) + np.float32(place[0] - 0.5),
        local_y / np.float32(tile.texel_mm) + np.float32(place[1] - 0.5),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
    rows = int(garment.panel.length_mm / _FOLD_MM) + 12
    columns = int(garment.panel.width_mm / _FOLD_MM) + 12
    folds = 1 + np.float32(garment.fabric.drape_ratio) * smooth_field(generator, rows, columns)
    shading = cv2.remap(
        folds,
        local_x / np.float32(_FOLD_MM) + np.float32(columns / 2 - 0.5),
        local_y / np.float32(_FOLD_MM) + np.float32(rows / 2 - 0.5),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(cloth * shading, dtype=np.float32)


def _shadow(canvas: Canvas, outline_px: Points, garment: Garment, camera: Camera) -> None:
    """Darken the table softly beside the cloth; canvas (3, H, W), outline (N, 2), in place."""
    reach = 2.0 * camera.px_per_mm
    spread = np.array([[-4 * reach, -4 * reach], [4 * reach, 4 * reach]])
    around = np.concatenate(
        [outline_px.min(axis=0) + spread[:1], outline_px.max(axis=0) + spread[1:]]
    )
    left, top, right, bottom = window_of(around, canvas.shape)
    shape = ((bottom - top + 3) // 4, (right - left + 3) // 4)
    mask = np.zeros(shape, np.float32)
    cv2.fillPoly(
        mask, [np.round((outline_px - [left, top]) / 4 * 16).astype(np.int32)], 1.0, shift=4
    )
    soft = cv2.GaussianBlur(mask, (0, 0), max(0.6, reach / 4))
    soft = cv2.resize(soft, (shape[1] * 4, shape[0] * 4), interpolation=cv2.INTER_LINEAR)
    keep = 1 - np.float32(garment.shadow_ratio) * soft[: bottom - top, : right - left]
    canvas[:, top:bottom, left:right] *= keep


def _true_measure(
    garment: Garment, pose: Placement, camera: Camera, point: PointOfMeasure
) -> TrueMeasure:
    start, end, value = garment.panel.measure(point.axis, point.at_ratio)
    table = pose.to_table(np.stack([start, end]))
    pixels = camera.project(table, pose.height_mm)
    return TrueMeasure(
        name=point.name,
        value_mm=value,
        from_mm=_pair(table[0]),
        to_mm=_pair(table[1]),
        from_px=_pair(pixels[0]),
        to_px=_pair(pixels[1]),
    )


def _true_seam(stitches: Stitches, pose: Placement, camera: Camera) -> TrueSeam:
    marks = pose.to_table(stitches.marks_mm)
    return TrueSeam(
        name=stitches.seam.name,
        pitch_mm=stitches.pitch_mm,
        cv_ratio=stitches.cv_ratio,
        skipped_count=stitches.skipped_count,
        present=stitches.present,
        marks_mm=marks,
        marks_px=camera.project(marks, pose.height_mm),
        holes_px=camera.project(pose.to_table(stitches.holes_mm), pose.height_mm),
    )


def _pair(point: Points) -> tuple[float, float]:
    """A point (2,) float64 as a plain pair."""
    return float(point[0]), float(point[1])
