"""A whole picture of the inspection table, and the truth about it."""

from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.camera import Camera, Placement, Points
from cloud.infrastructure.training.rendering.decal import paste
from cloud.infrastructure.training.rendering.defects import TrueDefect
from cloud.infrastructure.training.rendering.fabric import Colour, smooth_field
from cloud.infrastructure.training.rendering.garment import TrueMeasure
from cloud.infrastructure.training.rendering.laying import Garment, TrueSeam, lay_garment
from cloud.infrastructure.training.rendering.markers import (
    Label,
    TableTags,
    label_decal,
    tag_decals,
)
from cloud.infrastructure.training.rendering.sensor import Light, Sensor, expose

Canvas = NDArray[np.float32]


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
class SceneTruth:
    """What the picture shows, known because it was drawn.

    `homography` (3, 3) maps table mm to px where the lens has no distortion (else to undistorted
    px of `camera.matrix`); `outline_px` (N, 2) is the garment's edge, `label_corners_px` (4, 2) the
    corners of the label's `code` array without quiet zone (TL, TR, BR, BL as printed),
    `tag_corners_px` the black squares' corners in the order of ArUco. Tags outside the spec are
    absent.
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

    The same spec and generator state give the same picture, byte for byte, on the same machine
    with the same libraries.

    Returns:
        the picture (H, W, 3) uint8 RGB, and its truth.
    """
    camera = spec.camera
    canvas = _table(spec, generator)
    tags: dict[int, Points] = {}
    if spec.tags is not None:
        for placement, decal in tag_decals(spec.tags):
            paste(canvas, camera, placement, decal)
        tags = {
            number: _rectangle_px(camera, (spec.tags.side_mm, spec.tags.side_mm), at)
            for number, at in _tag_places(spec.tags)
        }
    laid = None
    if spec.garment is not None:
        laid = lay_garment(canvas, camera, spec.garment, spec.table_colour, generator)
    corners = None
    if spec.label is not None:
        paste(canvas, camera, spec.label.placement, label_decal(spec.label))
        height_mm = spec.label.side_mm * spec.label.code.shape[0] / spec.label.code.shape[1]
        corners = _rectangle_px(camera, (spec.label.side_mm, height_mm), spec.label.placement)
    truth = SceneTruth(
        camera=camera,
        homography=camera.homography(),
        label_text=spec.label.text if spec.label else None,
        label_corners_px=corners,
        tag_corners_px=tags,
        garment_pose=spec.garment.pose if spec.garment else None,
        outline_px=laid.outline_px if laid else None,
        measures=laid.measures if laid else (),
        seams=laid.seams if laid else (),
        defects=laid.defects if laid else (),
    )
    return expose(canvas, spec.light, spec.sensor, generator), truth


@lru_cache(maxsize=1)
def _grain() -> Canvas:
    """Fine grain of the table's rubber, periodic: (1024, 1024) float32 about 0."""
    noise = np.random.default_rng(0x7AB1E).standard_normal((1024, 1024)).astype(np.float32)
    grain = cv2.GaussianBlur(np.pad(noise, 8, mode="wrap"), (0, 0), 1.1)[8:-8, 8:-8]
    return np.ascontiguousarray(grain / grain.std(), dtype=np.float32)


def _table(spec: SceneSpec, generator: np.random.Generator) -> Canvas:
    """The bare table, (3, H, W) float32."""
    width, height = spec.camera.picture_size_px
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


def _tag_places(tags: TableTags) -> list[tuple[int, Placement]]:
    return [(n, Placement(x_mm=x, y_mm=y)) for n, (x, y) in tags.centres_mm.items()]


def _rectangle_px(camera: Camera, sides_mm: tuple[float, float], placement: Placement) -> Points:
    half = np.array(sides_mm) / 2
    corners = half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return camera.project(placement.to_table(corners), placement.height_mm)
