"""One function per command and query of the rollouts' room."""

from cloud.commands.command import Command, Query
from cloud.commands.ports import Handler
from cloud.rollouts.commands import (
    AdvanceRollout,
    ApproveRollout,
    CreateRollout,
    HaltRollout,
    PauseRollout,
    PublishTrust,
    RecordModelReport,
    ReleaseBundle,
    ResumeRollout,
    RollBackFleet,
    StartRollout,
)
from cloud.rollouts.handlers.answers import (
    find_rollout,
    find_rollout_defaults,
    find_wished_bundle,
    list_model_bundles,
    list_rollouts,
    plan_rollout,
    trust_after,
)
from cloud.rollouts.handlers.course import (
    advance_rollout,
    halt_rollout,
    pause_rollout,
    record_model_report,
    resume_rollout,
    roll_back_fleet,
    start_rollout,
)
from cloud.rollouts.handlers.preparation import (
    approve_rollout,
    create_rollout,
    publish_trust,
    release_bundle,
)
from cloud.rollouts.queries import (
    FindRollout,
    FindRolloutDefaults,
    FindWishedBundle,
    ListModelBundles,
    ListRollouts,
    PlanRollout,
    TrustAfter,
)

COMMANDS: dict[type[Command], Handler] = {
    PublishTrust: publish_trust,
    ReleaseBundle: release_bundle,
    CreateRollout: create_rollout,
    ApproveRollout: approve_rollout,
    StartRollout: start_rollout,
    PauseRollout: pause_rollout,
    ResumeRollout: resume_rollout,
    HaltRollout: halt_rollout,
    RollBackFleet: roll_back_fleet,
    AdvanceRollout: advance_rollout,
    RecordModelReport: record_model_report,
}
QUERIES: dict[type[Query], Handler] = {
    ListModelBundles: list_model_bundles,
    ListRollouts: list_rollouts,
    FindRollout: find_rollout,
    FindRolloutDefaults: find_rollout_defaults,
    PlanRollout: plan_rollout,
    FindWishedBundle: find_wished_bundle,
    TrustAfter: trust_after,
}
