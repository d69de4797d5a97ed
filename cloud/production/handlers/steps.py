"""What workers do at stations."""

from cloud.commands.command import Source
from cloud.commands.ports import UnitOfWork
from cloud.production.change import Place, facts_between, outcome_of
from cloud.production.commands import FinishStep, StartStep
from cloud.production.errors import (
    AttemptUnknownError,
    InspectionMismatchError,
    PieceUnknownError,
    SpecVersionUnknownError,
    StageMismatchError,
    StepOutOfOrderError,
    StepUnknownError,
    VerdictMissingError,
)
from cloud.production.events import StepFinished, StepStarted
from cloud.production.piece import Piece
from cloud.production.ports import FloorStore, InspectionReader, PieceStore
from cloud.production.queries import StepOutcome
from cloud.production.step import StepFinish, StepStart


async def start_step(command: StartStep, unit: UnitOfWork) -> StepOutcome:
    """Note that a worker began a step."""
    before, place = await _located(command, unit)
    after = before.with_start(
        StepStart(
            step_id=command.step_id,
            attempt=place.attempt,
            spec_version=command.spec_version or before.spec_version,
            station_id=command.station_id,
            worker=unit.context.user,
            at=command.started_at,
            at_err_ms=command.started_err_ms,
            order_unconfirmed=command.order_unconfirmed,
        )
    )
    outcome = outcome_of(before, after, place)
    if outcome.repeated:
        return outcome
    await unit.store(PieceStore).save(before, after, unit.clock.now())
    key = (place.step.step_id, place.attempt)
    known = before.runs.get(key)
    if known is None or known.start is None:
        unit.record(
            StepStarted(
                piece_id=after.piece_id,
                piece_number=after.number,
                work_order_id=after.work_order_id,
                work_order_number=after.work_order_number,
                step_id=place.step.step_id,
                stage=place.step.stage,
                attempt=place.attempt,
                spec_version=after.runs[key].spec_version,
                station_id=command.station_id,
                station_name=await unit.store(FloorStore).station_name(command.station_id),
                worker=unit.context.user,
                started_at=command.started_at,
                state=outcome.state,
                early=not outcome.accepted,
            )
        )
    return outcome


async def finish_step(command: FinishStep, unit: UnitOfWork) -> StepOutcome:
    """Note that a worker ended a step, and open what comes next."""
    before, place = await _located(command, unit)
    critical = await _judge_verdict(command, place, unit)
    after = before.with_finish(
        StepFinish(
            step_id=command.step_id,
            attempt=place.attempt,
            spec_version=command.spec_version or before.spec_version,
            station_id=command.station_id,
            worker=unit.context.user,
            at=command.finished_at,
            at_err_ms=command.finished_err_ms,
            inspection_id=command.inspection_id,
            verdict=command.verdict,
            critical=critical,
            order_unconfirmed=command.order_unconfirmed,
        )
    )
    outcome = outcome_of(before, after, place)
    if outcome.repeated:
        return outcome
    await unit.store(PieceStore).save(before, after, unit.clock.now())
    unit.record(
        StepFinished(
            piece_id=after.piece_id,
            piece_number=after.number,
            work_order_id=after.work_order_id,
            work_order_number=after.work_order_number,
            step_id=place.step.step_id,
            stage=place.step.stage,
            attempt=place.attempt,
            spec_version=command.spec_version or before.spec_version,
            station_id=command.station_id,
            station_name=await unit.store(FloorStore).station_name(command.station_id),
            worker=unit.context.user,
            finished_at=command.finished_at,
            inspection_id=command.inspection_id,
            verdict=outcome.verdict,
            state=outcome.state,
            next_stage=outcome.next_stage,
            early=not outcome.accepted,
        )
    )
    for fact in facts_between(before, after):
        unit.record(fact)
    return outcome


async def _located(command: StartStep | FinishStep, unit: UnitOfWork) -> tuple[Piece, Place]:
    """Return the piece, locked, and the step and attempt that the command speaks about."""
    piece = await unit.store(PieceStore).locked(command.piece_id)
    if piece is None:
        raise PieceUnknownError(f"no piece {command.piece_id}", piece_id=command.piece_id)
    step = piece.step(command.step_id)
    if step is None:
        raise StepUnknownError(
            f"piece {command.piece_id} has no step {command.step_id}", step_id=command.step_id
        )
    # Rights are given by stage; a wrong one would let a worker act where he or she may not.
    if step.stage != command.stage:
        raise StageMismatchError(
            f"the step is {step.stage}, not {command.stage}",
            expected=step.stage,
            actual=command.stage,
        )
    version = command.spec_version
    if version and version not in piece.known_versions:
        raise SpecVersionUnknownError(f"no spec version {version}", spec_version=version)
    attempt = command.attempt or piece.attempt_of(step)
    if not 1 <= attempt <= piece.attempt_of(step):
        raise AttemptUnknownError(
            f"attempt {attempt} was never opened",
            attempt=attempt,
            open_attempt=piece.attempt_of(step),
        )
    place = Place(step=step, attempt=attempt)
    # What happened at a station has happened: it is kept and counts when its turn comes.
    if unit.context.source is not Source.STATION:
        await _refuse_disorder(piece, place, unit)
    return piece, place


async def _refuse_disorder(piece: Piece, place: Place, unit: UnitOfWork) -> None:
    first = piece.first_before(place.step)
    if first is None or place.attempt != piece.attempt_of(place.step):
        return
    stations = await unit.store(FloorStore).stations_for(first.stage)
    raise StepOutOfOrderError(
        f"{first.stage} comes before {place.step.stage}",
        first_step_id=first.step_id,
        first_stage=first.stage,
        first_title_ko=first.title_ko,
        first_title_en=first.title_en,
        stations=", ".join(stations),
        stage=place.step.stage,
        state=piece.progress().state,
    )


async def _judge_verdict(command: FinishStep, place: Place, unit: UnitOfWork) -> bool:
    """Refuse a finish whose verdict nothing backs; say whether it was a critical failure."""
    if command.verdict == "NONE":
        if place.step.requires_quality_check:
            raise VerdictMissingError(f"{place.step.stage} asks for a quality check")
        return False
    if not command.inspection_id:
        raise VerdictMissingError("a verdict names its inspection")
    seen = await unit.store(InspectionReader).attempt(command.inspection_id)
    if seen is None:
        # A station's messages may come in any order; nobody else may name what nobody saw.
        if unit.context.source is Source.STATION:
            return False
        raise InspectionMismatchError(
            f"no inspection {command.inspection_id}", inspection_id=command.inspection_id
        )
    said = (command.piece_id, command.step_id, place.attempt, command.verdict)
    if (seen.piece_id, seen.step_id, seen.attempt, seen.verdict) != said:
        raise InspectionMismatchError(
            "the inspection speaks of another piece, step, attempt or verdict",
            inspection_id=command.inspection_id,
        )
    return seen.critical
