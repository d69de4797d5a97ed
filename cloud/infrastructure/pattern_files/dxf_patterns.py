"""Pieces of a pattern from a DXF file as AAMA and ASTM D6673 lay it out.

A piece is a block that the drawing inserts; its boundary lies on layer 1, turn points on 2, notches
on 4, the mirror line on 6. Texts tell its name and size, and one the unit of the whole file. A unit
is never guessed: without a text or a header that names one, the file is refused.
"""

import math
import re
from pathlib import Path

import numpy as np
from ezdxf import recover
from ezdxf.document import Drawing
from ezdxf.entities.dxfentity import DXFEntity
from ezdxf.entities.insert import Insert
from ezdxf.layouts.blocklayout import BlockLayout
from ezdxf.lldxf.const import DXFError
from ezdxf.math import Matrix44
from ezdxf.path import make_path
from numpy.typing import NDArray

from cloud.inspection.errors import PatternFileError
from cloud.inspection.pattern import MM_PER_INCH, SAME_PLACE_MM, PatternPiece

Places = NDArray[np.float64]
LARGEST_FILE_BYTES = 32 * 1024 * 1024
_BOUNDARY, _TURN, _NOTCH, _MIRROR = "1", "2", "4", "6"
_OPEN_MM = 2.0
_MOST_MM = 20_000.0
_CURVE = 0.005  # in the drawing's unit
_WORDS = re.compile(r"^\s*(?P<key>[^:]{1,40}?)\s*:\s*(?P<value>.*?)\s*$")
_UNITS = {
    "METRIC": 1.0,
    "MM": 1.0,
    "MILLIMETERS": 1.0,
    "ENGLISH": MM_PER_INCH,
    "IMPERIAL": MM_PER_INCH,
    "INCH": MM_PER_INCH,
    "INCHES": MM_PER_INCH,
    "CM": 10.0,
}
_HEADER_UNITS = {1: MM_PER_INCH, 4: 1.0, 5: 10.0}
UNITS = ("mm", "inch")


def read_pattern(file: Path, unit: str | None = None) -> tuple[PatternPiece, ...]:
    """Return the pieces of a DXF file, in its order; ``unit`` (mm, inch) overrules the file's.

    Raises:
        PatternFileError: the file cannot be read, is damaged, or tells no unit.
    """
    drawing = _drawing(file)
    to_mm = _scale(drawing, unit, file.name)
    pieces = []
    for insert in drawing.modelspace().query("INSERT"):
        if not isinstance(insert, Insert):
            continue
        block = drawing.blocks.get(insert.dxf.name)
        if block is None:
            raise PatternFileError(
                f"{file.name}: block {insert.dxf.name} is missing", field="block"
            )
        if any(_layer(entity) == _BOUNDARY for entity in block if _is_line(entity)):
            pieces.append(_piece(block, insert.matrix44(), to_mm))
    if not pieces:
        raise PatternFileError(f"{file.name}: no piece with a boundary on layer 1", field="pieces")
    return tuple(pieces)


def _drawing(file: Path) -> Drawing:
    try:
        if file.stat().st_size > LARGEST_FILE_BYTES:
            raise PatternFileError(f"{file.name}: larger than 32 MB", field="file")
        drawing, audit = recover.readfile(file)
    except OSError as error:
        raise PatternFileError(f"{file.name}: {error.strerror or 'no DXF file'}") from error
    except (DXFError, ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise PatternFileError(
            f"{file.name}: no DXF file that can be read", field="file"
        ) from error
    if audit.has_errors:
        told = "; ".join(str(problem.message) for problem in audit.errors[:3])
        raise PatternFileError(f"{file.name}: damaged: {told}", field="file")
    return drawing


def _scale(drawing: Drawing, unit: str | None, name: str) -> float:
    """Millimetres per unit of the drawing."""
    if unit is not None:
        if unit not in UNITS:
            raise PatternFileError(f"no unit {unit!r}", field="unit", known=list(UNITS))
        return 1.0 if unit == "mm" else MM_PER_INCH
    for text in drawing.modelspace().query("TEXT MTEXT"):
        key, value = _words(text)
        if key == "UNITS":
            if value.upper() not in _UNITS:
                raise PatternFileError(f"{name}: no unit {value!r}", field="unit")
            return _UNITS[value.upper()]
    told = drawing.header.get("$INSUNITS", 0)
    if told in _HEADER_UNITS:
        return _HEADER_UNITS[told]
    raise PatternFileError(f"{name}: tells no unit; name mm or inch", field="unit")


def _piece(block: BlockLayout, placed: Matrix44, to_mm: float) -> PatternPiece:
    """One piece, y turned down."""
    told: dict[str, str] = {}
    for text in block.query("TEXT MTEXT"):
        key, value = _words(text)
        told.setdefault(key, value)
    name = told.get("PIECE NAME") or block.name
    lines = [_line(e) for e in block if _is_line(e) and _layer(e) == _BOUNDARY]
    fold = [_line(e) for e in block if _is_line(e) and _layer(e) == _MIRROR]

    def on_table(places: Places) -> Places:
        moved = [placed.transform((x, y, 0)) for x, y in places.tolist()]
        return np.array([(x, -y) for x, y, _ in moved]).reshape(-1, 2) * to_mm

    outline = on_table(_closed(lines, name, SAME_PLACE_MM / to_mm, _OPEN_MM / to_mm))
    if not np.isfinite(outline).all() or float(np.ptp(outline, axis=0).max()) > _MOST_MM:
        raise PatternFileError(f"{name}: larger than 20 m: is the unit right?", field="unit")
    return PatternPiece(
        name=name,
        size=told.get("SIZE", ""),
        outline_mm=outline,
        turns_mm=on_table(_points(block, _TURN)),
        notches_mm=on_table(_points(block, _NOTCH)),
        fold_mm=on_table(fold[0][[0, -1]]) if fold else None,
    )


def _closed(lines: list[Places], name: str, same: float, open_from: float) -> Places:
    """Join lines end to end to one outline (N, 2), in the drawing's unit."""
    line, rest = max(lines, key=len), list(lines)
    rest = [other for other in lines if other is not line]
    while rest:
        ends = [
            (float(math.dist(line[-1], other[0])), number, other)
            for number, part in enumerate(rest)
            for other in (part, part[::-1])
        ]
        gap, number, other = min(ends, key=lambda end: end[0])
        if gap > open_from:
            break
        line = np.concatenate([line, other[1:] if gap <= same else other])
        del rest[number]
    if math.dist(line[0], line[-1]) > open_from:
        raise PatternFileError(f"{name}: the boundary is open", field="boundary")
    return line


def _is_line(entity: DXFEntity) -> bool:
    return entity.dxftype() in {"POLYLINE", "LWPOLYLINE", "LINE"}


def _line(entity: DXFEntity) -> Places:
    """Places (N, 2) of a line in the drawing's unit; a closed one comes back to its start."""
    if entity.dxftype() == "LINE":
        return np.array([(v.x, v.y) for v in (entity.dxf.start, entity.dxf.end)], dtype=np.float64)
    if entity.has_arc:  # type: ignore[attr-defined]
        path = make_path(entity)
        return np.array([(v.x, v.y) for v in path.flattening(_CURVE)], dtype=np.float64)
    if entity.dxftype() == "LWPOLYLINE":
        places = np.array(list(entity.get_points("xy")), dtype=np.float64)  # type: ignore[attr-defined]
        closed = bool(entity.closed)  # type: ignore[attr-defined]
    else:
        places = np.array([(v.x, v.y) for v in entity.points()], dtype=np.float64)  # type: ignore[attr-defined]
        closed = bool(entity.is_closed)  # type: ignore[attr-defined]
    places = places.reshape(-1, 2)
    return np.concatenate([places, places[:1]]) if closed else places


def _points(block: BlockLayout, layer: str) -> Places:
    """Places (N, 2) of the points on a layer."""
    places = [e.dxf.location for e in block.query("POINT") if _layer(e) == layer]
    found = [(place.x, place.y) for place in places]
    return np.array(found, dtype=np.float64).reshape(-1, 2)


def _layer(entity: DXFEntity) -> str:
    return str(entity.dxf.layer).strip()


def _words(text: DXFEntity) -> tuple[str, str]:
    """Key, in capitals, and value of a text ``KEY: value``; empty where it is none."""
    plain = text.plain_text() if hasattr(text, "plain_text") else str(text.dxf.text)
    found = _WORDS.match(plain.replace("\n", " "))
    return (found["key"].upper(), found["value"]) if found else ("", "")
