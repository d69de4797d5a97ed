"""Patterns written by ezdxf as AAMA and ASTM, metric and inch, come back piece for piece."""

import json
from pathlib import Path

import ezdxf
import numpy as np
import pytest
from typer.testing import CliRunner

from cloud.composition.doors import terminal_doors
from cloud.infrastructure.pattern_files.dxf_patterns import read_pattern
from cloud.infrastructure.pattern_files.style_templates import choose_piece, style_template
from cloud.infrastructure.pattern_files.tech_packs import read_tech_pack
from cloud.inspection.errors import PatternFileError, TechPackError, ToleranceMissingError
from cloud.inspection.pattern import named_outline
from cloud.interfaces.terminal.app import build_terminal
from edge.composition import compose_board, compose_inspection
from edge.infrastructure.template_files import read_template
from edge.settings import EdgeSettings
from tests.fakes.shaped_garments import (
    CORNERS,
    Bodice,
    any_bodice,
    draw_bodice,
    standard_with,
)

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.requirement("MEA")
SLEEVE = np.array([[0, 0], [300, 20], [340, 180], [-40, 180]], dtype=float)


def write(
    file: Path,
    *,
    kind: str = "aama",
    inch: bool = False,
    told: str = "text",
    turned: bool = False,
    halves: bool = False,
) -> None:
    """Write a bodice and a sleeve as pattern programs do; y runs upwards in a DXF file."""
    drawing = ezdxf.new("R12" if kind == "aama" else "R2000")
    space = drawing.modelspace()
    scale = 1 / 25.4 if inch else 1.0
    if told == "text":
        space.add_text(f"UNITS: {'ENGLISH' if inch else 'METRIC'}", dxfattribs={"layer": "1"})
    if kind == "astm":  # the older form has no such header
        drawing.header["$INSUNITS"] = {"header": 1 if inch else 4}.get(told, 0)
    sides = Bodice().sides()
    front = np.concatenate(sides)
    corners = np.array([side[0] for side in sides])
    if halves:
        middle = front[:, 0] >= -1e-9
        front = front[middle]
        corners = corners[corners[:, 0] > 0]
    pieces = (("FRONT", "M", front, corners), ("SLEEVE", "M", SLEEVE, SLEEVE))
    for number, (name, size, outline, turns) in enumerate(pieces):
        block = drawing.blocks.new(f"P{number}")
        places = [(x * scale, -y * scale) for x, y in outline]
        if turned:
            places = places[::-1]
        attributes = {"layer": "1"}
        if kind == "aama":
            block.add_polyline2d([*places, places[0]], dxfattribs=attributes)
        else:
            block.add_lwpolyline(places, close=True, dxfattribs=attributes)
        for x, y in turns:
            block.add_point((x * scale, -y * scale), dxfattribs={"layer": "2"})
        if name == "FRONT":
            half = Bodice().length_mm / 2
            block.add_point((0.0, -half * scale), dxfattribs={"layer": "4"})
            if halves:
                line = [(0.0, 400.0), (0.0, -400.0)]
                block.add_line(line[0], line[1], dxfattribs={"layer": "6"})
        block.add_text(f"Piece Name: {name}", dxfattribs={"layer": "1"})
        block.add_text(f"Size: {size}", dxfattribs={"layer": "1"})
        space.add_blockref(block.name, (12 * number, 7))
    drawing.saveas(file)


@pytest.mark.parametrize(("kind", "told"), [("aama", "text"), ("astm", "text"), ("astm", "header")])
@pytest.mark.parametrize("inch", [False, True])
@pytest.mark.parametrize("turned", [False, True])
def test_a_written_pattern_comes_back_piece_for_piece(
    tmp_path: Path, kind: str, inch: bool, told: str, turned: bool
) -> None:
    file = tmp_path / "style.dxf"
    write(file, kind=kind, inch=inch, told=told, turned=turned)
    front, sleeve = read_pattern(file)
    assert [(piece.name, piece.size) for piece in (front, sleeve)] == [
        ("FRONT", "M"),
        ("SLEEVE", "M"),
    ]
    outline = named_outline(front)
    drawn = np.concatenate(Bodice().sides())
    assert len(outline.outline_mm) == len(drawn)
    shift = outline.outline_mm.mean(axis=0) - drawn.mean(axis=0)
    seen = outline.outline_mm - shift
    first = int(np.hypot(*(drawn - seen[0]).T).argmin())
    np.testing.assert_allclose(seen, np.roll(drawn, -first, axis=0), atol=0.01)
    assert len(outline.corners) == 8
    assert list(outline.landmarks) == ["N1"]
    assert len(named_outline(sleeve).corners) == 4


def test_a_piece_drawn_as_half_is_unfolded(tmp_path: Path) -> None:
    file = tmp_path / "half.dxf"
    write(file, halves=True)
    front = read_pattern(file)[0]
    assert front.fold_mm is not None
    whole = named_outline(front).outline_mm
    drawn = np.concatenate(Bodice().sides())
    assert np.ptp(whole, axis=0) == pytest.approx(np.ptp(drawn, axis=0), abs=0.6)
    assert len(named_outline(front).corners) == 8


def test_a_template_from_a_pattern_measures_a_piece(tmp_path: Path) -> None:
    file, pack, out = tmp_path / "s.dxf", tmp_path / "pack.json", tmp_path / "s.template.json"
    write(file, kind="astm", inch=True)
    bodice, spec = any_bodice(8)
    truths = bodice.truths()
    order = [CORNERS[-1], *CORNERS[:-1]]  # P1 is the corner at the top left
    rows = [
        {
            "name": name,
            "value": round(Bodice().truths()[name][3] / (25.4 if unit == "inch" else 1), 5),
            "unit": unit,
            "tolerance": 5 / (25.4 if unit == "inch" else 1),
            "start": truths[name][0],
            "stop": truths[name][1],
            "along": truths[name][2],
        }
        for name, unit in (("neckline", "mm"), ("armhole right", "inch"), ("chest", "mm"))
    ]
    names = {f"P{number}": name for number, name in enumerate(order, start=1)}
    text = json.dumps({"measurements": rows, "landmarks": names, "seams": [
        {"name": "side", "lengthOfSeamLines": 10, "spi": 8}]}, indent=1)  # fmt: skip
    pack.write_text("// written by a pattern program: http://example.test\n" + text, "utf-8")
    thickness = spec.garment.fabric.thickness_mm
    told = CliRunner().invoke(
        build_terminal(terminal_doors()),
        ["quality", "template", str(file), "--style", "bodice", "--piece", "front",
         "--tech-pack", str(pack), "--thickness-mm", str(thickness), "--out", str(out)],
    )  # fmt: skip
    assert told.exit_code == 0, told.stderr
    assert "치수점 3개" in told.stdout
    assert "길이 254.0 mm, 땀 간격 3.175 mm" in told.stdout
    template = read_template(out)
    board = compose_board(EdgeSettings(firmware_config=ROOT / "firmware-config"))
    frame = draw_bodice(spec, 8)
    result = compose_inspection(EdgeSettings()).inspect(frame, standard_with(template), None, board)
    for reading in result.measurements:
        assert reading.value_mm == pytest.approx(truths[reading.name][3], abs=0.3), reading.name
        assert reading.nominal_mm == pytest.approx(Bodice().truths()[reading.name][3], abs=0.001)


def damaged(tmp_path: Path, name: str) -> Path:
    """A file that is no good pattern in one way."""
    file = tmp_path / "bad.dxf"
    write(file)
    text = file.read_text("utf-8", errors="replace")
    if name == "truncated":
        file.write_text(text[: len(text) // 3], "utf-8")
    elif name == "not a dxf":
        file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20)
    elif name == "empty":
        file.write_bytes(b"")
    elif name == "no unit":
        write(file, told="")
    elif name == "words for numbers":
        file.write_text(text.replace("85.0", "wide", 3), "utf-8")
    elif name == "no boundary":
        drawing = ezdxf.new("R12")
        drawing.modelspace().add_text("UNITS: METRIC")
        drawing.saveas(file)
    elif name == "open boundary":
        drawing = ezdxf.new("R12")
        drawing.modelspace().add_text("UNITS: METRIC")
        block = drawing.blocks.new("P")
        block.add_polyline2d([(0, 0), (100, 0), (100, 90)], dxfattribs={"layer": "1"})
        drawing.modelspace().add_blockref("P", (0, 0))
        drawing.saveas(file)
    else:
        file.unlink()
    return file


@pytest.mark.parametrize(
    "name",
    ["truncated", "not a dxf", "empty", "no unit", "words for numbers", "no boundary",
     "open boundary", "absent"],
)  # fmt: skip
def test_a_damaged_pattern_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
    with pytest.raises(PatternFileError) as told:
        read_pattern(damaged(tmp_path, name))
    assert len(str(told.value)) > 10
    told = CliRunner().invoke(
        build_terminal(terminal_doors()),
        ["quality", "template", str(damaged(tmp_path, name)), "--style", "s", "--out", "o.json"],
    )
    assert told.exit_code == 1
    assert "PATTERN_FILE_INVALID" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_unit_that_the_file_lacks_can_be_told_and_a_wrong_one_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "none.dxf"
    write(file, told="")
    width_mm = float(np.ptp(read_pattern(file, "mm")[0].outline_mm[:, 0]))
    assert width_mm == pytest.approx(2 * Bodice().chest_mm, abs=0.01)
    with pytest.raises(PatternFileError, match="no unit 'furlong'"):
        read_pattern(file, "furlong")


def test_a_piece_or_landmark_that_is_not_there_is_named(tmp_path: Path) -> None:
    file, pack = tmp_path / "s.dxf", tmp_path / "pack.json"
    write(file)
    pieces = read_pattern(file)
    with pytest.raises(PatternFileError, match="there is: FRONT M, SLEEVE M"):
        choose_piece(pieces, "collar", None)
    with pytest.raises(PatternFileError, match="more than one"):
        choose_piece(pieces, None, "M")
    pack.write_text('{"landmarks": {"P99": "neck"}}', "utf-8")
    with pytest.raises(PatternFileError, match="has no P99"):
        style_template("s", pieces[0], read_tech_pack(pack))
    row = {"name": "chest", "value": 1, "tolerance": 1, "start": "P1", "stop": "waist"}
    pack.write_text(json.dumps({"measurements": [row]}), "utf-8")
    with pytest.raises(PatternFileError, match="waist"):
        style_template("s", pieces[0], read_tech_pack(pack))


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ('{"measurements": [{"name": "a", "value": 3}]}', ToleranceMissingError, "no tolerance"),
        ('{"measurements": [{"name": "a", "value": -3, "tolerance": 1}]}', TechPackError, "value"),
        ('{"measurements": [{"name": "a", "value": 3, "unit": "ell"}]}', TechPackError, "unit"),
        ('{"measurements": [{"value": 3}]}', TechPackError, "name"),
        ('{"measurements": 3}', TechPackError, "measurements"),
        ('{"measurements": [', TechPackError, "no JSON"),
        ("[" * 100_000, TechPackError, "no JSON"),
    ],
)
def test_a_wrong_tech_pack_is_refused_with_its_place(
    tmp_path: Path, text: str, error: type[Exception], told: str
) -> None:
    file = tmp_path / "pack.json"
    file.write_text(text, "utf-8")
    with pytest.raises(error, match=told):
        read_tech_pack(file)


def test_each_length_of_a_tech_pack_has_its_own_unit(tmp_path: Path) -> None:
    file = tmp_path / "pack.json"
    file.write_text(
        """{ // a comment
        "measurements": [
          {"name": "chest // half", "value": 520, "lower": -5, "upper": 10},
          {"name": "neck", "value": 7.5, "unit": "inch", "tolerance": 0.25},
          {"name": "sleeve", "value": 60, "unit": "cm", "tolerance": 1}
        ],
        "seams": [{"name": "side", "lengthOfSeamLines": 16.5, "spi": 10}, {"name": "hem"}]
        }""",
        "utf-8",
    )
    pack = read_tech_pack(file)
    rows = [(p.name, p.nominal_mm, p.lower_mm, p.upper_mm) for p in pack.points]
    assert rows == [
        ("chest // half", 520.0, -5.0, 10.0),
        ("neck", 190.5, -6.35, 6.35),
        ("sleeve", 600.0, -10.0, 10.0),
    ]
    assert [(s.name, s.length_mm, s.pitch_mm) for s in pack.seams] == [
        ("side", 419.1, 2.54),
        ("hem", None, None),
    ]
