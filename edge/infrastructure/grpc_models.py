"""The agent's part of a rollout: keeps the wish, fetches the bundle, tells how it fares."""

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import grpc.aio
from kyndof_wire.artifacts.v1.artifacts_pb2_grpc import ArtifactServiceStub
from kyndof_wire.fleet.v1.fleet_pb2 import ModelReport, TrialState, WatchDesiredStateResponse
from kyndof_wire.fleet.v1.fleet_pb2 import TrialRules as WireRules

from edge.infrastructure.grpc_artifacts import ArtifactFetcher
from edge.infrastructure.model_files import FetchNote, ModelFiles, ModelStanding, ModelWish
from edge.infrastructure.slots_file import SlotsFile
from edge.model_bundles.bundle import BASE_MANIFEST_SHA256
from edge.model_bundles.errors import BundleError, SlotsDamagedError
from edge.model_bundles.trial import ENDED, TrialRules
from edge.station.ports import Clock

if TYPE_CHECKING:
    from kyndof_wire.artifacts.v1.artifacts_pb2_grpc import ArtifactServiceAsyncStub

LOG = logging.getLogger("kyndof.models")
LOOK_S = 1.0
RETRY_BASE_S = 0.5
RETRY_CAP_S = 30.0


@dataclass(slots=True)
class _Retry:
    """When to try again after a cut."""

    delay_s: float = RETRY_BASE_S
    not_before_s: float = 0.0

    def failed(self, now_s: float) -> None:
        self.not_before_s = now_s + self.delay_s
        self.delay_s = min(RETRY_CAP_S, self.delay_s * 2)


class ModelAgent:
    """Follows one station's wish for a bundle; level-triggered, as all desired state is."""

    def __init__(
        self,
        files: ModelFiles,
        slots: SlotsFile,
        fetcher: ArtifactFetcher,
        clock: Clock,
        agent_version: str,
    ) -> None:
        self._files = files
        self._slots = slots
        self._fetcher = fetcher
        self._clock = clock
        self._version = agent_version
        self._wished: WatchDesiredStateResponse | None = None
        self._generation = 0
        self._station_id = ""
        self._retry = _Retry()
        self._looked = asyncio.Event()

    def wished(self, wish: WatchDesiredStateResponse, station_id: str) -> None:
        """Take the newest wish for a station; it is acted on when its time has come."""
        if station_id != self._station_id:
            # Another enrolment counts its generations anew.
            self._station_id, self._generation = station_id, 0
        self._wished = wish
        self._generation = max(self._generation, wish.generation)
        self._looked.set()

    def report(self) -> ModelReport | None:
        """Return what the judging process said last; None before it said anything."""
        standing = self._files.standing()
        if standing is None or _is_anothers(standing.station_id, self._station_id):
            return None
        generation = max(standing.generation, self._generation)
        try:
            return _report(standing, generation)
        except (TypeError, ValueError) as error:
            # A file that was not ours to write: the next one is.
            LOG.warning("standing unreadable", extra={"reason": str(error)})
            return None

    async def run(self, channel: grpc.aio.Channel) -> None:
        """Fetch what is wished until the channel is closed."""
        stub = ArtifactServiceStub(channel)
        self._retry = _Retry()
        while True:
            self._looked.clear()
            try:
                wish = await asyncio.to_thread(self._take_up)
                if wish is not None and await asyncio.to_thread(self._needs, wish):
                    await self._fetch(stub, wish)
            except OSError as error:
                LOG.error(  # noqa: TRY400 - the reason says all
                    "bundle not written",
                    extra={"alarm": "BUNDLE_NOT_WRITTEN", "reason": str(error)},
                )
            except Exception:
                LOG.exception("following the wished bundle failed")
            try:
                await asyncio.wait_for(self._looked.wait(), LOOK_S)
            except TimeoutError:
                continue

    def _take_up(self) -> ModelWish | None:
        """Keep the wish when it is another one, and return the one that counts."""
        kept, wished = self._files.wish(), self._wished
        moved = kept is not None and _is_anothers(kept.station_id, self._station_id)
        if moved:
            kept = None
        if wished is None or not wished.model_digest or not self._is_time(wished):
            return kept
        rules = to_rules(wished.trial_rules) if wished.HasField("trial_rules") else None
        fresh = ModelWish(
            generation=wished.generation,
            digest=wished.model_digest,
            rollout_id=wished.rollout_id,
            rules=rules,
            station_id=self._station_id,
        )
        if kept is not None:
            # Work changes the generation with every scan; a wish is new when its bundle is.
            same = replace(fresh, generation=kept.generation, station_id=kept.station_id)
            if same == kept:
                return kept
            if fresh.generation <= kept.generation:
                return kept
        if moved:
            self._files.forget_fetch()
        self._files.keep_wish(fresh)
        self._retry = _Retry()
        LOG.info("bundle wished", extra={"digest": fresh.digest, "rollout": fresh.rollout_id})
        return fresh

    def _is_time(self, wish: WatchDesiredStateResponse) -> bool:
        now = self._clock.now().timestamp()
        if wish.HasField("not_before") and now < wish.not_before.seconds:
            return False
        if wish.HasField("expires_at") and now >= wish.expires_at.seconds:
            return False
        return _version(self._version) >= _version(wish.min_agent_version)

    def _needs(self, wish: ModelWish) -> bool:
        """Say whether there is anything to fetch; what the station has settled is left alone."""
        note, standing = self._files.fetched(), self._files.standing()
        if note is not None and (note.generation, note.digest) == (wish.generation, wish.digest):
            if note.state == "FAILED":
                return False
            if note.state == "READY" and (
                wish.digest == BASE_MANIFEST_SHA256 or self._files.has(wish.digest)
            ):
                return False
        return not (standing is not None and _settled(standing, wish))

    async def _fetch(self, stub: "ArtifactServiceAsyncStub", wish: ModelWish) -> None:
        now_s = self._clock.monotonic_ns() / 1e9
        if now_s < self._retry.not_before_s:
            return
        note = FetchNote(generation=wish.generation, digest=wish.digest, state="DOWNLOADING")
        try:
            await asyncio.to_thread(self._begin, note)
            if wish.digest != BASE_MANIFEST_SHA256:
                await self._fetcher.fetch(stub, wish.digest, wish.station_id)
            note = replace(note, state="READY")
            LOG.info("bundle fetched", extra={"digest": wish.digest})
        except BundleError as error:
            LOG.error(  # noqa: TRY400 - the reason says all
                "bundle refused",
                extra={"alarm": error.code, "reason": str(error), "digest": wish.digest},
            )
            note = replace(note, state="FAILED", reason=error.code)
        except (grpc.aio.AioRpcError, TimeoutError) as error:
            self._retry.failed(self._clock.monotonic_ns() / 1e9)
            LOG.warning("bundle not fetched", extra={"reason": _reason(error)})
            return
        await asyncio.to_thread(self._files.note_fetch, note)

    def _begin(self, note: FetchNote) -> None:
        """Make room: only what decides, what decided before and what is wished stays."""
        try:
            slots = self._slots.load()
        except SlotsDamagedError:
            slots = None
        if slots is not None:
            candidate = {slots.trial.digest} if slots.trial is not None else set()
            self._files.tidy(frozenset({slots.current, slots.previous, note.digest, *candidate}))
        self._files.note_fetch(note)


def _is_anothers(station_id: str, here: str) -> bool:
    """Say whether something was kept for another station; what is older does not say for whom."""
    return "" not in {station_id, here} and station_id != here


def _report(standing: ModelStanding, generation: int) -> ModelReport:
    return ModelReport(
        assigned_digest=standing.assigned_digest,
        rollout_id=standing.rollout_id,
        state=TrialState.Value(f"TRIAL_STATE_{standing.state or 'UNSPECIFIED'}"),
        reason=standing.reason,
        running_digest=standing.running_digest,
        garments=standing.garments,
        rejects=standing.rejects,
        errors=standing.errors,
        overrides=standing.overrides,
        observed_generation=generation,
    )


def to_rules(rules: WireRules) -> TrialRules:
    """Return a rollout's numbers in the station's words; it judges them itself."""
    return TrialRules(
        shadow_garments=rules.shadow_garments,
        shadow_s=rules.shadow_s,
        trial_garments=rules.trial_garments,
        trial_s=rules.trial_s,
        failing_restarts=rules.failing_restarts,
        error_ratio=rules.error_ratio,
        slow_ratio=rules.slow_ratio,
        override_ratio=rules.override_ratio,
        slope_ratio=rules.slope_ratio,
        upper_count=rules.upper_count,
    )


def _settled(standing: ModelStanding, wish: ModelWish) -> bool:
    if standing.running_digest == wish.digest:
        return True
    same = (standing.generation, standing.assigned_digest) == (wish.generation, wish.digest)
    return same and standing.state in {state.value for state in ENDED}


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdecimal() else 0 for part in text.split(".") if part)


def _reason(error: BaseException) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return "the cloud fell silent"
