"""What simulated garments are really like: only their makers know; stations find out by looking."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tests.simulators.wardrobe import Look

if TYPE_CHECKING:
    from tests.simulators.scenes import SceneKind

Sewing = Literal["good", "uneven", "pitch", "skipped"]
Flaw = Literal["stain", "hole", "length_off", "borderline", "narrow"]
Stage = Literal["CUT", "SEW", "QC"]
# By the piece's last digit: each order shows each kind of trouble once.
_CUTTING: dict[int, Flaw] = {3: "borderline", 7: "narrow"}
_SEWING: dict[int, Sewing] = {2: "uneven", 4: "uneven", 5: "pitch", 8: "uneven"}
# Whoever sews this one does not get it even, however often.
_STUBBORN = 4
# Too near the limit of 5 mm for any camera to tell on which side.
_BORDERLINE_MM = 4.9
_NARROW_MM = -12.0


@dataclass(slots=True)
class Garment:
    """One piece as it really is."""

    flaw: Flaw | None = None
    sewing: Sewing | None = None
    pitch_mm: float = 3.0
    variant: int = 0

    def look(self, stage: str) -> Look:
        """How it looks on the table at a stage."""
        length_mm = _BORDERLINE_MM if self.flaw == "borderline" else None
        width_mm = _NARROW_MM if self.flaw == "narrow" else 0.0
        if self.flaw in {"stain", "hole", "length_off"}:
            return Look(kind=self.flaw, seamed=stage != "CUT", variant=self.variant)
        kind: SceneKind = "cut" if stage == "CUT" or self.sewing is None else self.sewing
        pitch_mm = None if kind == "cut" else self.pitch_mm
        if kind == "pitch":
            # Sewn evenly, but at the pitch of another order.
            pitch_mm = self.pitch_mm + 0.6
        return Look(
            kind=kind,
            pitch_mm=pitch_mm,
            variant=self.variant,
            length_offset_mm=length_mm,
            width_offset_mm=width_mm,
        )


class Makers:
    """Hands that cut and sew, mostly well. `plan` names the first sewing of pieces by number."""

    def __init__(self, seed: int, plan: dict[int, Sewing] | None = None) -> None:
        self._random = np.random.default_rng(seed)
        self._plan = plan
        self._garments: dict[str, Garment] = {}

    def garment(self, piece_id: str) -> Garment:
        """The piece as it is now."""
        return self._garments.setdefault(piece_id, Garment())

    def cut(self, piece_id: str, number: int, attempt: int) -> Garment:
        """Cut a piece anew; a rework is done with care."""
        chance = self._random.random() if self._plan is None and attempt == 1 else 1.0
        flaw: Flaw | None = None
        if chance < 0.12:
            flaw = ("stain", "hole", "length_off")[int(chance * 25) % 3]
        if self._plan is None and attempt == 1:
            flaw = _CUTTING.get(number % 10, flaw)
        self._garments[piece_id] = Garment(flaw=flaw, variant=int(self._random.integers(2)))
        return self._garments[piece_id]

    def sew(self, piece_id: str, number: int, attempt: int, pitch_mm: float) -> Garment:
        """Sew a piece at the pitch that its spec asks for; most reworks are done with care."""
        garment = self.garment(piece_id)
        garment.pitch_mm = pitch_mm
        stubborn = self._plan is None and number % 10 == _STUBBORN
        garment.sewing = "good" if attempt > 1 and not stubborn else self._first_sewing(number)
        return garment

    def _first_sewing(self, number: int) -> Sewing:
        if self._plan is not None:
            return self._plan.get(number, "good")
        return _SEWING.get(number % 10, "skipped" if self._random.random() < 0.05 else "good")
