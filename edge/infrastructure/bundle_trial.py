"""Takes a wished bundle from the agent's hands to deciding, one written step after the other."""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from edge.infrastructure.bundle_bench import BundleBench
from edge.infrastructure.freed_memory import give_back_memory
from edge.infrastructure.model_files import ModelFiles, ModelWish
from edge.infrastructure.model_shelf import ModelShelf
from edge.inspection.errors import InspectionError
from edge.model_bundles.bundle import BASE_MANIFEST_SHA256
from edge.model_bundles.errors import BundleError
from edge.model_bundles.trial import (
    ENDED,
    OWN_RULES,
    Assigned,
    Failed,
    Moved,
    Reached,
    Recalled,
    Slots,
    Trial,
    TrialState,
)

_LOG = logging.getLogger("kyndof.models")
LOOK_S = 0.5


class SelfTest(Protocol):
    """Tries a bundle where it can do no harm."""

    def run(self, folder: Path, digest: str) -> None:
        """Return when it passed.

        Raises:
            SelfTestError: it did not.
        """
        ...


class BundleTrial:
    """Looks at wish and folder, does the next step, and tells how things stand."""

    def __init__(
        self, bench: BundleBench, files: ModelFiles, shelf: ModelShelf, self_test: SelfTest
    ) -> None:
        self._bench = bench
        self._files = files
        self._shelf = shelf
        self._self_test = self_test
        self._loaded_count = bench.loaded_count

    async def run(self) -> None:
        """Do step after step until cancelled."""
        while True:
            try:
                again = await asyncio.to_thread(self.step)
            except Exception:  # noqa: BLE001 - the next round may do better
                _LOG.exception("following the wished bundle failed")
                again = False
            await asyncio.sleep(0 if again else LOOK_S)

    def step(self) -> bool:
        """Do the next step, if there is one; say whether anything was done."""
        before = self._bench.slots
        wish = self._files.wish()
        if wish is not None:
            slots = self._bench.tell(Moved(station_id=wish.station_id))
            here = wish.station_id in {"", slots.station_id}
            if here and wish.generation > slots.generation:
                self._take_up(wish)
        trial = self._bench.slots.trial
        if trial is not None and trial.state not in ENDED:
            self._go_on(trial)
        self._tidy(self._bench.slots)
        self._bench.say()
        loaded_count = self._bench.loaded_count
        if loaded_count < self._loaded_count:
            give_back_memory()
        self._loaded_count = loaded_count
        return self._bench.slots != before

    def _take_up(self, wish: ModelWish) -> None:
        slots = self._bench.slots
        if wish.rules is None and wish.digest in {slots.current, slots.previous}:
            recalled = Recalled(digest=wish.digest, generation=wish.generation)
            try:
                self._bench.tell(recalled)
            except (BundleError, InspectionError):
                _LOG.exception("the bundle before cannot be opened any more")
                self._bench.tell(replace(recalled, opens=False))
            return
        self._bench.tell(
            Assigned(
                digest=wish.digest,
                generation=wish.generation,
                rollout_id=wish.rollout_id,
                rules=wish.rules or OWN_RULES,
            )
        )

    def _go_on(self, trial: Trial) -> None:
        try:
            match trial.state:
                case TrialState.ASSIGNED:
                    self._bench.tell(Reached(state=TrialState.DOWNLOADING))
                case TrialState.DOWNLOADING:
                    self._await_files(trial)
                case TrialState.VERIFIED:
                    self._bench.tell(Reached(state=TrialState.STAGED))
                case TrialState.STAGED:
                    self._bench.tell(Reached(state=TrialState.SELF_TEST))
                case TrialState.SELF_TEST:
                    self._try_out(trial)
                case _:
                    pass
        except (BundleError, InspectionError) as error:
            _LOG.error(
                "bundle failed",
                extra={"alarm": error.code, "reason": str(error), "digest": trial.digest},
            )
            self._bench.tell(Failed(reason=error.code))

    def _await_files(self, trial: Trial) -> None:
        note = self._files.fetched()
        if note is None or (note.generation, note.digest) != (trial.generation, trial.digest):
            return
        if note.state == "FAILED":
            self._bench.tell(Failed(reason=note.reason))
        elif note.state == "READY":
            bundle = self._shelf.find(trial.digest)
            old = self._bench.old().bundle.terms.allow_rollback_to
            self._bench.verify(bundle, (*old, BASE_MANIFEST_SHA256))

    def _try_out(self, trial: Trial) -> None:
        """Try it in a child, then take what was tried, and nothing else, into this process."""
        bundle = self._shelf.find(trial.digest)
        self._self_test.run(self._shelf.place(trial.digest), bundle.digest)
        self._bench.add(bundle)
        self._bench.tell(Reached(state=TrialState.SHADOW))

    def _tidy(self, slots: Slots) -> None:
        """A bundle that failed is not installed: who wishes it again has it fetched again."""
        trial = slots.trial
        if trial is None or trial.state not in ENDED or trial.state is TrialState.COMMITTED:
            return
        if trial.digest not in {slots.current, slots.previous} and self._files.has(trial.digest):
            self._files.discard(trial.digest)
