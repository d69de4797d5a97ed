"""What the rollouts' room needs from the world."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cloud.rollouts.bundle import ReleasedBundle
from cloud.rollouts.commands import RecordModelReport
from cloud.rollouts.rollout import RolloutStage
from cloud.rollouts.standing import Defaults, Participant, Rollout, TrialNumbers
from cloud.rollouts.trust import SignedTrust


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The line that a station's rejects must not cross."""

    slope_ratio: float
    upper_count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelWish:
    """What a station is to have: a bundle, and how it tries it while a rollout asks for that."""

    model_digest: str
    rollout_id: str = ""
    trial: TrialNumbers | None = None
    line: Line | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsualRatios:
    """How often garments are rejected, and how often people overrule a verdict."""

    reject_ratio: float
    override_ratio: float


class BundleStore(Protocol):
    """Released bundles and the keys that vouch for them."""

    async def add(self, bundle: ReleasedBundle) -> bool:
        """Keep a bundle; say whether it is new."""
        ...

    async def find(self, model_digest: str) -> ReleasedBundle | None:
        """Return a bundle."""
        ...

    async def newest_counter(self, name: str) -> int:
        """Return the highest release counter of a name, 0 before the first; nobody else counts."""
        ...

    async def newest(self, limit: int, before: str) -> Sequence[ReleasedBundle]:
        """Return bundles, newest first, those after the digest ``before``."""
        ...

    async def is_wished(self, model_digest: str) -> bool:
        """Say whether a station of the organization is wished this bundle."""
        ...

    async def is_person(self, login: str) -> bool:
        """Say whether somebody of the organization signs in so."""
        ...

    async def trust_after(self, version: int) -> Sequence[SignedTrust]:
        """Return versions of the trusted keys, oldest first."""
        ...

    async def add_trust(self, version: int, signed: SignedTrust, at: datetime) -> None:
        """Keep a version."""
        ...


class SignatureJudge(Protocol):
    """Knows signatures of elliptic curves."""

    def holds(self, public_key_pem: str, data: bytes, signature: bytes) -> bool:
        """Say whether the signature over ``data`` belongs to the key."""
        ...


class TimestampSigner(Protocol):
    """Holds the key that says which version of the trusted keys is the newest."""

    def sign(self, content: bytes) -> dict[str, str]:
        """Return base64 signatures by key id; none where no such key lies here."""
        ...


class RolloutDefaults(Protocol):
    """What the installation asks of a rollout."""

    def defaults(self) -> Defaults:
        """Return the numbers."""
        ...


class RolloutStore(Protocol):
    """Rollouts of the organization, and what its stations are wished."""

    async def add(self, rollout: Rollout, waves: dict[RolloutStage, tuple[str, ...]]) -> None:
        """Keep a new rollout."""
        ...

    async def find(self, rollout_id: str, *, lock: bool = False) -> Rollout | None:
        """Return a rollout; ``lock`` keeps others from changing it in this transaction."""
        ...

    async def save(self, rollout: Rollout) -> None:
        """Keep what changes of a rollout."""
        ...

    async def newest(self, limit: int, before: str) -> Sequence[tuple[Rollout, str, int]]:
        """Return rollouts with their bundle's signer and number of stations, newest first."""
        ...

    async def participants(self, rollout_id: str, now: datetime) -> Sequence[Participant]:
        """Return the stations in the order of their waves."""
        ...

    async def usable_stations(self, station_ids: Sequence[str]) -> dict[str, str]:
        """Return the names of those that are there and not shut out, by id."""
        ...

    async def busy(self, station_ids: Sequence[str]) -> dict[str, str]:
        """Return the rollout of each station that has one which has begun and not ended."""
        ...

    async def usual_ratios(self, station_ids: Sequence[str]) -> UsualRatios | None:
        """Count over the last garments; ``None``: there are too few."""
        ...

    async def assign(
        self, station_id: str, wish: ModelWish, at: datetime, deadline_at: datetime
    ) -> None:
        """Wish a station the bundle, and remember what it had before."""
        ...

    async def withdraw(self, rollout_id: str, station_ids: Sequence[str], at: datetime) -> None:
        """Wish stations what they had before."""
        ...

    async def extend(
        self, rollout_id: str, station_ids: Sequence[str], deadline_at: datetime
    ) -> None:
        """Give stations until another moment."""
        ...

    async def shift_deadlines(self, rollout_id: str, by_s: float) -> None:
        """Give every station that was assigned so many seconds more."""
        ...

    async def save_report(self, report: RecordModelReport, at: datetime) -> str | None:
        """Keep a report; return the station's name when its state changed."""
        ...
