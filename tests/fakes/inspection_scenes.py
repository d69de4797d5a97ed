"""Rendered scenes with known truth, and the standards that fit them."""

from dataclasses import dataclass, field, replace

import numpy as np
import zxingcpp

from cloud.infrastructure.training.rendering.camera import Camera, Placement
from cloud.infrastructure.training.rendering.defects import Defect
from cloud.infrastructure.training.rendering.fabric import FABRICS
from cloud.infrastructure.training.rendering.garment import Panel
from cloud.infrastructure.training.rendering.garment import PointOfMeasure as DrawnPoint
from cloud.infrastructure.training.rendering.laying import Garment
from cloud.infrastructure.training.rendering.markers import Label, TableTags
from cloud.infrastructure.training.rendering.scene import SceneSpec, SceneTruth, render_scene
from cloud.infrastructure.training.rendering.seam import Seam
from cloud.infrastructure.training.rendering.seam_threads import StitchClass
from cloud.infrastructure.training.rendering.sensor import Sensor
from edge.inspection.standard import (
    DefectStandard,
    InspectionStandard,
    PointOfMeasure,
    StitchStandard,
)
from tests.fakes.standards import point, seam

TEXT = "KY1:P:01ARZ3NDEKTSV4RRFFQ69G5FAV:01ARZ3NDEKTSV4RRFFQ69G5FAV"
POINTS = tuple(
    DrawnPoint(name=f"{axis} {ratio}", axis=axis, at_ratio=ratio)
    for axis in ("length", "width")
    for ratio in (0.1, 0.5, 0.9)
)


@dataclass(frozen=True, kw_only=True)
class Table:
    """What may vary from scene to scene."""

    fabric: str = "blue-twill"
    seam: Seam = field(default_factory=lambda: Seam(contrast_ratio=0.22))
    camera: Camera = field(default_factory=Camera)
    pose: Placement = field(default_factory=lambda: Placement(x_mm=545, y_mm=410, turn_deg=2))
    panel: Panel = field(default_factory=lambda: Panel(length_mm=500, width_mm=380))
    label_at: Placement = field(default_factory=lambda: Placement(x_mm=890, y_mm=410, turn_deg=6))
    defects: tuple[Defect, ...] = ()
    blur_px: float = 0.7
    hidden_tag: int | None = None
    moved_tag_mm: float = 0.0


def draw(table: Table, seed: int = 0) -> tuple[np.ndarray, SceneTruth]:
    """Return picture (H, W, 3) uint8 and truth."""
    tags = TableTags()
    centres = dict(tags.centres_mm)
    if table.hidden_tag is not None:
        del centres[table.hidden_tag]
    if table.moved_tag_mm:
        x, y = centres[1]
        centres[1] = (x + table.moved_tag_mm, y)
    drawn = zxingcpp.create_barcode(TEXT, zxingcpp.BarcodeFormat.QRCode, ec_level="H")
    code = np.array(drawn.to_image(scale=1, add_quiet_zones=False)) < 128
    spec = SceneSpec(
        camera=table.camera,
        tags=TableTags(centres_mm=centres),
        sensor=Sensor(blur_px=table.blur_px),
        garment=Garment(
            panel=table.panel,
            fabric=FABRICS[table.fabric],
            pose=table.pose,
            seams=(table.seam,),
            points=POINTS,
            defects=table.defects,
        ),
        label=Label(text=TEXT, code=code, placement=table.label_at),
    )
    return render_scene(spec, np.random.default_rng(seed))


def hem(table: Table) -> StitchStandard:
    """The stitch standard of a table's seam."""
    return seam(
        StitchStandard,
        inset_mm=table.seam.inset_mm,
        lower_mm=-1.2,
        upper_mm=1.2,
        max_cv_ratio=0.08,
    )


def standard_of(
    table: Table, truth: SceneTruth, checks: tuple[str, ...] = ("measure", "stitches")
) -> InspectionStandard:
    """A standard whose nominal lengths are the drawn ones."""
    return InspectionStandard(
        style=table.fabric,
        spec_version="1",
        points=tuple(
            point(
                PointOfMeasure,
                name=drawn.name,
                axis=drawn.axis,
                at_ratio=drawn.at_ratio,
                nominal_mm=measured.value_mm,
                lower_mm=-3,
                upper_mm=3,
                thickness_mm=FABRICS[table.fabric].thickness_mm,
            )
            for drawn, measured in zip(POINTS, truth.measures, strict=True)
        ),
        stitches=(hem(table),),
        defects=DefectStandard(minor_below_mm2=2, major_from_mm2=6),
        checks=frozenset(checks),
    )


def any_table(seed: int) -> Table:
    """Draw a table by lot: cloth, lens, tilt, pose, size, seam, blur."""
    lot = np.random.default_rng(seed)
    return Table(
        fabric=list(FABRICS)[seed % len(FABRICS)],
        camera=Camera(
            k1_ratio=lot.uniform(-0.18, 0),
            tilt_x_deg=lot.uniform(-3, 3),
            tilt_y_deg=lot.uniform(-3, 3),
            roll_deg=lot.uniform(-1, 1),
        ),
        pose=Placement(
            x_mm=550 + lot.uniform(-30, 30),
            y_mm=412 + lot.uniform(-20, 20),
            turn_deg=lot.uniform(-5, 5),
        ),
        panel=Panel(
            length_mm=lot.uniform(400, 510),
            width_mm=lot.uniform(300, 390),
            top_width_mm=lot.uniform(280, 390),
        ),
        seam=Seam(
            pitch_mm=lot.uniform(2, 4),
            contrast_ratio=lot.choice([0.06, 0.12, 0.3]) * (-1 if seed % 5 == 4 else 1),
            skipped=tuple(int(i) for i in lot.choice(60, lot.integers(0, 3), replace=False)),
        ),
        blur_px=lot.uniform(0.5, 1.0),
    )


def any_seam(seed: int, stitch: StitchClass) -> Table:
    """Draw a table by lot whose hem is sewn by a class of ISO 4915."""
    table, lot = any_table(seed), np.random.default_rng(seed + 4915)
    inset_mm = {"301": 12.0, "401": lot.uniform(8, 15), "504": lot.uniform(3.5, 6.5)}[stitch]
    thread_mm = {"301": 0.6, "401": lot.uniform(0.35, 0.5), "504": lot.uniform(0.35, 0.5)}[stitch]
    seam = replace(
        table.seam,
        stitch=stitch,
        inset_mm=float(inset_mm),
        thread_width_mm=float(thread_mm),
        jitter_mm=float(lot.choice([0.04, 0.04, 0.12, 0.25])),
    )
    return replace(table, seam=seam)
