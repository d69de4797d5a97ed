"""Says on the kiosk which bundle decides, and raises an alarm when one was taken back."""

import asyncio

from edge.infrastructure.bundle_bench import BundleBench
from edge.model_bundles.trial import Slots, TrialState
from edge.station.bundle_line import BundleLine
from edge.station.workstation import Workstation

LOOK_S = 0.5
_TOLD = {TrialState.SHADOW, TrialState.TRIAL}


class BundleNotices:
    """Follows the bench for the people at the station."""

    def __init__(self, bench: BundleBench, station: Workstation) -> None:
        self._bench = bench
        self._station = station

    async def run(self) -> None:
        """Look twice a second until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Tell what has changed."""
        slots = self._bench.slots
        trial = slots.trial
        back = trial is not None and trial.state is TrialState.ROLLED_BACK
        detail = trial.reason if trial is not None and back else ""
        superseded = detail == "SUPERSEDED"
        await self._station.alarm("bundle_rolled_back", on=back and not superseded, detail=detail)
        line = self._line(slots)
        if line != self._station.bundle_line:
            self._station.bundle_line = line
            await self._station.touch()

    def _line(self, slots: Slots) -> BundleLine:
        deciding, trial = self._bench.deciding.bundle.label, slots.trial
        if trial is None or trial.state not in _TOLD:
            return BundleLine(deciding=deciding)
        candidate = self._bench.beside() or self._bench.on_trial()
        shadow = trial.state is TrialState.SHADOW
        return BundleLine(
            deciding=deciding,
            state=trial.state.value,
            candidate=candidate.bundle.label if candidate is not None else "",
            garments_count=trial.tally.garments,
            asked_count=trial.rules.shadow_garments if shadow else trial.rules.trial_garments,
        )
