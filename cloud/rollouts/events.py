"""What happened to bundles and their rollouts."""

from dataclasses import dataclass

from cloud.events.event import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelBundleReleased(DomainEvent):
    """A bundle may be rolled out."""

    model_digest: str
    name: str
    version: str
    signed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTrustPublished(DomainEvent):
    """Stations are told of later keys."""

    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutCreated(DomainEvent):
    """A rollout waits for its approval."""

    rollout_id: str
    model_digest: str
    name: str
    version: str
    station_count: int
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutApproved(DomainEvent):
    """Somebody else than its signer and its maker agreed."""

    rollout_id: str
    model_digest: str
    approved_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutMoved(DomainEvent):
    """A rollout stands at another stage. ``code`` says why it ended early; empty otherwise."""

    rollout_id: str
    model_digest: str
    name: str
    version: str
    stage: str
    next_stage: str
    code: str
    reason: str
    moved_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTrialReported(DomainEvent):
    """A station stands elsewhere with its bundle."""

    rollout_id: str
    station_id: str
    station_name: str
    state: str
    code: str
    running_digest: str
