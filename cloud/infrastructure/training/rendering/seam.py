"""A seam in a scene: needle holes, threads between them, the groove they pull."""

from dataclasses import dataclass

import numpy as np

from cloud.infrastructure.training.rendering.camera import Points
from cloud.infrastructure.training.rendering.decal import Decal
from cloud.infrastructure.training.rendering.errors import ImpossibleSceneError
from cloud.infrastructure.training.rendering.garment import Panel, Side
from cloud.infrastructure.training.rendering.seam_threads import (
    StitchClass,
    ThreadPlace,
    threads,
)

_TEXEL_MM = 0.08
_HALF_HEIGHT_MM = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seam:
    """A line of stitches parallel to one side of the panel.

    `stitch` is the class of ISO 4915; an overedge (504) reaches from its needle row, `inset_mm`
    inside the panel, out to the edge, and a chainstitch (401) shows its looped side.
    `contrast_ratio` is the thread's shade above (or below, if negative) the cloth's. `jitter_mm` is
    the standard deviation of each needle hole about its even place; `skipped` are indices of marks
    that are missing.
    """

    name: str = "hem"
    side: Side = "bottom"
    inset_mm: float = 12.0
    pitch_mm: float = 3.0
    jitter_mm: float = 0.04
    skipped: tuple[int, ...] = ()
    contrast_ratio: float = 0.2
    margin_mm: float = 8.0
    thread_width_mm: float = 0.6
    stitch: StitchClass = "301"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stitches:
    """Where the needle went: truth of one seam.

    `holes_mm` (N + 1, 2) and `marks_mm` (N, 2) float64 in the panel's frame; `lengths_mm` (N,) from
    hole to hole; `present` (N,) bool, false where the stitch was skipped.
    """

    seam: Seam
    holes_mm: Points
    marks_mm: Points
    lengths_mm: Points
    present: tuple[bool, ...]

    @property
    def pitch_mm(self) -> float:
        """Mean distance from hole to hole in mm."""
        return float(self.lengths_mm.mean())

    @property
    def cv_ratio(self) -> float:
        """Standard deviation of the stitch lengths over their mean."""
        return float(self.lengths_mm.std() / self.lengths_mm.mean())

    @property
    def skipped_count(self) -> int:
        """Number of missing marks."""
        return self.present.count(False)


def sew(panel: Panel, seam: Seam, generator: np.random.Generator) -> Stitches:
    """Decide where the needle goes in.

    Raises:
        ImpossibleSceneError: the pitch is not positive, or no stitch fits between the margins.
    """
    span = panel.side_length_mm(seam.side) - 2 * seam.margin_mm
    if not 0 < seam.pitch_mm <= span:
        raise ImpossibleSceneError(f"no stitch of {seam.pitch_mm} mm fits into {span:g} mm")
    count = int(span / seam.pitch_mm)
    along = seam.margin_mm + (span - count * seam.pitch_mm) * generator.uniform()
    even = along + seam.pitch_mm * np.arange(count + 1)
    limit = 0.42 * seam.pitch_mm
    jitter = np.clip(generator.standard_normal(count + 1) * seam.jitter_mm, -limit, limit)
    ratio = (even + jitter) / panel.side_length_mm(seam.side)
    holes = panel.side(seam.side, ratio, seam.inset_mm)
    steps = np.diff(holes, axis=0)
    skipped = {index % count for index in seam.skipped}
    return Stitches(
        seam=seam,
        holes_mm=holes,
        marks_mm=(holes[1:] + holes[:-1]) / 2,
        lengths_mm=np.hypot(steps[:, 0], steps[:, 1]),
        present=tuple(index not in skipped for index in range(count)),
    )


def seam_decals(stitches: Stitches, colour: Points) -> list[Decal]:
    """Raster of the thread and its shadows, cut into pieces of some 60 mm.

    A lockstitch's mark is a lens 0.6 mm wide and 0.85 of its stitch long, brightest along its
    middle, with a dark needle hole at either end, in a groove slightly darker than the cloth.

    Args:
        stitches: where the needle went; a seam along x (top, bottom) or along y (left, right).
        colour: (3,) float64 mean shade of the cloth.

    Returns:
        decals in the panel's frame.
    """
    upright = stitches.seam.side in {"left", "right"}
    holes = stitches.holes_mm[:, ::-1] if upright else stitches.holes_mm
    per_piece = max(1, int(60 / stitches.seam.pitch_mm))
    decals = []
    for first in range(0, len(stitches.present), per_piece):
        last = min(first + per_piece, len(stitches.present))
        decal = _piece(stitches, holes, (first, last), colour)
        decals.append(_transposed(decal) if upright else decal)
    return decals


def _piece(stitches: Stitches, holes: Points, marks: tuple[int, int], colour: Points) -> Decal:
    """Draw marks `marks[0]:marks[1]`; `holes` (N + 1, 2), `colour` (3,), float64."""
    first, last = marks
    seam, texel = stitches.seam, _TEXEL_MM
    reach = 1.0 if first == 0 else 0.0
    left = holes[first, 0] - reach
    right = holes[last, 0] + (1.0 if last == len(stitches.present) else 0.0)
    middle = holes[first : last + 1, 1]
    towards_edge = _towards_edge(seam)
    bite_mm = seam.inset_mm if seam.stitch == "504" else 0.0
    over = max(_HALF_HEIGHT_MM, bite_mm)
    above, below = (over, _HALF_HEIGHT_MM) if towards_edge < 0 else (_HALF_HEIGHT_MM, over)
    top = float(middle.min()) - above
    bottom = float(middle.max()) + below
    columns = int(np.ceil((right - left) / texel))
    texel = (right - left) / columns
    x = left + (np.arange(columns) + 0.5) * texel
    y = top + (np.arange(int(np.ceil((bottom - top) / texel))) + 0.5) * texel
    line = np.interp(x, holes[:, 0], holes[:, 1])
    off = y[:, None] - line[None, :]
    stitch = np.clip(np.searchsorted(holes[:, 0], x) - 1, 0, len(stitches.present) - 1)
    start, length = holes[stitch, 0], holes[stitch + 1, 0] - holes[stitch, 0]
    place = ThreadPlace(
        part=(x - start) / length,
        length_mm=length,
        present=np.array(stitches.present)[stitch].astype(np.float64),
        off_mm=off * towards_edge,
        thread_mm=seam.thread_width_mm,
        bite_mm=bite_mm,
        texel_mm=texel,
    )
    alpha, sheen = threads(seam.stitch, place)
    hole = _holes(x, off, holes[first : last + 1])
    groove = 0.07 * np.exp(-0.5 * (off / 0.7) ** 2)
    dark = np.clip(groove + 0.4 * hole, 0, 1) * (1 - alpha)
    thread = np.clip(colour[:, None, None] + seam.contrast_ratio * sheen[None], 0.02, 0.98)
    return Decal(
        cover=(alpha + dark)[None].astype(np.float32),
        add=(thread * alpha[None]).astype(np.float32),
        left_mm=float(left),
        top_mm=top,
        texel_mm=float(texel),
    )


def _towards_edge(seam: Seam) -> float:
    """Sign of the direction across the seam, as `seam_decals` turns it, that leads outwards."""
    return 1.0 if seam.side in {"bottom", "right"} else -1.0


def _holes(x: Points, off: Points, holes: Points) -> Points:
    """Needle holes (h, w) float64, soft discs; x (w,), off (h, w), holes (K, 2) in mm."""
    nearest = np.abs(x[:, None] - holes[None, :, 0]).min(axis=1)
    return np.asarray(np.exp(-0.5 * ((nearest[None, :] / 0.18) ** 2 + (off / 0.22) ** 2)))


def _transposed(decal: Decal) -> Decal:
    return Decal(
        cover=np.ascontiguousarray(decal.cover.transpose(0, 2, 1)),
        add=np.ascontiguousarray(decal.add.transpose(0, 2, 1)),
        left_mm=decal.top_mm,
        top_mm=decal.left_mm,
        texel_mm=decal.texel_mm,
    )
