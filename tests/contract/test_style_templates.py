"""Points of measure of a style's template on rendered bodices, and what must not be measured."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.composition import compose_board, compose_inspection
from edge.infrastructure.pipeline_inspector import PipelineInspector
from edge.infrastructure.template_files import TemplateFolder, TemplateRecord, read_template
from edge.inspection.errors import StandardError
from edge.inspection.template import StyleTemplate
from edge.settings import EdgeSettings
from edge.station.errors import InspectionUnavailableError
from edge.station.inspection_record import InspectionTask, Shot
from edge.station.work_package import Standard, WorkPackage
from tests.fakes.inspection_scenes import Table, draw, standard_of
from tests.fakes.shaped_garments import (
    Bodice,
    any_bodice,
    draw_bodice,
    standard_with,
    template_of,
)

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.requirement("MEA")


@pytest.fixture(scope="module")
def pipeline():
    return compose_inspection(EdgeSettings())


@pytest.fixture(scope="module")
def board():
    return compose_board(EdgeSettings(firmware_config=ROOT / "firmware-config"))


@pytest.fixture(scope="module")
def laid():
    """A bodice by lot, its picture, and the template of its pattern."""
    bodice, spec = any_bodice(3)
    thickness_mm = spec.garment.fabric.thickness_mm
    return bodice, draw_bodice(spec, 3), template_of(Bodice(), thickness_mm)


def test_straight_and_curved_points_agree_with_what_was_drawn(pipeline, board, laid) -> None:
    bodice, frame, template = laid
    result = pipeline.inspect(frame, standard_with(template), None, board)
    truths = bodice.truths()
    assert {reading.name for reading in result.measurements} == truths.keys()
    for reading in result.measurements:
        error_mm = reading.value_mm - truths[reading.name][3]
        assert abs(error_mm) < 0.2, reading.name
        assert abs(error_mm) <= reading.uncertainty_mm < 0.7, reading.name
        total = 2 * np.sqrt(sum(part**2 for _, part in reading.budget_mm))
        assert reading.uncertainty_mm == pytest.approx(total, abs=0.003)
    assert result.reasons == ()


def test_the_thickness_kept_with_the_calibration_stands_in_for_the_point_s_own(
    pipeline, board, laid
) -> None:
    _, frame, template = laid
    unknown = replace(
        template, points=tuple(replace(p, thickness_mm=None) for p in template.points)
    )
    result = pipeline.inspect(frame, standard_with(unknown), None, board)
    assert {reading.reason for reading in result.measurements} == {"thickness_unknown"}
    assert result.verdict == "REVIEW"
    known = replace(board, thickness_mm={template.style: template.points[0].thickness_mm})
    result = pipeline.inspect(frame, standard_with(unknown), None, known)
    assert all(reading.value_mm is not None for reading in result.measurements)


def test_another_style_on_the_table_is_told_and_not_measured(pipeline, board, laid) -> None:
    _, frame, template = laid
    table = Table()
    other, truth = draw(table, 1)
    result = pipeline.inspect(other, standard_with(template), None, board)
    assert {reading.reason for reading in result.measurements} == {"garment_differs"}
    assert (result.verdict, result.reasons) == ("REVIEW", ("garment_differs",))
    small = Bodice(
        neck_mm=60, shoulder_mm=130, chest_mm=150, hem_mm=140, length_mm=420, armhole_mm=150
    )
    result = pipeline.inspect(frame, standard_with(template_of(small, 0.5)), None, board)
    assert "garment_differs" in result.reasons
    standard = standard_of(table, truth, ("measure",))
    far = tuple(replace(point, nominal_mm=point.nominal_mm * 0.7) for point in standard.points)
    result = pipeline.inspect(other, replace(standard, points=far), None, board)
    assert {reading.reason for reading in result.measurements} == {"garment_differs"}
    assert result.verdict == "REVIEW"


def test_a_hidden_landmark_is_no_guess(pipeline, board, laid) -> None:
    bodice, frame, template = laid
    covered = frame.copy()
    # Something of the table's own colour lies over the left shoulder.
    covered[330:640, 1350:1750] = frame[200:510, 1000:1400]
    result = pipeline.inspect(covered, standard_with(template), None, board)
    truths = bodice.truths()
    for reading in result.measurements:
        if reading.value_mm is not None:
            error_mm = abs(reading.value_mm - truths[reading.name][3])
            assert error_mm <= max(1.0, reading.uncertainty_mm), reading.name
    values = {reading.name: reading.value_mm for reading in result.measurements}
    assert values["across shoulders"] is None


def written(template: StyleTemplate) -> TemplateRecord:
    """A template as its file has it."""
    return TemplateRecord(
        style=template.style,
        outline_mm=[(float(x), float(y)) for x, y in template.outline_mm],
        corners=dict(template.corners),
        landmarks=dict(template.landmarks),
        points=[
            {name: getattr(point, name) for name in point.__slots__} for point in template.points
        ],
    )


async def test_a_station_measures_by_the_template_that_came_with_its_work(
    pipeline, board, laid
) -> None:
    bodice, frame, template = laid
    inspector = PipelineInspector(pipeline, lambda: board)
    shot = Shot(pixels=frame, encoded=b"", content_type="image/png")
    content = written(template).model_dump_json().encode()
    task = InspectionTask(
        style=template.style,
        spec_version="1",
        standard=Standard(checks=frozenset({"measure"})),
        style_bank=None,
        template=content,
    )
    record = await inspector.inspect(shot, task)
    values = {reading.name: reading.value_mm for reading in record.measurements}
    assert values.keys() == bodice.truths().keys()
    for name, value_mm in values.items():
        assert abs(value_mm - bodice.truths()[name][3]) < 0.2, name
    for spoiled in (replace(task, template=content[:-9]), replace(task, style="another")):
        with pytest.raises(InspectionUnavailableError) as caught:
            await inspector.inspect(shot, spoiled)
        assert caught.value.details["detail"] == "STANDARD_INVALID"


def test_a_template_of_a_size_comes_before_that_of_every_size() -> None:
    templates = {"coat": {"": b"any", "L": b"large"}, "vest": {"S": b"small"}}
    package = WorkPackage(
        digest="",
        organization_id="",
        station_id="",
        station_name="",
        stages=(),
        templates=templates,
    )
    asked = [("coat", "L"), ("coat", "M"), ("vest", "M"), ("vest", "S"), ("hat", "S")]
    found = [package.template(style, size) for style, size in asked]
    assert found == [b"large", b"any", None, b"small", None]


def test_templates_are_read_from_their_files_and_damaged_ones_are_told(tmp_path: Path) -> None:
    template = template_of(Bodice(), 0.6)
    record = written(template)
    (tmp_path / "bodice.json").write_text(record.model_dump_json())
    folder = TemplateFolder(tmp_path)
    read = folder.template("bodice")
    assert read.points == template.points
    assert np.array_equal(read.outline_mm, template.outline_mm)
    assert folder.template("coat") is None
    data = json.loads(record.model_dump_json())
    for spoiled in (
        {**data, "corners": {"a": 0, "b": 5}},
        {**data, "corners": {"a": 5, "b": 0, "c": 9}},
        {**data, "outline_mm": data["outline_mm"][::-1]},
        {**data, "points": [{**data["points"][0], "start": "nowhere"}]},
        {**data, "extra": 1},
    ):
        (tmp_path / "spoiled.json").write_text(json.dumps(spoiled))
        with pytest.raises(StandardError):
            read_template(tmp_path / "spoiled.json")
    with pytest.raises(StandardError):
        StyleTemplate(style="x", outline_mm=np.zeros((2, 2)), corners={})
    schema = ROOT / "firmware-config" / "schemas" / "style-template.schema.json"
    assert json.loads(schema.read_text("utf-8")) == TemplateRecord.model_json_schema()
