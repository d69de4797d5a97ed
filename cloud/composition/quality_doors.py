"""Joins the command line's quality commands to the arithmetic of inspection."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, cast

from cloud.inspection.control_chart import capability, mean_and_range_chart, single_value_chart
from cloud.inspection.errors import ChartInvalidError, SamplingRefusedError
from cloud.inspection.gauge_study import GaugeModel, Reading, crossed, study_gauge
from cloud.inspection.sampling import Level, Strictness, plan_for
from cloud.interfaces.terminal.quality import PlanWish, QualityDoors, TableRow, TemplateWish


def quality_doors() -> QualityDoors:
    """Return the doors."""
    return QualityDoors(study=_study, chart=_chart, plan=_plan, template=_template)


def _template(wish: TemplateWish) -> dict[str, Any]:
    # Reading patterns loads ezdxf, which no other command needs.
    from cloud.infrastructure.pattern_files.dxf_patterns import read_pattern
    from cloud.infrastructure.pattern_files.style_templates import (
        choose_piece,
        style_template,
        template_json,
    )
    from cloud.infrastructure.pattern_files.tech_packs import read_tech_pack

    piece = choose_piece(read_pattern(wish.pattern, wish.unit), wish.piece, wish.size)
    pack = None if wish.tech_pack is None else read_tech_pack(wish.tech_pack)
    template = style_template(wish.style, piece, pack, wish.thickness_mm)
    return {
        "text": template_json(template),
        "style": wish.style,
        "piece": piece.name,
        "size": piece.size,
        "corners": ", ".join(template.corners),
        "landmarks": ", ".join(template.landmarks) or "–",
        "points": len(template.points),
        "seams": [asdict(seam) for seam in (pack.seams if pack else ())],
    }


def _study(rows: Sequence[TableRow], tolerance_mm: float | None) -> dict[str, Any]:
    readings = [
        Reading(part=row.part, person=row.person, value_mm=row.value_mm, line=row.line)
        for row in rows
    ]
    study = study_gauge(crossed(readings), tolerance_mm)
    return {
        **asdict(study),
        "full": _model(study.full),
        "pooled": _model(study.pooled),
        "chosen": _model(study.chosen),
        "grade": study.grade,
    }


def _model(model: GaugeModel) -> dict[str, Any]:
    return {**asdict(model), "categories_count": model.categories_count}


def _chart(
    rows: Sequence[TableRow], lower_mm: float | None, upper_mm: float | None
) -> dict[str, Any]:
    import numpy as np

    if any(row.subgroup for row in rows):
        values = np.array(_subgroups(rows))
        chart = mean_and_range_chart(values)
    else:
        values = np.array([row.value_mm for row in rows])
        chart = single_value_chart(values)
    fit = None
    if lower_mm is not None or upper_mm is not None:
        fit = asdict(capability(values, chart, lower_mm, upper_mm))
    return {**asdict(chart), "capability": fit}


def _subgroups(rows: Sequence[TableRow]) -> list[list[float]]:
    groups: dict[str, list[TableRow]] = {}
    for row in rows:
        groups.setdefault(row.subgroup, []).append(row)
    size = len(next(iter(groups.values())))
    for name, group in groups.items():
        if len(group) != size:
            raise ChartInvalidError(
                f"line {group[-1].line}: subgroup {name} has {len(group)} values, "
                f"the first has {size}",
                field="subgroup",
                line=group[-1].line,
            )
    return [[row.value_mm for row in group] for group in groups.values()]


def _plan(wish: PlanWish) -> dict[str, Any]:
    if wish.strictness not in {"normal", "tightened", "reduced"}:
        raise SamplingRefusedError(
            f"no strictness {wish.strictness!r}", field="strictness", value=wish.strictness
        )
    plan = plan_for(
        wish.lot_count,
        wish.aql_per_hundred,
        cast("Level", wish.level),
        cast("Strictness", wish.strictness),
    )
    return asdict(plan)
