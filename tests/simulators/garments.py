"""What simulated garments are really like: only their makers know; stations find out by looking."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tests.simulators.wardrobe import Look

Sewing = Literal["good", "uneven", "pitch", "skipped"]
Flaw = Literal["stain", "hole", "length_off"]
Stage = Literal["CUT", "SEW", "QC"]


@dataclass(slots=True)
class Garment:
    """One piece as it really is."""

    flaw: Flaw | None = None
    sewing: Sewing | None = None
    pitch_mm: float = 3.0
    variant: int = 0

    def look(self, stage: str) -> Look:
        """How it looks on the table at a stage."""
        if self.flaw is not None:
            return Look(kind=self.flaw, seamed=stage != "CUT", variant=self.variant)
        if stage == "CUT" or self.sewing is None:
            return Look(kind="cut", variant=self.variant)
        if self.sewing == "pitch":
            # Sewn evenly, but at the pitch of another order.
            return Look(kind="pitch", pitch_mm=self.pitch_mm + 0.6, variant=self.variant)
        return Look(kind=self.sewing, pitch_mm=self.pitch_mm, variant=self.variant)


class Makers:
    """Hands that cut and sew, mostly well. `plan` names the first sewing of pieces by number."""

    def __init__(self, seed: int, plan: dict[int, Sewing] | None = None) -> None:
        self._random = np.random.default_rng(seed)
        self._plan = plan
        self._garments: dict[str, Garment] = {}

    def garment(self, piece_id: str) -> Garment:
        """The piece as it is now."""
        return self._garments.setdefault(piece_id, Garment())

    def cut(self, piece_id: str, attempt: int) -> Garment:
        """Cut a piece anew."""
        chance = self._random.random() if self._plan is None and attempt == 1 else 1.0
        flaw: Flaw | None = None
        if chance < 0.12:
            flaw = ("stain", "hole", "length_off")[int(chance * 25) % 3]
        self._garments[piece_id] = Garment(flaw=flaw, variant=int(self._random.integers(2)))
        return self._garments[piece_id]

    def sew(self, piece_id: str, number: int, attempt: int, pitch_mm: float) -> Garment:
        """Sew a piece at the pitch that its spec asks for; a rework is done with care."""
        garment = self.garment(piece_id)
        garment.pitch_mm = pitch_mm
        garment.sewing = "good" if attempt > 1 else self._first_sewing(number)
        return garment

    def _first_sewing(self, number: int) -> Sewing:
        if self._plan is not None:
            return self._plan.get(number, "good")
        usual: dict[int, Sewing] = {2: "uneven", 5: "pitch", 8: "uneven"}
        return usual.get(number % 10, "skipped" if self._random.random() < 0.05 else "good")
