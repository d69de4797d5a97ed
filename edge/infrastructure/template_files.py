"""Style templates as JSON files; the cloud makes them from patterns and tech packs."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.inspection.errors import StandardError
from edge.inspection.template import StyleTemplate, TemplatePoint

Place = tuple[float, float]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class TemplatePointRecord(_Strict):
    """A point of measure between two landmarks."""

    name: str
    start: str
    stop: str
    along: bool = False
    nominal_mm: Annotated[float, Field(gt=0)]
    lower_mm: Annotated[float, Field(le=0)]
    upper_mm: Annotated[float, Field(ge=0)]
    severity: Literal["critical", "major", "minor"]
    thickness_mm: Annotated[float, Field(gt=0)] | None = None


class TemplateRecord(_Strict):
    """A style's outline: mm, x right, y down, clockwise; corners are indices of it."""

    version: Literal[1] = 1
    style: str
    outline_mm: Annotated[list[Place], Field(min_length=4)]
    corners: dict[str, int]
    landmarks: dict[str, Place] = {}
    points: list[TemplatePointRecord] = []


class TemplateFolder:
    """Implements ``TemplateSource`` by files STYLE.json of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def template(self, style: str) -> StyleTemplate | None:
        """Return the style's template, None where the folder has none."""
        path = self._folder / f"{style}.json"
        return read_template(path) if path.is_file() else None


def read_template(path: Path) -> StyleTemplate:
    """Read one template.

    Raises:
        StandardError: missing, not JSON, or not a template.
    """
    try:
        return parse_template(path.read_bytes(), str(path))
    except OSError as problem:
        raise StandardError(f"{path}: {problem.strerror}") from problem


def parse_template(content: bytes, name: str) -> StyleTemplate:
    """Read one template from its JSON; ``name`` says where it lay.

    Raises:
        StandardError: not JSON, or not a template.
    """
    try:
        record = TemplateRecord.model_validate_json(content)
    except ValidationError as problem:
        error = problem.errors(include_url=False)[0]
        place = ".".join(str(part) for part in error["loc"])
        raise StandardError(f"{name}: {place}: {error['msg']}") from problem
    return StyleTemplate(
        style=record.style,
        outline_mm=np.array(record.outline_mm, dtype=np.float64),
        corners=record.corners,
        landmarks=record.landmarks,
        points=tuple(TemplatePoint(**point.model_dump()) for point in record.points),
    )
