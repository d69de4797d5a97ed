"""What the demo's hands make, judged by the real pipeline: nothing but the picture goes in."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.composition import compose_board, compose_inspection
from edge.infrastructure.pipeline_inspector import PipelineInspector
from edge.settings import EdgeSettings
from edge.station.inspection_record import InspectionRecord, InspectionTask, Shot
from edge.station.work_package import PointOfMeasure, Standard, StitchStandard
from tests.fakes.standards import point, seam
from tests.simulators.garments import Makers
from tests.simulators.office import looks_well
from tests.simulators.wardrobe import Wardrobe

ROOT = Path(__file__).parents[2]
UNTITLED = {"title_ko": "", "title_en": ""}
POINTS = tuple(
    point(
        PointOfMeasure,
        name=name,
        axis=name,
        nominal_mm=nominal_mm,
        severity=severity,
        size="M",
        **UNTITLED,
    )
    for name, nominal_mm, severity in (("length", 500.0, "major"), ("width", 380.0, "critical"))
)
HEM = seam(StitchStandard, pitch_mm=2.5, **UNTITLED)
CUT = Standard(points=POINTS, checks=frozenset({"measure"}))
QC = replace(CUT, stitches=(HEM,), checks=frozenset({"measure", "stitches"}))

pytestmark = pytest.mark.requirement("VER")


@pytest.fixture(scope="module")
def inspector() -> PipelineInspector:
    settings = EdgeSettings(firmware_config=ROOT / "firmware-config")
    return PipelineInspector(compose_inspection(settings), lambda: compose_board(settings))


async def judged(inspector, look, folder, standard) -> InspectionRecord:
    encoded, _ = await Wardrobe(folder).picture(look)
    pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR_RGB)
    shot = Shot(pixels=pixels, encoded=encoded, content_type="image/jpeg")
    task = InspectionTask(style="", spec_version="1", standard=standard, style_bank=None)
    return await inspector.inspect(shot, task)


async def test_a_length_at_the_limit_asks_a_person(inspector, tmp_path) -> None:
    garment = Makers(1).cut("pc_1", 3, 1)
    record = await judged(inspector, garment.look("CUT"), tmp_path, CUT)
    assert record.verdict == "REVIEW"
    assert [m.outcome for m in record.measurements] == ["REVIEW", "PASS"]
    assert record.reasons == ()


async def test_a_panel_too_narrow_fails_at_something_critical(inspector, tmp_path) -> None:
    garment = Makers(1).cut("pc_1", 7, 1)
    record = await judged(inspector, garment.look("CUT"), tmp_path, CUT)
    assert record.verdict == "FAIL"
    assert [(m.name, m.severity) for m in record.measurements if m.outcome == "FAIL"] == [
        ("width", "critical")
    ]


async def test_one_piece_of_ten_fails_until_its_reworks_are_used_up(inspector, tmp_path) -> None:
    makers = Makers(1)
    makers.cut("pc_1", 4, 1)
    looks = {makers.sew("pc_1", 4, attempt, 2.5).look("QC") for attempt in (1, 2, 3)}
    assert len(looks) == 1
    record = await judged(inspector, looks.pop(), tmp_path, QC)
    assert (record.verdict, record.stitches[0].reason) == ("FAIL", "stitches_uneven")
    assert makers.cut("pc_2", 5, 2).flaw is None
    assert makers.sew("pc_2", 5, 2, 2.5).sewing == "good"


def row(value_mm: float | None) -> dict[str, object]:
    return {"value_mm": value_mm, "nominal_mm": 500.0, "lower_mm": -5.0, "upper_mm": 5.0}


@pytest.mark.parametrize(
    ("lengths", "severities", "well"),
    [
        ((504.8,), (), True),
        ((505.1,), (), False),
        ((None,), (), False),
        ((500.0,), ("minor",), True),
        ((500.0,), ("",), False),
    ],
)
def test_the_demos_lead_decides_by_what_the_screen_shows(lengths, severities, well) -> None:
    inspection = {
        "measurements": [row(value) for value in lengths],
        "stitches": [],
        "findings": [{"severity": severity} for severity in severities],
    }
    assert looks_well(inspection) is well
