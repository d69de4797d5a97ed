"""Points of measure and seams of a tech pack in JSON, each length in the unit it has.

Lengths are mm, except where a row names another unit, and except ``lengthOfSeamLines``, which is in
inches, and stitches per inch. Comments after ``//`` are left out. There is no default tolerance.
"""

import json
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from cloud.inspection.errors import TechPackError, ToleranceMissingError
from cloud.inspection.pattern import MM_PER_INCH, TechPack, TechPackPoint, TechPackSeam

LARGEST_FILE_BYTES = 16 * 1024 * 1024
Unit = Literal["mm", "cm", "inch", "in"]
_TO_MM: dict[Unit, float] = {"mm": 1.0, "cm": 10.0, "inch": MM_PER_INCH, "in": MM_PER_INCH}
# A text, kept whole, or a comment up to the end of its line.
_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*')
Length = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class _PointRow(_Row):
    name: Annotated[str, Field(min_length=1)]
    value: Length
    unit: Unit = "mm"
    lower: Annotated[float, Field(le=0)] | None = None
    upper: Annotated[float, Field(ge=0)] | None = None
    tolerance: Annotated[float, Field(ge=0)] | None = None
    severity: Literal["critical", "major", "minor"] = "major"
    start: str | None = None
    stop: str | None = None
    along: bool = False


class _SeamRow(_Row):
    name: Annotated[str, Field(min_length=1)]
    length_inch: Annotated[
        Length | None, Field(validation_alias=AliasChoices("lengthOfSeamLines"))
    ] = None
    per_inch: Annotated[
        Length | None, Field(validation_alias=AliasChoices("spi", "stitchesPerInch"))
    ] = None
    pitch_mm: Length | None = None


class _Pack(_Row):
    measurements: list[_PointRow] = []
    seams: list[_SeamRow] = []
    landmarks: dict[str, str] = {}


def read_tech_pack(file: Path) -> TechPack:
    """Read a tech pack.

    Raises:
        TechPackError: the file cannot be read, or a row is wrong; the message says which.
        ToleranceMissingError: a point of measure has none.
    """
    try:
        if file.stat().st_size > LARGEST_FILE_BYTES:
            raise TechPackError(f"{file.name}: larger than 16 MB", field="file")
        text = file.read_text(encoding="utf-8-sig")
        plain = json.loads(_COMMENT.sub(lambda found: found[1] or "", text))
        pack = _Pack.model_validate(plain)
    except OSError as error:
        raise TechPackError(f"{file.name}: {error.strerror}", field="file") from error
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise TechPackError(f"{file.name}: {place}: {problem['msg']}", field=place) from error
    except (ValueError, RecursionError) as error:
        raise TechPackError(f"{file.name}: no JSON: {error}", field="file") from error
    return TechPack(
        points=tuple(_point(row) for row in pack.measurements),
        seams=tuple(_seam(row) for row in pack.seams),
        landmarks=pack.landmarks,
    )


def _point(row: _PointRow) -> TechPackPoint:
    scale = _TO_MM[row.unit]
    lower = row.lower if row.tolerance is None else -row.tolerance
    upper = row.upper if row.tolerance is None else row.tolerance
    if lower is None or upper is None:
        raise ToleranceMissingError(f"{row.name} has no tolerance", field=row.name)
    return TechPackPoint(
        name=row.name,
        nominal_mm=round(row.value * scale, 4),
        lower_mm=round(lower * scale, 4),
        upper_mm=round(upper * scale, 4),
        severity=row.severity,
        start=row.start,
        stop=row.stop,
        along=row.along,
    )


def _seam(row: _SeamRow) -> TechPackSeam:
    pitch = row.pitch_mm if row.per_inch is None else MM_PER_INCH / row.per_inch
    length = None if row.length_inch is None else row.length_inch * MM_PER_INCH
    return TechPackSeam(
        name=row.name,
        length_mm=None if length is None else round(length, 4),
        pitch_mm=None if pitch is None else round(pitch, 4),
    )
