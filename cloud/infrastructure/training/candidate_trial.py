"""Lets two networks judge the same held-out tiles, so that the gate can weigh them.

A tile's score is a station's: the sum of both judges in units of their scatter on good cells of the
style, of the four highest cells. Those units come from good tiles that are not scored; the limit
above which a tile is alarmed comes from styles that are replayed, none of which is scored either.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.bundle_files import Heads
from cloud.infrastructure.training.corrections import Corrections
from cloud.infrastructure.training.network import Head, head_of
from cloud.infrastructure.training.rendering import KINDS
from cloud.infrastructure.training.style_set import GOOD_TILES, NAMELESS, NAMES, TILES, StyleSet
from cloud.infrastructure.training.where_training import asked
from cloud.learning.promotion import (
    OVERKILL_RATIO,
    Answers,
    Truth,
    Weighed,
    auroc,
    weigh_candidate,
)
from edge.inspection.prototypes import UNKNOWN, Prototypes, describe_flaw

_TOP_CELLS, _ASKED_TILES = 4, 100
_UNITS = GOOD_TILES // 2
"""Of a rendered style's good tiles the first half gives the unit, the other one is scored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judges:
    """What judges: the heads, and the kinds that people named, if any."""

    heads: Heads
    prototypes: Prototypes | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OldSet:
    """Rendered styles: those that no head was fitted on, and those whose good tiles set limits.

    Both are whole styles of ten tiles; flaws ``without_kinds`` were kept from the network in force
    and are not asked about.
    """

    held_out: StyleSet
    replayed: StyleSet
    without_kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """Tiles of some styles: which give the units, which are scored, and what is known of them.

    ``departures`` (N, H, W, C), ``styles`` (N,) int, ``units`` (N,) bool, ``masks`` (N, H, W) bool,
    ``words`` (N,) str: empty for a good tile, a kind, or anything else for a flaw without a name.
    """

    departures: NDArray[np.float16]
    masks: NDArray[np.bool_]
    styles: NDArray[np.int_]
    units: NDArray[np.bool_]
    words: NDArray[np.str_]

    @property
    def asked(self) -> NDArray[np.int_]:
        """Places of the tiles that are scored."""
        return np.flatnonzero(~self.units)


def trial(
    before: Judges, after: Judges, old: OldSet, corrected: tuple[Corrections, Corrections]
) -> Weighed:
    """Weigh a candidate; ``corrected`` are the corrections learned from and those held out."""
    parts = [of_styles(old.held_out, old.without_kinds), of_corrections(*corrected)]
    limits = of_styles(old.replayed)
    words = np.concatenate([part.words[part.asked] for part in parts])
    names = [kind for kind in KINDS if kind not in old.without_kinds] if before.heads.what else []
    added = {*(after.prototypes.kinds if after.prototypes else ())} - {*names, UNKNOWN}
    flawed, known = words != "", np.isin(words, names)
    truth = Truth(
        flawed=flawed,
        corrected=np.repeat([False, True], [len(part.asked) for part in parts]),
        kind_known=known,
        new_kind=np.isin(words, sorted(added)),
    )
    one, other = (_answers(judges, parts, limits) for judges in (before, after))
    return weigh_candidate(truth, one, other, doubtful_ratio(before.heads, *corrected))


def of_styles(tiles: StyleSet, without_kinds: tuple[str, ...] = ()) -> Scored:
    """Take rendered whole styles apart, but for some kinds."""
    names = np.array(["", *NAMES, "nameless"])
    words = names[np.where(tiles.kinds == NAMELESS, len(names) - 1, tiles.kinds + 1)]
    rows = np.flatnonzero(~np.isin(words, without_kinds))
    return Scored(
        departures=tiles.departures[rows],
        masks=tiles.masks[rows],
        styles=rows // TILES,
        units=rows % TILES < _UNITS,
        words=words[rows],
    )


def of_corrections(learned: Corrections, held_out: Corrections) -> Scored:
    """Take held-out corrections; units come from the good tiles that were learned from."""
    good = learned.part(np.flatnonzero(~learned.flawed))
    names = np.concatenate([good.styles, held_out.styles])
    fit = np.isin(names, good.styles)
    rows = np.flatnonzero(fit)
    _, numbers = np.unique(names, return_inverse=True)
    return Scored(
        departures=np.concatenate([good.departures, held_out.departures])[rows],
        masks=np.concatenate([good.masks, held_out.masks])[rows],
        styles=numbers[rows],
        units=(np.arange(len(names)) < len(good))[rows],
        words=np.concatenate([good.words, held_out.words])[rows],
    )


def doubtful_ratio(heads: Heads, *said: Corrections) -> float:
    """Share of people's flaws where nothing stands out to the network in force.

    A place chosen blindly lies below the middle of its tile every second time, a flaw seldom.
    """
    low, count = 0, 0
    for part in said:
        flaws = part.part(np.flatnonzero(part.flawed & ~part.masks.all(axis=(1, 2))))
        logits, distances = _maps_of(heads, flaws.departures)
        for logit, distance, mask in zip(logits, distances, flaws.masks, strict=True):
            everywhere = np.ones(1, np.bool_)
            joint = sum(_in_units(values[None], everywhere)[0] for values in (logit, distance))
            low += auroc(np.asarray(joint, dtype=np.float64).ravel(), mask.ravel()) < 0.5
            count += 1
    return min(1.0, 2 * low / max(1, count))


def _maps_of(
    heads: Heads, departures: NDArray[np.float16]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logits and distances (N, H, W) of ``departures`` (N, H, W, C)."""
    head, maps = head_of(heads.where), [np.zeros((0, *departures.shape[1:3]), np.float32)]
    for first in range(0, len(departures), _ASKED_TILES):
        maps.append(asked(head, departures[first : first + _ASKED_TILES])[:, 0])
    wide = departures.astype(np.float32)
    return np.concatenate(maps), np.sqrt((wide * wide).mean(axis=3))


def scores_of(heads: Heads, tiles: Scored) -> NDArray[np.float64]:
    """Scores (N,) of all tiles; of those that gave the units they are flattering."""
    logits, distances = _maps_of(heads, tiles.departures)
    found = np.zeros(len(logits))
    for style in np.unique(tiles.styles):
        own = tiles.styles == style
        units = tiles.units[own]
        joint = sum(_in_units(values[own], units) for values in (logits, distances))
        flat = np.sort(np.asarray(joint).reshape(int(own.sum()), -1), axis=1)
        highest = flat[:, -_TOP_CELLS:].mean(axis=1)
        found[own] = highest - highest[units].mean()
    return found


def _in_units(values: NDArray[np.float32], units: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Robust z of ``values`` (N, H, W) by the tiles that ``units`` (N,) marks."""
    good = values[units]
    centre = np.median(good)
    spread = 1.4826 * np.median(np.abs(good - centre)) + 1e-6
    return np.asarray((values - centre) / spread, dtype=np.float32)


def limit_of(heads: Heads, styles: Scored) -> float:
    """Score that the stated share of good tiles of some styles exceeds."""
    good = (styles.words == "") & ~styles.units
    return float(np.quantile(scores_of(heads, styles)[good], 1 - OVERKILL_RATIO))


def _answers(judges: Judges, parts: list[Scored], limits: Scored) -> Answers:
    scores = np.concatenate([scores_of(judges.heads, part)[part.asked] for part in parts])
    right = np.concatenate([(names_of(judges, p) == p.words)[p.asked] for p in parts])
    return Answers(scores=scores, alarmed=scores > limit_of(judges.heads, limits), kind_right=right)


def names_of(judges: Judges, tiles: Scored) -> NDArray[np.str_]:
    """Names (N,) of the flaws by their cells: what people taught first, then the network's best."""
    names = np.full(len(tiles.words), "", dtype="U64")
    flaws = np.flatnonzero((tiles.words != "") & tiles.masks.any(axis=(1, 2)) & ~tiles.units)
    head = None if judges.heads.what is None else head_of(judges.heads.what)
    for first in range(0, len(flaws), _ASKED_TILES):
        rows = flaws[first : first + _ASKED_TILES]
        names[rows] = _best(head, tiles, rows)
    taught = judges.prototypes
    for row in flaws if taught is not None and taught.kinds else ():
        flaw = describe_flaw(tiles.departures[row].astype(np.float32), tiles.masks[row])
        name = taught.name(flaw).kind if taught else UNKNOWN
        names[row] = names[row] if name == UNKNOWN else name
    return names


def _best(head: Head | None, tiles: Scored, rows: NDArray[np.int_]) -> NDArray[np.str_]:
    """The what-head's likeliest kind of each of ``rows`` (N,)."""
    if head is None:
        return np.full(len(rows), UNKNOWN)
    answers, inside = asked(head, tiles.departures[rows]), tiles.masks[rows][:, None]
    means = (answers * inside).sum(axis=(2, 3)) / inside.sum(axis=(2, 3))
    return np.asarray(np.array(KINDS)[means.argmax(axis=1)])
