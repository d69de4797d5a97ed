"""Cycle times, queues and due hours."""

from dataclasses import dataclass
from datetime import datetime

from cloud.production.piece import Piece, PieceState
from cloud.production.ports import WorkOrderParts
from cloud.production.queries import DueLine, ProductionTimesView, StageTimes


@dataclass(slots=True)
class _Stage:
    cycles: list[float]
    waits: list[float]
    order: int


def times_of(orders: tuple[WorkOrderParts, ...], now: datetime) -> ProductionTimesView:
    """Work out how long stages take, where pieces queue and what will be late.

    The bottleneck is the stage with the most work before it: queue length times average cycle,
    by average where nothing has queued. Work left is counted as one piece after the other.
    """
    stages: dict[str, _Stage] = {}
    for parts in orders:
        for piece in parts.pieces:
            _count(piece, parts.head.created_at, now, stages)
    averages = {
        code: sum(one.cycles) / len(one.cycles) for code, one in stages.items() if one.cycles
    }
    loads = {
        code: (len(one.waits) * averages.get(code, 0.0), averages.get(code, 0.0))
        for code, one in stages.items()
    }
    slowest = max(loads, key=lambda code: loads[code], default="")
    lines = [
        StageTimes(
            stage=code,
            cycles_count=len(one.cycles),
            average_s=averages.get(code, 0.0),
            p90_s=_p90(one.cycles),
            queue_count=len(one.waits),
            longest_wait_s=max(one.waits, default=0.0),
            is_bottleneck=code == slowest and loads[code] > (0.0, 0.0),
        )
        for code, one in sorted(stages.items(), key=lambda item: item[1].order)
    ]
    due = [_due(parts, parts.head.due_at, averages, now) for parts in orders if parts.head.due_at]
    return ProductionTimesView(
        stages=tuple(lines), due=tuple(sorted(due, key=lambda line: line.due_at))
    )


def _count(piece: Piece, since: datetime, now: datetime, stages: dict[str, _Stage]) -> None:
    free_at = since
    progress = piece.progress()
    for step in piece.steps:
        stage = stages.setdefault(step.stage, _Stage(cycles=[], waits=[], order=step.position))
        for run in piece.runs.values():
            if run.step_id == step.step_id and run.start is not None and run.finish is not None:
                stage.cycles.append(max((run.finish.at - run.start.at).total_seconds(), 0.0))
        if progress.step == step and progress.state is PieceState.OPEN:
            reopened = [one.at for one in piece.decisions]
            stage.waits.append(max((now - max([free_at, *reopened])).total_seconds(), 0.0))
        current = piece.run_of(step)
        if current is not None and current.finish is not None:
            free_at = max(free_at, current.finish.at)


def _p90(values: list[float]) -> float:
    """Return the smallest value that nine of ten do not exceed."""
    ordered = sorted(values)
    return ordered[-(-9 * len(ordered) // 10) - 1] if ordered else 0.0


def _due(
    parts: WorkOrderParts, due_at: datetime | None, averages: dict[str, float], now: datetime
) -> DueLine:
    due = due_at or now
    left_s = (due - now).total_seconds()
    needed_s = sum(
        averages.get(step.stage, 0.0)
        for piece in parts.pieces
        if piece.progress().state is not PieceState.SCRAPPED
        for step in piece.steps
        if not piece.is_passed(step)
    )
    return DueLine(
        work_order_id=parts.head.work_order_id,
        number=parts.head.number,
        due_at=due,
        left_s=left_s,
        needed_s=needed_s,
        is_late=needed_s > left_s,
    )
