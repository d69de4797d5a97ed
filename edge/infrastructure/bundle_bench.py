"""The bundles that this station judges by: which one decides, which one stands beside it.

Every change is written down before it is acted on. All that a rollout needs to go back lies in
this process already: the old networks stay loaded until the new ones are committed.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from edge.infrastructure.counters_file import CountersFile
from edge.infrastructure.model_files import ModelFiles, ModelStanding
from edge.infrastructure.model_shelf import ModelShelf
from edge.infrastructure.slots_keeper import SlotsKeeper
from edge.infrastructure.watched_detector import WatchedDetector
from edge.inspection.errors import InspectionError
from edge.inspection.pipeline import InspectionPipeline
from edge.model_bundles.bundle import Bundle
from edge.model_bundles.errors import BundleAbsentError, BundleError
from edge.model_bundles.release_counters import BY_NAME, ReleaseCounters, reconciled
from edge.model_bundles.trial import (
    ENDED,
    Failed,
    Happening,
    Reached,
    Slots,
    Started,
    TrialState,
    WentBack,
    after,
)
from edge.station.ports import Clock

_LOG = logging.getLogger("kyndof.models")
_SLOW_RATIO = 1.2
_BACK = ENDED | {TrialState.ROLLING_BACK}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedBundle:
    """A bundle with its sessions in memory; ``watch`` counts while it is on trial."""

    bundle: Bundle
    pipeline: InspectionPipeline
    watch: WatchedDetector | None = None

    @property
    def digest(self) -> str:
        """SHA-256 hex of its manifest, as its sessions carry it."""
        return self.pipeline.detector.identity.digest

    def was_slow(self) -> bool:
        """Say whether the garment just judged took its networks longer than they promised."""
        if self.watch is None:
            return False
        return self.watch.tile_ms() > _SLOW_RATIO * self.bundle.terms.latency_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchParts:
    """What the bench works with.

    ``load`` makes sessions of a bundle (watched or not), and ``configured`` is the bundle that
    the settings name.
    """

    files: ModelFiles
    keeper: SlotsKeeper
    counters: CountersFile
    shelf: ModelShelf
    load: Callable[[Bundle, bool], LoadedBundle]
    configured: Bundle
    clock: Clock


class BundleBench:
    """Keeps slots and sessions in step; safe from several threads."""

    def __init__(self, parts: BenchParts) -> None:
        self.trouble: BundleError | None = None
        self._parts = parts
        self._lock = threading.RLock()
        self._slots = Slots(current=parts.configured.digest)
        self._loaded: dict[str, LoadedBundle] = {}
        self._last: ModelStanding | None = None
        self._counters = ReleaseCounters()
        self._open()

    # Who judges

    @property
    def deciding(self) -> LoadedBundle:
        """The bundle whose verdict counts now."""
        with self._lock:
            return self._loaded.get(self._slots.deciding) or self._loaded[self._slots.current]

    def beside(self) -> LoadedBundle | None:
        """Return the candidate that judges beside the deciding bundle, if any."""
        return self._candidate(TrialState.SHADOW)

    def on_trial(self) -> LoadedBundle | None:
        """Return the candidate that decides on trial, if any."""
        return self._candidate(TrialState.TRIAL)

    def _candidate(self, state: TrialState) -> LoadedBundle | None:
        with self._lock:
            trial = self._slots.trial
            if trial is None or trial.state is not state:
                return None
            return self._loaded.get(trial.digest)

    def old(self) -> LoadedBundle:
        """Return the bundle that decides when a candidate cannot."""
        with self._lock:
            return self._loaded[self._slots.current]

    @property
    def slots(self) -> Slots:
        """The record as it is on the disk."""
        with self._lock:
            return self._slots

    @property
    def loaded_count(self) -> int:
        """How many bundles have sessions in memory."""
        with self._lock:
            return len(self._loaded)

    # What happens

    def tell(self, happening: Happening) -> Slots:
        """Write down what follows from ``happening``, then act on it; return what holds now."""
        with self._lock:
            begun_ns = self._parts.clock.monotonic_ns()
            fresh = after(self._slots, happening, self._parts.clock.now())
            if fresh != self._slots:
                self._turn_to(fresh)
            if fresh.trial is not None and fresh.trial.state is TrialState.ROLLING_BACK:
                # The old sessions never left: from here on they answer.
                self._turn_to(after(fresh, WentBack(), self._parts.clock.now()))
                took_ms = (self._parts.clock.monotonic_ns() - begun_ns) / 1e6
                _LOG.error(
                    "rolled back",
                    extra={"alarm": "BUNDLE_ROLLED_BACK", "reason": fresh.trial.reason}
                    | {"digest": fresh.trial.digest, "took_ms": round(took_ms, 1)},
                )
            return self._slots

    def verify(self, bundle: Bundle, allowed_rollbacks: tuple[str, ...]) -> Slots:
        """Note that the candidate's signatures and files are sound, unless it is too old.

        Its number is on the disk before anything else follows from it.

        Raises:
            OSError: the number cannot be written; nothing has happened.
        """
        with self._lock:
            step = Reached(
                state=TrialState.VERIFIED,
                release_counter=bundle.terms.release_counter,
                lowest_counter=self._counters.lowest(bundle.name),
                allowed_rollbacks=allowed_rollbacks,
            )
            fresh = after(self._slots, step, self._parts.clock.now())
            if fresh.trial is not None and fresh.trial.state is TrialState.VERIFIED:
                self._count(self._counters.verified(bundle.name, step.release_counter))
            return self.tell(step)

    def _count(self, counters: ReleaseCounters) -> None:
        if counters != self._counters:
            self._parts.counters.keep(counters)
            self._counters = counters

    def add(self, bundle: Bundle) -> None:
        """Load a candidate's sessions; until it is told to, it judges nothing.

        Raises:
            BundleError: it cannot be loaded.
        """
        loaded = self._parts.load(bundle, True)
        with self._lock:
            self._loaded[bundle.digest] = loaded

    def _turn_to(self, slots: Slots) -> None:
        before = self._slots
        state = slots.trial.state if slots.trial else None
        same = state is (before.trial.state if before.trial else None)
        # Counting and going back cannot wait for a disk; whatever begins something must.
        must = slots.current != before.current or not (same or state in _BACK)
        if slots.deciding not in self._loaded:
            self._loaded[slots.deciding] = self._parts.load(
                self._parts.shelf.find(slots.deciding), False
            )
        self._count(self._counters.known_as(slots.station_id))
        self._parts.keeper.keep(slots, must=must)
        self._slots = slots
        if not same:
            _LOG.info("bundle", extra={"state": state, "deciding": slots.deciding})
        needed = {slots.current, slots.deciding}
        if slots.trial and state in {TrialState.SELF_TEST, TrialState.SHADOW, TrialState.TRIAL}:
            needed.add(slots.trial.digest)
        self._loaded = {k: v for k, v in self._loaded.items() if k in needed}

    # After a start

    def _open(self) -> None:
        """Go on from what is written down, whatever ended the process before."""
        kept, self.trouble = self._parts.keeper.load()
        slots = self._with_counters(kept)
        for digest in dict.fromkeys((slots.current, slots.previous, self._parts.configured.digest)):
            if digest and self._load_first(digest):
                if digest != slots.current:
                    slots = Slots(
                        current=digest,
                        release_counter=slots.release_counter,
                        generation=slots.generation,
                        quarantined=slots.quarantined,
                        station_id=slots.station_id,
                    )
                break
        else:
            # Nothing opens, not even what the settings name: let the caller hear why.
            self._loaded[slots.current] = self._parts.load(self._parts.configured, False)
        self._slots = slots
        if kept != slots:
            self._parts.keeper.keep(slots, must=False)
        self._open_trial()
        self.say()

    def _with_counters(self, kept: Slots | None) -> Slots:
        """Return the record with what is known of releases, by name where that is kept."""
        known = self._parts.counters.load()
        here = self._numbers_here(kept or self._slots)
        counters = reconciled(known, kept, here)
        slots = kept or replace(self._slots, station_id=counters.station_id)
        slots = replace(slots, release_counter=max(slots.release_counter, counters.highest))
        try:
            self._count(counters)
        except OSError as error:
            # They hold all the same; the record does not say yet that they are kept.
            _LOG.error("counters not written", extra={"reason": str(error)})
            self._counters = counters
            return slots
        return replace(slots, quarantined=tuple(sorted({*slots.quarantined, BY_NAME})))

    def _numbers_here(self, slots: Slots) -> dict[str, int]:
        """Return the number of each bundle that the record names and that lies here whole."""
        tried = slots.trial.digest if slots.trial is not None else ""
        numbers: dict[str, int] = {}
        for digest in {slots.current, slots.previous, tried} - {""}:
            try:
                bundle = self._parts.shelf.find(digest)
            except (BundleError, OSError):
                continue
            counter = bundle.terms.release_counter
            numbers[bundle.name] = max(counter, numbers.get(bundle.name, 0))
        return numbers

    def _load_first(self, digest: str) -> bool:
        try:
            self._loaded[digest] = self._parts.load(self._parts.shelf.find(digest), False)
        except BundleError as error:
            # A new edition of this program brings another base; the old one is no loss.
            if not isinstance(error, BundleAbsentError):
                self.trouble = error
                _LOG.error("bundle not loaded", extra={"alarm": error.code, "reason": str(error)})
            return False
        return True

    def _open_trial(self) -> None:
        trial = self._slots.trial
        if trial is None:
            return
        if trial.state in {TrialState.SHADOW, TrialState.TRIAL}:
            try:
                self.add(self._parts.shelf.find(trial.digest))
            except (BundleError, InspectionError) as error:
                self.tell(Failed(reason=error.code))
                return
        self.tell(Started())

    # What others hear

    def say(self) -> None:
        """Tell the agent how things stand, where that has changed."""
        standing = self.standing()
        if standing == self._last:
            return
        try:
            self._parts.files.tell(standing)
            self._last = standing
        except OSError as error:
            _LOG.warning("standing not told", extra={"reason": str(error)})

    def standing(self) -> ModelStanding:
        """Return how the bundles stand, with the digest that the deciding sessions carry."""
        with self._lock:
            slots, running = self._slots, self.deciding.digest
        wish, trial = self._parts.files.wish(), slots.trial
        if trial is None:
            assigned = wish is not None and wish.digest == running
            return ModelStanding(
                generation=slots.generation,
                assigned_digest=running if assigned else "",
                rollout_id=wish.rollout_id if wish is not None and assigned else "",
                state=TrialState.COMMITTED.value if assigned else "",
                running_digest=running,
                station_id=slots.station_id,
            )
        return ModelStanding(
            generation=trial.generation,
            assigned_digest=trial.digest,
            rollout_id=trial.rollout_id,
            state=trial.state.value,
            reason=trial.reason,
            running_digest=running,
            garments=trial.tally.garments,
            rejects=trial.tally.rejects,
            errors=trial.tally.errors,
            overrides=trial.tally.overrides,
            station_id=slots.station_id,
        )
