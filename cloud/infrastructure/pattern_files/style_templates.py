"""A style template from a pattern's piece and a tech pack, in the form that stations read."""

import json
from typing import Any, Literal, cast

from cloud.inspection.errors import PatternFileError
from cloud.inspection.pattern import PatternPiece, TechPack, TechPackPoint, named_outline
from edge.inspection.errors import StandardError
from edge.inspection.template import StyleTemplate, TemplatePoint

Severity = Literal["critical", "major", "minor"]


def choose_piece(
    pieces: tuple[PatternPiece, ...], name: str | None, size: str | None
) -> PatternPiece:
    """Return the one piece of that name and size; None fits all.

    Raises:
        PatternFileError: none, or more than one.
    """
    fitting = [
        piece
        for piece in pieces
        if (name is None or piece.name.casefold() == name.casefold())
        and (size is None or piece.size.casefold() == size.casefold())
    ]
    if len(fitting) != 1:
        known = [f"{piece.name} {piece.size}".strip() for piece in pieces]
        told = "no such piece" if not fitting else "more than one such piece"
        raise PatternFileError(f"{told}; there is: {', '.join(known)}", field="piece", known=known)
    return fitting[0]


def style_template(
    style: str, piece: PatternPiece, pack: TechPack | None, thickness_mm: float | None = None
) -> StyleTemplate:
    """Return the template of a piece with the tech pack's points that name two landmarks.

    Raises:
        PatternFileError: the outline cannot be laid over a piece, or a landmark is not there.
    """
    outline = named_outline(piece)
    names = dict(pack.landmarks) if pack else {}
    known = outline.corners.keys() | outline.landmarks.keys()
    absent = sorted(set(names) - known)
    if absent:
        raise PatternFileError(
            f"{piece.name} has no {', '.join(absent)}; there is: {', '.join(sorted(known))}",
            field="landmarks",
        )
    points = [
        _point(point, point.start, point.stop, thickness_mm)
        for point in (pack.points if pack else ())
        if point.start is not None and point.stop is not None
    ]
    try:
        return StyleTemplate(
            style=style,
            outline_mm=outline.outline_mm,
            corners={names.get(name, name): index for name, index in outline.corners.items()},
            landmarks={names.get(name, name): at for name, at in outline.landmarks.items()},
            points=tuple(points),
        )
    except StandardError as error:
        raise PatternFileError(str(error), field="template") from error


def _point(
    point: TechPackPoint, start: str, stop: str, thickness_mm: float | None
) -> TemplatePoint:
    try:
        return TemplatePoint(
            name=point.name,
            start=start,
            stop=stop,
            along=point.along,
            nominal_mm=point.nominal_mm,
            lower_mm=point.lower_mm,
            upper_mm=point.upper_mm,
            severity=cast("Severity", point.severity),
            thickness_mm=thickness_mm,
        )
    except StandardError as error:
        raise PatternFileError(str(error), field="points") from error


def template_json(template: StyleTemplate) -> str:
    """Return the text of STYLE.template.json."""
    record: dict[str, Any] = {
        "version": 1,
        "style": template.style,
        "outline_mm": [[round(float(x), 4), round(float(y), 4)] for x, y in template.outline_mm],
        "corners": dict(template.corners),
        "landmarks": {name: list(place) for name, place in template.landmarks.items()},
        "points": [
            {
                "name": point.name,
                "start": point.start,
                "stop": point.stop,
                "along": point.along,
                "nominal_mm": point.nominal_mm,
                "lower_mm": point.lower_mm,
                "upper_mm": point.upper_mm,
                "severity": point.severity,
                "thickness_mm": point.thickness_mm,
            }
            for point in template.points
        ],
    }
    return json.dumps(record, ensure_ascii=False, indent=1) + "\n"
