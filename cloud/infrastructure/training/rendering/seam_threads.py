"""Threads of a seam in a scene: lockstitch 301, chainstitch 401 and overedge 504 of ISO 4915.

Lengths are mm. A stitch reaches from one needle hole to the next; `part` is the place in it, 0 to
1. `off` is the distance from the seam's line, positive towards the panel's edge.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cloud.infrastructure.training.rendering.camera import Points

StitchClass = Literal["301", "401", "504"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadPlace:
    """Where the texels of a piece of seam lie.

    `part` (w,), `length_mm` (w,) of the stitch there, `present` (w,) bool, `off_mm` (h, w).
    """

    part: Points
    length_mm: Points
    present: Points
    off_mm: Points
    thread_mm: float
    bite_mm: float
    texel_mm: float


def threads(stitch: StitchClass, place: ThreadPlace) -> tuple[Points, Points]:
    """Cover (h, w) float64, 0 to 1, of a seam's threads, and their sheen (h, w) about 1."""
    return _DRAWN[stitch](place)


def _lockstitch(place: ThreadPlace) -> tuple[Points, Points]:
    """One lens a stitch, 0.85 of its length."""
    along = (place.part - 0.5) / 0.425
    half = np.sqrt(np.clip(1 - np.abs(along) ** 3, 0, 1)) * (place.thread_mm / 2)
    cover = _line(place, np.abs(place.off_mm), half[None, :]) * (half > 0)[None, :]
    sheen = 1.0 - 0.5 * (place.off_mm / (place.thread_mm / 2)) ** 2
    return cover * place.present[None, :], sheen


def _chainstitch(place: ThreadPlace) -> tuple[Points, Points]:
    """One loop a stitch, drawn through the one before: two strands that part and meet again."""
    inside = np.clip(place.part, 0, 1)
    belly = 1.1 * place.thread_mm * np.sin(np.pi * inside**0.7) ** 0.8
    strand = np.abs(np.abs(place.off_mm) - belly[None, :])
    neck = np.abs(place.off_mm) + 8.0 * np.clip(inside - 0.3, 0, 1)[None, :] * place.thread_mm
    away = np.minimum(strand, neck)
    half = np.full_like(place.off_mm, 0.42 * place.thread_mm)
    return _line(place, away, half) * place.present[None, :], _round(away, half)


def _overedge(place: ThreadPlace) -> tuple[Points, Points]:
    """A needle row, and loops from it out to the edge and back, tied along the edge."""
    needle, needle_sheen = _lockstitch(place)
    reach = np.clip(place.off_mm / place.bite_mm, -0.1, 1.0)
    out = np.abs(place.part[None, :] - 0.5 * reach) * place.length_mm[None, :]
    back = np.abs(place.part[None, :] - (1 - 0.5 * reach)) * place.length_mm[None, :]
    lean = 1 / np.sqrt(1 + (0.5 * place.length_mm / place.bite_mm) ** 2)
    tie = np.abs(place.off_mm - 0.93 * place.bite_mm)
    away = np.minimum(np.minimum(out, back) * lean[None, :], tie)
    within = (place.off_mm > -0.1 * place.bite_mm) & (place.off_mm < place.bite_mm)
    half = np.full_like(place.off_mm, 0.4 * place.thread_mm)
    loops = _line(place, away, half) * within * place.present[None, :]
    sheen = np.where(needle > loops, needle_sheen, _round(away, half))
    return np.maximum(needle, loops), sheen


def _line(place: ThreadPlace, away: Points, half: Points) -> Points:
    """Cover (h, w) of a thread whose middle is `away` (h, w) and which is twice `half` wide."""
    return np.asarray(np.clip((half - away) / place.texel_mm + 0.5, 0, 1))


def _round(away: Points, half: Points) -> Points:
    """Sheen (h, w) of a round thread."""
    return np.asarray(1.0 - 0.5 * np.clip(away / half, 0, 1) ** 2)


_DRAWN: dict[StitchClass, Callable[[ThreadPlace], tuple[Points, Points]]] = {
    "301": _lockstitch,
    "401": _chainstitch,
    "504": _overedge,
}
