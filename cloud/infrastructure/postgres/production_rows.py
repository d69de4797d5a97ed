"""Rows of production as nouns, and back."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import asyncpg
from pydantic import TypeAdapter

from cloud.inspection.standard import StageStandard
from cloud.production.piece import Decision, DecisionKind, Piece
from cloud.production.ports import WorkOrderHead
from cloud.production.queries import SpecView
from cloud.production.spec import Gap
from cloud.production.step import GuideLine, Step, StepFinish, StepRun, StepStart

STAGES = TypeAdapter(tuple[StageStandard, ...])
GAPS = TypeAdapter(tuple[Gap, ...])
GUIDE = TypeAdapter(tuple[GuideLine, ...])


def to_json(things: tuple[object, ...]) -> str:
    """Return dataclasses as the JSON text that the adapters above read."""
    return json.dumps([asdict(thing) for thing in things], ensure_ascii=False)  # type: ignore[call-overload]


def head_of(row: asyncpg.Record) -> WorkOrderHead:
    """Return a row of work_orders."""
    return WorkOrderHead(
        work_order_id=row["work_order_id"],
        number=row["number"],
        title_ko=row["title_ko"],
        title_en=row["title_en"],
        style=row["style"],
        spec_version=row["spec_version"],
        rework_limit=row["rework_limit"],
        due_at=row["due_at"],
        created_at=row["created_at"],
        created_by=row["created_by"],
    )


def spec_of(row: asyncpg.Record) -> SpecView:
    """Return a row of specs."""
    return SpecView(
        spec_version=row["spec_version"],
        version_number=row["version_number"],
        stages=STAGES.validate_json(row["stages"]),
        based_on=row["based_on"] or "",
        reason=row["reason"],
        inspection_id=row["inspection_id"] or "",
        gaps=GAPS.validate_json(row["gaps"]),
        created_at=row["created_at"],
        created_by=row["created_by"],
        next_version=row["next_version"] or "",
    )


def step_of(row: asyncpg.Record) -> Step:
    """Return a row of steps."""
    return Step(
        step_id=row["step_id"],
        position=row["position"],
        stage=row["stage"],
        title_ko=row["title_ko"],
        title_en=row["title_en"],
        requires_quality_check=row["requires_quality_check"],
        guide=GUIDE.validate_json(row["guide"]),
    )


def piece_of(row: asyncpg.Record, head: WorkOrderHead, steps: tuple[Step, ...]) -> Piece:
    """Return a row of pieces with its runs and decisions, which stand in it as JSON."""
    runs = [_run(one) for one in json.loads(row["runs"])]
    return Piece(
        piece_id=row["piece_id"],
        work_order_id=head.work_order_id,
        work_order_number=head.number,
        number=row["number"],
        size=row["size"],
        spec_version=row["spec_version"],
        known_versions=frozenset(row["versions"]),
        rework_limit=head.rework_limit,
        steps=steps,
        runs={(run.step_id, run.attempt): run for run in runs},
        decisions=tuple(_decision(one) for one in json.loads(row["decisions"])),
    )


def _run(row: Mapping[str, Any]) -> StepRun:
    start = finish = None
    if row["started_at"] is not None:
        start = StepStart(
            step_id=row["step_id"],
            attempt=row["attempt"],
            spec_version=row["start_spec_version"],
            station_id=row["start_station_id"],
            worker=row["started_by"],
            at=datetime.fromisoformat(row["started_at"]),
            at_err_ms=row["started_err_ms"],
            order_unconfirmed=row["start_unconfirmed"],
        )
    if row["finished_at"] is not None:
        finish = StepFinish(
            step_id=row["step_id"],
            attempt=row["attempt"],
            spec_version=row["finish_spec_version"],
            station_id=row["finish_station_id"],
            worker=row["finished_by"],
            at=datetime.fromisoformat(row["finished_at"]),
            at_err_ms=row["finished_err_ms"],
            inspection_id=row["inspection_id"] or "",
            verdict=row["verdict"],
            critical=row["critical"],
            order_unconfirmed=row["finish_unconfirmed"],
        )
    return StepRun(step_id=row["step_id"], attempt=row["attempt"], start=start, finish=finish)


def run_values(run: StepRun) -> tuple[object, ...]:
    """Return a run as the values of its columns, from step_id on."""
    start, finish = run.start, run.finish
    return (
        run.step_id,
        run.attempt,
        start.at if start else None,
        start.worker if start else "",
        start.station_id if start else "",
        start.spec_version if start else "",
        start.order_unconfirmed if start else False,
        finish.at if finish else None,
        finish.worker if finish else "",
        finish.station_id if finish else "",
        finish.spec_version if finish else "",
        finish.order_unconfirmed if finish else False,
        (finish.inspection_id or None) if finish else None,
        finish.verdict if finish else None,
        finish.critical if finish else False,
        start.at_err_ms if start else None,
        finish.at_err_ms if finish else None,
    )


def _decision(row: Mapping[str, Any]) -> Decision:
    return Decision(
        position=row["position"],
        kind=DecisionKind(row["kind"]),
        step_id=row["step_id"],
        attempt=row["attempt"],
        reason=row["reason"],
        by=row["decided_by"],
        at=datetime.fromisoformat(row["decided_at"]),
        verdict=row["verdict"] or "",
        inspection_id=row["inspection_id"] or "",
        spec_version=row["spec_version"],
        instruction_ko=row["instruction_ko"],
        instruction_en=row["instruction_en"],
    )


def decision_values(decision: Decision) -> tuple[object, ...]:
    """Return a decision as the values of its columns, from position on."""
    return (
        decision.position,
        decision.kind.value,
        decision.step_id,
        decision.attempt,
        decision.verdict or None,
        decision.inspection_id or None,
        decision.spec_version,
        decision.reason,
        decision.instruction_ko,
        decision.instruction_en,
        decision.by,
        decision.at,
    )
