"""A whole picture of the inspection table, and the truth about it."""

from dataclasses import dataclass, field
from functools import lru_cache

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
from cloud.infrastructure.training.rendering.defects import Defect, TrueDefect, draw_defect
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
from cloud.infrastructure.training.rendering.markers import (
    Label,
    TableTags,
    label_decal,
    tag_decals,
)
from cloud.infrastructure.training.rendering.seam import Seam, Stitches, seam_decals, sew
from cloud.infrastructure.training.rendering.sensor import Light, Sensor, expose

Canvas = NDArray[np.float32]
_FOLD_MM = 4.0


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
class SceneSpec:
    """All that a picture is made of; None leaves the thing away."""

    camera: Camera = field(default_factory=Camera)
    light: Light = field(default_factory=Light)
    sensor: Sensor = field(default_factory=Sensor)
    table_colour: Colour = (0.135, 0.14, 0.145)
    tags: TableTags | None = field(default_factory=TableTags)
    garment: Garment | None = None
    label: Label | None = None


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
class SceneTruth:
    """What the picture shows, known because it was drawn.

    `homography` (3, 3) maps table mm to px where the lens has no distortion (else to undistorted
    px of `camera.matrix`); `outline_px` (N, 2) is the garment's edge, `label_corners_px` (4, 2) the
    code's own corners without quiet zone (TL, TR, BR, BL of the code as printed), `tag_corners_px`
    the black squares' corners in the order of ArUco. Tags outside the spec are absent.
    """

    camera: Camera
    homography: Points
    label_text: str | None
    label_corners_px: Points | None
    tag_corners_px: dict[int, Points]
    garment_pose: Placement | None
    outline_px: Points | None
    measures: tuple[TrueMeasure, ...]
    seams: tuple[TrueSeam, ...]
    defects: tuple[TrueDefect, ...]


def render_scene(
    spec: SceneSpec, generator: np.random.Generator
) -> tuple[NDArray[np.uint8], SceneTruth]:
    """Draw a scene.

    The same spec and the same generator state give the same picture, byte for byte.

    Returns:
        the picture (H, W, 3) uint8 RGB, and its truth.
    """
    camera = spec.camera
    canvas = _table(spec, generator)
    tags: dict[int, Points] = {}
    if spec.tags is not None:
        for placement, decal in tag_decals(spec.tags):
            paste(canvas, camera, placement, decal)
        tags = {n: _square_px(camera, spec.tags.side_mm, at) for n, at in _tag_places(spec.tags)}
    drawn = _Drawn()
    if spec.garment is not None:
        drawn = _lay(canvas, spec, spec.garment, generator)
    corners = None
    if spec.label is not None:
        paste(canvas, camera, spec.label.placement, label_decal(spec.label))
        corners = _square_px(camera, spec.label.side_mm, spec.label.placement)
    truth = SceneTruth(
        camera=camera,
        homography=camera.homography(),
        label_text=spec.label.text if spec.label else None,
        label_corners_px=corners,
        tag_corners_px=tags,
        garment_pose=spec.garment.pose if spec.garment else None,
        outline_px=drawn.outline_px,
        measures=drawn.measures,
        seams=drawn.seams,
        defects=drawn.defects,
    )
    return expose(canvas, spec.light, spec.sensor, generator), truth


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    outline_px: Points | None = None
    measures: tuple[TrueMeasure, ...] = ()
    seams: tuple[TrueSeam, ...] = ()
    defects: tuple[TrueDefect, ...] = ()


@lru_cache(maxsize=1)
def _grain() -> Canvas:
    """Fine grain of the table's rubber, periodic: (1024, 1024) float32 about 0."""
    noise = np.random.default_rng(0x7AB1E).standard_normal((1024, 1024)).astype(np.float32)
    grain = cv2.GaussianBlur(np.pad(noise, 8, mode="wrap"), (0, 0), 1.1)[8:-8, 8:-8]
    return np.ascontiguousarray(grain / grain.std(), dtype=np.float32)


def _table(spec: SceneSpec, generator: np.random.Generator) -> Canvas:
    """The bare table, (3, H, W) float32."""
    height, width = spec.camera.height_px, spec.camera.width_px
    wear = smooth_field(generator, 150, 200)
    shade: Canvas = np.asarray(
        cv2.resize(1 + 0.025 * wear, (width, height), interpolation=cv2.INTER_LINEAR),
        dtype=np.float32,
    )
    grain, (down, right) = _grain(), generator.integers(0, 1024, 2)
    grain = np.roll(grain, (down, right), (0, 1)) * np.float32(0.03)
    for top in range(0, height, 1024):
        for left in range(0, width, 1024):
            block = shade[top : top + 1024, left : left + 1024]
            block += grain[: block.shape[0], : block.shape[1]]
    canvas = np.empty((3, height, width), np.float32)
    for channel, colour in enumerate(spec.table_colour):
        np.multiply(shade, np.float32(colour), out=canvas[channel])
    return canvas


def _lay(
    canvas: Canvas, spec: SceneSpec, garment: Garment, generator: np.random.Generator
) -> _Drawn:
    """Put the garment on the canvas, (3, H, W) float32, in place."""
    camera = spec.camera
    pose = on_table(garment.pose, garment.fabric.thickness_mm)
    outline = camera.project(pose.to_table(garment.panel.outline()), pose.height_mm)
    left, top, right, bottom = window_of(outline, canvas.shape)
    if left < right and top < bottom:
        window = canvas[:, top:bottom, left:right]
        _shadow(canvas, outline, garment, camera)
        alpha = coverage(outline - [left, top], bottom - top, right - left)
        cloth = _cloth(garment, pose, camera, (left, top, right, bottom), generator)
        for channel, level in enumerate(garment.fabric.colour):
            window[channel] += alpha * (cloth * np.float32(level) - window[channel])
    colour = np.array(garment.fabric.colour)
    seams = tuple(sew(garment.panel, seam, generator) for seam in garment.seams)
    for stitches in seams:
        for decal in seam_decals(stitches, colour):
            paste(canvas, camera, pose, decal)
    defects = tuple(
        _lay_defect(canvas, spec, pose, (defect, garment.fabric.colour), generator)
        for defect in garment.defects
    )
    return _Drawn(
        outline_px=outline,
        measures=tuple(_true_measure(garment, pose, camera, point) for point in garment.points),
        seams=tuple(_true_seam(stitches, pose, camera) for stitches in seams),
        defects=defects,
    )


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
    cv2.polylines(band, [fixed], True, 1, 5, cv2.LINE_8, 4)
    result = inside.astype(np.float32)
    rows, columns = np.nonzero(band)
    distances = [
        cv2.pointPolygonTest(polygon, (x, y), True)
        for x, y in zip(columns.tolist(), rows.tolist(), strict=True)
    ]
    result[rows, columns] = np.clip(np.array(distances) + 0.5, 0, 1)
    return result


def _cloth(
    garment: Garment,
    pose: Placement,
    camera: Camera,
    window: tuple[int, int, int, int],
    generator: np.random.Generator,
) -> Canvas:
    """Relative shade of the cloth over a window of the picture: (h, w) float32, mean about 1."""
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


def _lay_defect(
    canvas: Canvas,
    spec: SceneSpec,
    pose: Placement,
    fault: tuple[Defect, Colour],
    generator: np.random.Generator,
) -> TrueDefect:
    """Draw one fault on the canvas, (3, H, W) float32, in place."""
    defect, colour = fault
    under = np.array(spec.table_colour)
    drawn = draw_defect(defect, np.array(colour), under, generator)
    middle = pose.to_table(np.array([[drawn.placement.x_mm, drawn.placement.y_mm]]))[0]
    placement = Placement(
        x_mm=float(middle[0]),
        y_mm=float(middle[1]),
        turn_deg=pose.turn_deg + drawn.placement.turn_deg,
        height_mm=pose.height_mm,
    )
    paste(canvas, spec.camera, placement, drawn.decal)
    polygon = pose.to_table(drawn.outline_mm)
    return TrueDefect(
        kind=drawn.kind,
        polygon_mm=polygon,
        polygon_px=spec.camera.project(polygon, pose.height_mm),
        area_mm2=drawn.area_mm2,
    )


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


def _tag_places(tags: TableTags) -> list[tuple[int, Placement]]:
    return [(n, Placement(x_mm=x, y_mm=y)) for n, (x, y) in tags.centres_mm.items()]


def _square_px(camera: Camera, side_mm: float, placement: Placement) -> Points:
    half = side_mm / 2
    corners = np.array([[-half, -half], [half, -half], [half, half], [-half, half]])
    return camera.project(placement.to_table(corners), placement.height_mm)


def _pair(point: Points) -> tuple[float, float]:
    """A point (2,) float64 as a plain pair."""
    return float(point[0]), float(point[1])
