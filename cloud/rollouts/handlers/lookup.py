"""What several handlers begin or end with."""

from dataclasses import replace

from cloud.commands.ports import UnitOfWork
from cloud.rollouts.errors import RolloutStageError, RolloutUnknownError
from cloud.rollouts.events import RolloutMoved
from cloud.rollouts.ports import RolloutStore
from cloud.rollouts.queries import RolloutStationView, RolloutView, StageNumbers
from cloud.rollouts.rollout import RolloutStage, TrialState
from cloud.rollouts.standing import Participant, Plan, Rollout, tests_of


async def rollout_of(rollout_id: str, unit: UnitOfWork, *, lock: bool = False) -> Rollout:
    """Return a rollout.

    Raises:
        RolloutUnknownError: no such rollout.
    """
    rollout = await unit.store(RolloutStore).find(rollout_id, lock=lock)
    if rollout is None:
        raise RolloutUnknownError("no such rollout", rollout_id=rollout_id)
    return rollout


def at_stage(rollout: Rollout, *stages: RolloutStage) -> None:
    """Refuse what cannot be done at this stage.

    Raises:
        RolloutStageError: the rollout stands elsewhere.
    """
    if rollout.stage not in stages:
        raise RolloutStageError(
            f"a rollout at {rollout.stage.value} cannot do this",
            stage=rollout.stage.value,
            expected=sorted(stage.value for stage in stages),
        )


async def moved(
    rollout: Rollout, stage: RolloutStage, unit: UnitOfWork, *, code: str = "", reason: str = ""
) -> Rollout:
    """Keep the rollout at its new stage and tell whoever watches."""
    after = replace(
        rollout,
        stage=stage,
        code=code or rollout.code,
        reason=reason or rollout.reason,
        paused_stage=None if stage is not RolloutStage.PAUSED else rollout.paused_stage,
        paused_at=None if stage is not RolloutStage.PAUSED else rollout.paused_at,
    )
    await unit.store(RolloutStore).save(after)
    unit.record(
        RolloutMoved(
            rollout_id=rollout.rollout_id,
            model_digest=rollout.model_digest,
            name=rollout.name,
            version=rollout.version,
            stage=rollout.stage.value,
            next_stage=stage.value,
            code=code,
            reason=reason,
            moved_by=unit.context.user,
        )
    )
    return after


def rollout_view(
    rollout: Rollout, signed_by: str, stations: tuple[Participant, ...], plan: Plan | None = None
) -> RolloutView:
    """Show a rollout with its stations."""
    terms = rollout.terms
    return RolloutView(
        rollout_id=rollout.rollout_id,
        model_digest=rollout.model_digest,
        name=rollout.name,
        version=rollout.version,
        stage=rollout.stage.value,
        paused_stage=rollout.paused_stage.value if rollout.paused_stage else "",
        canary_station_id=rollout.canary_station_id,
        trial=terms.trial,
        baseline_ratio=terms.baseline_ratio,
        override_baseline_ratio=terms.override_baseline_ratio,
        deadline_s=terms.deadline_s,
        soak_s=terms.soak_s,
        canary_garments=terms.rules.most_canary_garments,
        roll_back_halted=terms.roll_back_halted,
        created_by=rollout.created_by,
        created_at=rollout.created_at,
        stage_at=rollout.stage_at,
        approved_by=rollout.approved_by,
        approved_at=rollout.approved_at,
        signed_by=signed_by,
        code=rollout.code,
        reason=rollout.reason,
        station_count=len(stations),
        numbers=_numbers(rollout, plan),
        stations=tuple(_station(one, rollout.model_digest) for one in stations),
    )


def _numbers(rollout: Rollout, plan: Plan | None) -> StageNumbers | None:
    stage = rollout.weighed_stage
    if plan is None or plan.weighing is None or stage is None:
        return None
    seen, tests = plan.weighing, tests_of(rollout, stage)
    lines, overruled = tests.rejects, tests.overrides
    middle = lines.slope_ratio * seen.garments
    return StageNumbers(
        evaluated=seen.evaluated,
        committed=seen.committed,
        failed=seen.failed,
        away=seen.away,
        garments=seen.garments,
        rejects=seen.rejects,
        upper_count=middle + lines.upper_count,
        lower_count=middle - lines.lower_count,
        most_count=lines.most_count,
        shift=seen.shift.value,
        overrides=seen.overrides,
        override_upper_count=overruled.slope_ratio * seen.garments + overruled.upper_count,
    )


def _station(one: Participant, digest: str) -> RolloutStationView:
    state = one.state
    if one.withdrawn and state is not None and one.running_digest != digest:
        # A recall ends the trial without a last word about it.
        state = state if one.is_settled("") else TrialState.ROLLED_BACK
    return RolloutStationView(
        station_id=one.station_id,
        station_name=one.station_name,
        wave=one.wave.value,
        online=one.online,
        state=state.value if state else "",
        code=one.code,
        running_digest=one.running_digest,
        previous_digest=one.previous_digest,
        garments=one.garments,
        rejects=one.rejects,
        errors=one.errors,
        overrides=one.overrides,
        shadow_garments=one.shadow_garments,
        assigned_at=one.assigned_at,
        deadline_at=one.deadline_at,
        reported_at=one.reported_at,
        withdrawn=one.withdrawn,
    )
