"""What may be done with bundles and their rollouts."""

from dataclasses import dataclass

from cloud.commands.command import Command
from cloud.rollouts.bundle import BundleFile
from cloud.rollouts.standing import TrialNumbers
from cloud.rollouts.trust import SignedTrust


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishTrust(Command):
    """Let stations believe later versions of the keys; versions that are known are passed over."""

    domain = "rollouts"

    versions: tuple[SignedTrust, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseBundle(Command):
    """Let a signed bundle be rolled out. Its files lie in the object store already.

    ``manifest`` is the text of manifest.json, ``signed_by`` the login of whoever signed it, and
    ``key_id`` the release key that the signature belongs to. Where the trusted keys ask for more
    than one, ``co_signers`` and ``co_key_ids`` are the others.
    """

    domain = "rollouts"

    manifest: str
    files: tuple[BundleFile, ...]
    chunk_sha256: tuple[str, ...]
    signed_by: str
    key_id: str
    co_signers: tuple[str, ...] = ()
    co_key_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRollout(Command):
    """Plan to bring a bundle to stations: first to the canary, then to 5, 25 and 100 of a hundred.

    What is ``None`` is as the installation has it. ``baseline_ratio`` is the share of rejects that
    is usual; ``None``: counted over the stations' last garments. ``deadline_s`` is how long a
    station that is there may take; ``soak_s`` how long a stage lasts at least.
    """

    domain = "rollouts"

    model_digest: str
    station_ids: tuple[str, ...]
    canary_station_id: str
    trial: TrialNumbers | None = None
    baseline_ratio: float | None = None
    deadline_s: float | None = None
    soak_s: float | None = None
    canary_garments: int | None = None
    roll_back_halted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveRollout(Command):
    """Agree that the bundle with this digest goes to the floor."""

    domain = "rollouts"

    rollout_id: str
    model_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRollout(Command):
    """Wish the bundle of the canary."""

    domain = "rollouts"

    rollout_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRollout(Command):
    """Let no further stage begin; stations go on with what they have."""

    domain = "rollouts"

    rollout_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeRollout(Command):
    """Go on where the rollout was paused; the pause does not count against deadlines."""

    domain = "rollouts"

    rollout_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltRollout(Command):
    """End a rollout: nobody gets the bundle any more who has not committed it."""

    domain = "rollouts"

    rollout_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBackFleet(Command):
    """Wish every station of a rollout the bundle that it had before."""

    domain = "rollouts"

    rollout_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceRollout(Command):
    """Do what the reports ask for, as it was seen: from ``stage`` to ``next_stage``.

    Both are the same where only deadlines of absent stations or a first verdict are written down.
    """

    domain = "rollouts"

    rollout_id: str
    stage: str
    next_stage: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordModelReport(Command):
    """Note how a station fares with its assigned bundle; counts are of the state it is in.

    ``running_digest`` was read by the deciding process from its own memory.
    """

    domain = "rollouts"

    station_id: str
    assigned_digest: str
    rollout_id: str
    state: str
    code: str
    running_digest: str
    garments: int
    rejects: int
    errors: int
    overrides: int
    observed_generation: int
