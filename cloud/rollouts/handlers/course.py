"""A rollout goes its way: begun, paused, promoted, halted, taken back."""

from dataclasses import replace
from datetime import datetime, timedelta

from cloud.commands.errors import ForbiddenError
from cloud.commands.ports import ResourceLocks, UnitOfWork
from cloud.rollouts.commands import (
    AdvanceRollout,
    HaltRollout,
    PauseRollout,
    RecordModelReport,
    ResumeRollout,
    RollBackFleet,
    StartRollout,
)
from cloud.rollouts.errors import RolloutInvalidError, RolloutStageError
from cloud.rollouts.events import ModelTrialReported
from cloud.rollouts.handlers.lookup import at_stage, moved, rollout_of
from cloud.rollouts.handlers.preparation import refuse_busy, usable_bundle
from cloud.rollouts.ports import Line, ModelWish, RolloutStore
from cloud.rollouts.rollout import RolloutStage, TrialState, station_lines
from cloud.rollouts.shift_test import ShiftVerdict
from cloud.rollouts.standing import OPEN, Participant, Rollout, is_due, planned

_LONGEST_REASON = 500
#: Counts that a report may hold.
_MOST = 2**53


async def start_rollout(command: StartRollout, unit: UnitOfWork) -> None:
    """Wish the bundle of the canary.

    Raises:
        RolloutUnknownError: no such rollout.
        RolloutStageError: it is not approved, or has begun.
        ModelBundleExpiredError: the bundle's time is over.
        RolloutStationBusyError: a station takes part in another rollout that has begun meanwhile.
    """
    rollout = await rollout_of(command.rollout_id, unit, lock=True)
    at_stage(rollout, RolloutStage.SIGNED)
    await usable_bundle(rollout.model_digest, unit)
    # Of two rollouts that begin at once with the same station, one is second.
    await unit.store(ResourceLocks).take("rollouts")
    stations = await _stations(rollout, unit)
    await refuse_busy(tuple(one.station_id for one in stations), unit, rollout.rollout_id)
    await _begin(rollout, RolloutStage.CANARY, unit)


async def pause_rollout(command: PauseRollout, unit: UnitOfWork) -> None:
    """Let no further stage begin.

    Raises:
        RolloutUnknownError: no such rollout.
        RolloutStageError: it is not on its way.
        RolloutInvalidError: the reason is missing.
    """
    reason = _said(command.reason)
    rollout = await rollout_of(command.rollout_id, unit, lock=True)
    at_stage(rollout, *(OPEN - {RolloutStage.PAUSED}))
    paused = replace(rollout, paused_stage=rollout.stage, paused_at=unit.clock.now())
    await moved(paused, RolloutStage.PAUSED, unit, reason=reason)


async def resume_rollout(command: ResumeRollout, unit: UnitOfWork) -> None:
    """Go on; every time that ran is longer by the pause.

    Raises:
        RolloutUnknownError: no such rollout.
        RolloutStageError: it is not paused.
    """
    rollout = await rollout_of(command.rollout_id, unit, lock=True)
    at_stage(rollout, RolloutStage.PAUSED)
    stage, since = rollout.paused_stage, rollout.paused_at
    if stage is None or since is None:
        raise RolloutStageError("the pause is not on record", stage=rollout.stage.value)
    pause = unit.clock.now() - since
    await unit.store(RolloutStore).shift_deadlines(rollout.rollout_id, pause.total_seconds())
    await moved(replace(rollout, stage_at=rollout.stage_at + pause), stage, unit)


async def halt_rollout(command: HaltRollout, unit: UnitOfWork) -> None:
    """End a rollout; who has committed the bundle keeps it.

    Raises:
        RolloutUnknownError: no such rollout.
        RolloutStageError: it has ended.
        RolloutInvalidError: the reason is missing.
    """
    reason = _said(command.reason)
    rollout = await rollout_of(command.rollout_id, unit, lock=True)
    at_stage(rollout, *OPEN, RolloutStage.DRAFT, RolloutStage.SIGNED)
    await _halt(rollout, unit, "HALTED_BY_PERSON", reason)


async def roll_back_fleet(command: RollBackFleet, unit: UnitOfWork) -> None:
    """Wish every station the bundle of before; they hold it, so nothing is fetched.

    Raises:
        RolloutUnknownError: no such rollout.
        RolloutStageError: it has not begun, or goes back already.
        RolloutInvalidError: the reason is missing.
        RolloutStationBusyError: a station takes part in a later rollout.
    """
    reason = _said(command.reason)
    rollout = await rollout_of(command.rollout_id, unit, lock=True)
    at_stage(rollout, *OPEN, RolloutStage.HALTED, RolloutStage.DONE)
    stations = await _stations(rollout, unit)
    begun = tuple(one.station_id for one in stations if one.assigned_at is not None)
    if not begun:
        raise RolloutStageError("no station was given the bundle", stage=rollout.stage.value)
    await refuse_busy(begun, unit, rollout.rollout_id)
    await _take_back(rollout, stations, unit, "ROLLED_BACK_BY_PERSON", reason)


async def advance_rollout(command: AdvanceRollout, unit: UnitOfWork) -> None:
    """Do what the reports ask for, judged anew under the rollout's lock.

    Raises:
        RolloutUnknownError: no such rollout.
        RolloutStageError: they no longer ask for this.
    """
    rollout = await rollout_of(command.rollout_id, unit, lock=True)
    stations, now = await _stations(rollout, unit), unit.clock.now()
    plan = planned(rollout, stations, now)
    if (rollout.stage, plan.next_stage) != (command.stage, command.next_stage) or not is_due(
        rollout, plan
    ):
        raise RolloutStageError("the reports ask for something else", stage=rollout.stage.value)
    store = unit.store(RolloutStore)
    if plan.extended:
        until = now + timedelta(seconds=rollout.terms.deadline_s)
        await store.extend(rollout.rollout_id, plan.extended, until)
    rollout = replace(rollout, shift=plan.shift)
    if plan.next_stage is rollout.stage:
        await store.save(rollout)
    elif rollout.stage is RolloutStage.ROLLING_BACK:
        await moved(rollout, RolloutStage.HALTED, unit, code="", reason="")
    elif plan.next_stage is RolloutStage.HALTED:
        if rollout.terms.roll_back_halted:
            await _take_back(rollout, stations, unit, plan.code, "")
        else:
            await _halt(rollout, unit, plan.code, "")
    elif plan.next_stage is RolloutStage.DONE:
        await moved(replace(rollout, stage_at=now), RolloutStage.DONE, unit)
    else:
        await _begin(rollout, plan.next_stage, unit)


async def record_model_report(command: RecordModelReport, unit: UnitOfWork) -> None:
    """Keep how a station fares with its bundle; a late report counts as if it were in time.

    Raises:
        ForbiddenError: a station speaks for another one.
        RolloutInvalidError: a state or counts that cannot be.
    """
    user = unit.context.user
    if user.startswith("station:") and user != f"station:{command.station_id}":
        raise ForbiddenError("a station speaks for itself only")
    if command.state and command.state not in set(TrialState):
        raise RolloutInvalidError("no such state", field="state", actual=command.state)
    counts = (command.garments, command.rejects, command.errors, command.overrides)
    if not all(0 <= count <= _MOST for count in counts) or command.rejects > command.garments:
        raise RolloutInvalidError("counts that cannot be", field="garments")
    name = await unit.store(RolloutStore).save_report(command, unit.clock.now())
    if name is not None:
        unit.record(
            ModelTrialReported(
                rollout_id=command.rollout_id,
                station_id=command.station_id,
                station_name=name,
                state=command.state,
                code=command.code,
                running_digest=command.running_digest,
            )
        )


async def _stations(rollout: Rollout, unit: UnitOfWork) -> tuple[Participant, ...]:
    store = unit.store(RolloutStore)
    return tuple(await store.participants(rollout.rollout_id, unit.clock.now()))


async def _begin(rollout: Rollout, stage: RolloutStage, unit: UnitOfWork) -> None:
    now, store = unit.clock.now(), unit.store(RolloutStore)
    stations = await _stations(rollout, unit)
    lines = station_lines(rollout.terms.rules, rollout.terms.baseline_ratio, len(stations))
    wish = ModelWish(
        model_digest=rollout.model_digest,
        rollout_id=rollout.rollout_id,
        trial=rollout.terms.trial,
        line=Line(slope_ratio=lines.slope_ratio, upper_count=lines.upper_count),
    )
    deadline = _deadline(rollout, now)
    for one in stations:
        if one.wave is stage:
            await store.assign(one.station_id, wish, now, deadline)
    fresh = replace(rollout, shift=ShiftVerdict.UNDECIDED, stage_at=now)
    await moved(fresh, stage, unit)


def _deadline(rollout: Rollout, now: datetime) -> datetime:
    return now + timedelta(seconds=rollout.terms.deadline_s)


async def _halt(rollout: Rollout, unit: UnitOfWork, code: str, reason: str) -> None:
    """Stop; whoever has not committed the bundle is wished what it had before."""
    now = unit.clock.now()
    unfinished = [
        one.station_id
        for one in await _stations(rollout, unit)
        if one.assigned_at is not None and not one.has_committed(rollout.model_digest)
    ]
    await unit.store(RolloutStore).withdraw(rollout.rollout_id, unfinished, now)
    await moved(replace(rollout, stage_at=now), RolloutStage.HALTED, unit, code=code, reason=reason)


async def _take_back(
    rollout: Rollout, stations: tuple[Participant, ...], unit: UnitOfWork, code: str, reason: str
) -> None:
    now = unit.clock.now()
    begun = [one.station_id for one in stations if one.assigned_at is not None]
    await unit.store(RolloutStore).withdraw(rollout.rollout_id, begun, now)
    await moved(
        replace(rollout, stage_at=now), RolloutStage.ROLLING_BACK, unit, code=code, reason=reason
    )


def _said(reason: str) -> str:
    said = reason.strip()
    if not said or len(said) > _LONGEST_REASON:
        raise RolloutInvalidError("say why, in 500 characters at most", field="reason")
    return said
