"""What may be asked about bundles and their rollouts."""

from dataclasses import dataclass
from datetime import datetime

from cloud.commands.command import Query
from cloud.rollouts.bundle import BundleFile
from cloud.rollouts.standing import TrialNumbers
from cloud.rollouts.trust import SignedTimestamp, SignedTrust


@dataclass(frozen=True, slots=True, kw_only=True)
class ListModelBundles(Query):
    """Released bundles, newest first; those after the digest ``before``."""

    limit: int = 100
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelBundleView:
    """A released bundle; ``chunk_count`` pieces of 4 MiB."""

    model_digest: str
    name: str
    version: str
    release_counter: int
    expires_at: datetime
    signed_by: str
    key_id: str
    size_bytes: int
    file_count: int
    released_at: datetime
    co_signers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRollouts(Query):
    """Rollouts, newest first; those after the rollout ``before``."""

    limit: int = 100
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindRollout(Query):
    """One rollout with every station."""

    rollout_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutStationView:
    """A station in a rollout. ``state`` is empty before it is assigned."""

    station_id: str
    station_name: str
    wave: str
    online: bool
    state: str
    code: str
    running_digest: str
    previous_digest: str
    garments: int
    rejects: int
    errors: int
    overrides: int
    shadow_garments: int
    assigned_at: datetime | None
    deadline_at: datetime | None
    reported_at: datetime | None
    withdrawn: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StageNumbers:
    """The stage's garments against its two lines, in rejects.

    At or above ``upper_count`` the stage is halted, at or below ``lower_count`` it holds; both are
    for ``garments``. ``most_count`` is when the line in the middle decides. At or above
    ``override_upper_count`` overruled verdicts the stage is halted as well.
    """

    evaluated: int
    committed: int
    failed: int
    away: int
    garments: int
    rejects: int
    upper_count: float
    lower_count: float
    most_count: int
    shift: str
    overrides: int
    override_upper_count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutView:
    """A rollout. ``stations`` is empty in a list; ``numbers`` is ``None`` outside of its waves."""

    rollout_id: str
    model_digest: str
    name: str
    version: str
    stage: str
    paused_stage: str
    canary_station_id: str
    trial: TrialNumbers
    baseline_ratio: float
    override_baseline_ratio: float
    deadline_s: float
    soak_s: float
    canary_garments: int
    roll_back_halted: bool
    created_by: str
    created_at: datetime
    stage_at: datetime
    approved_by: str
    approved_at: datetime | None
    signed_by: str
    code: str
    reason: str
    station_count: int
    numbers: StageNumbers | None
    stations: tuple[RolloutStationView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindRolloutDefaults(Query):
    """What a rollout is made with when nobody says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutDefaultsView:
    """Numbers of this installation; ``few``: so few garments that they prove little."""

    trial: TrialNumbers
    deadline_s: float
    soak_s: float
    canary_garments: int
    few: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRollout(Query):
    """What the reports of a rollout ask for now."""

    rollout_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPlan:
    """From where to where, and why; ``due`` when there is anything to write down."""

    rollout_id: str
    stage: str
    next_stage: str
    code: str
    due: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FindWishedBundle(Query):
    """The files of a bundle that a station of this organization is wished."""

    model_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WishedBundle:
    """Files in the order of their bytes, and the SHA-256 of each chunk of 4 MiB."""

    model_digest: str
    files: tuple[BundleFile, ...]
    chunk_sha256: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustAfter(Query):
    """Versions of the trusted keys after ``version``, oldest first."""

    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustVersions:
    """Signed versions; empty: there is none later. ``timestamp`` says which is the newest."""

    versions: tuple[SignedTrust, ...]
    timestamp: SignedTimestamp | None = None
