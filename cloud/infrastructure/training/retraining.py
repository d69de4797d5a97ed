"""Learns from corrections without forgetting: a candidate for the place of the network in force.

The where-head goes on learning from the corrected tiles, the newer ones more often, and from twice
as many rendered tiles that the network in force was trained on; its normalisations keep what they
know. The what-head stays: kinds that people named become prototypes beside it. A part of the pieces
is kept out, and with rendered styles that no head was ever fitted on they make the held-out
pictures by which the candidate is weighed.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from cloud.infrastructure.training.base_training import GREIGE_NAME, BasePlan, shown
from cloud.infrastructure.training.bundle_files import Heads
from cloud.infrastructure.training.candidate_trial import Judges, OldSet, trial
from cloud.infrastructure.training.corrections import UNNAMED, Corrections, check_corrections
from cloud.infrastructure.training.heads import Weights
from cloud.infrastructure.training.network import folded, head_of
from cloud.infrastructure.training.rendering import FAMILIES, KINDS
from cloud.infrastructure.training.style_set import (
    NAMES,
    TILES,
    StyleSet,
    read_shards,
    render_shards,
    shards_of,
)
from cloud.infrastructure.training.where_training import tile_loss, turned
from cloud.learning.promotion import Weighed
from edge.inspection.prototypes import (
    FEWEST_EXAMPLES,
    Prototypes,
    describe_flaw,
    learn_prototypes,
)

KEPT_OUT_RATIO = 0.25
_BATCH, _DECAY = 10, 1e-3
_REACHED_RATIO = 0.95
_TAKEN_RATIO = 0.05
"""Share of the flaws of other kinds that a new kind may take."""
_OLD_SEED = 1000
"""The old set is drawn by a seed of its own: no head was fitted on it, nothing chosen by it."""
_HALF_LIFE_COUNT, _LEAST_WEIGHT_RATIO = 150, 0.1

Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainPlan:
    """How to learn: passes over the corrections, replayed tiles for each of them, highest rate.

    ``base`` says what the network in force was first trained on, for the replay; the old set is
    drawn in the same way by another seed.
    """

    seed: int = 1
    epoch_count: int = 3
    replay_ratio: float = 2.0
    rate_per_step: float = 4e-4
    replay_style_count: int = 100
    old_style_count: int = 160
    base: BasePlan = field(default_factory=BasePlan)

    @property
    def style_count(self) -> int:
        """How many styles are rendered."""
        return self.replay_style_count + self.old_style_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrained:
    """A candidate: its heads, the kinds that people named, and how the gate weighed it."""

    heads: Heads
    prototypes: Prototypes
    weighed: Weighed
    learned_count: int
    held_out_count: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Memory:
    """Rendered styles: those that are replayed, and those that no head was fitted on."""

    replay: StyleSet
    old: StyleSet


def retrain(
    base: Heads, corrections: Corrections, plan: RetrainPlan, folder: Path, told: Told
) -> Retrained:
    """Learn from corrections and weigh the candidate against ``base``.

    ``folder`` keeps the rendered styles; ``told`` hears work done and of how much.

    Raises:
        CorrectionsRefusedError: nothing can be learned from the corrections.
        OSError: the folder cannot be written.
    """
    check_corrections(corrections)
    learned, held_out = split(corrections)
    check_corrections(learned)
    steps = step_count(plan, len(learned))
    total = plan.style_count + steps + 1
    memory = remembered(plan, folder, lambda done: told(min(done, plan.style_count), total))
    replay = shown(plan.base, memory.replay)
    where = tuned(
        base.where,
        learned,
        replay,
        plan,
        lambda step: told(plan.style_count + step, total),
    )
    heads = replace(base, where=where)
    hidden = plan.base.without_kinds
    known = () if base.what is None else tuple(kind for kind in KINDS if kind not in hidden)
    kinds = named_kinds(learned, replay, known)
    weighed = trial(
        Judges(heads=base),
        Judges(heads=heads, prototypes=kinds),
        OldSet(
            held_out=memory.old,
            replayed=memory.replay,
            without_kinds=hidden,
        ),
        (learned, held_out),
    )
    told(total, total)
    return Retrained(
        heads=heads,
        prototypes=kinds,
        weighed=weighed,
        learned_count=len(learned),
        held_out_count=len(held_out),
    )


def split(corrections: Corrections) -> tuple[Corrections, Corrections]:
    """Return what is learned from and what is held out; a piece is wholly in one of them.

    A piece's name decides, so it stays where it was when there are more corrections.
    """
    pairs = zip(corrections.styles, corrections.pieces, strict=True)
    out = np.array([is_held_out(str(style), str(piece)) for style, piece in pairs])
    return corrections.part(np.flatnonzero(~out)), corrections.part(np.flatnonzero(out))


def is_held_out(style: str, piece: str) -> bool:
    """Say whether a piece is kept out of learning."""
    digest = hashlib.sha256(f"{style}\n{piece}".encode()).hexdigest()
    return int(digest[:8], 16) < KEPT_OUT_RATIO * 2**32


def step_count(plan: RetrainPlan, learned_count: int) -> int:
    """How many steps the passes take."""
    return plan.epoch_count * -(-learned_count // _BATCH)


def remembered(plan: RetrainPlan, folder: Path, told: Callable[[int], None]) -> Memory:
    """Render what is replayed and what is held out, where the folder does not keep it yet.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    base = plan.base
    known = min(plan.replay_style_count, base.style_count - base.held_out_count)
    replayed = [
        shard
        for shard in shards_of(folder, base.seed, base.style_count, base.least_score)
        if shard.first < known
    ]
    unseen = shards_of(folder, base.seed + _OLD_SEED, plan.old_style_count, base.least_score)
    render_shards([*replayed, *unseen], 1, told)
    return Memory(
        replay=of_shown_families(base, read_shards(replayed).part(slice(0, known * TILES))),
        old=of_shown_families(base, read_shards(unseen)),
    )


def of_shown_families(plan: BasePlan, tiles: StyleSet) -> StyleSet:
    """Take the whole styles of families that the plan does not leave out."""
    hidden = [(*FAMILIES, GREIGE_NAME).index(name) for name in plan.without_families]
    return tiles.part(np.flatnonzero(~np.isin(tiles.families, hidden)))


def tuned(
    base: Weights,
    learned: Corrections,
    replay: StyleSet,
    plan: RetrainPlan,
    told: Callable[[int], None],
) -> Weights:
    """Let the where-head go on learning; the same plan and corrections give the same weights."""
    torch.set_num_threads(1)
    head, generator = head_of(base), np.random.default_rng([plan.seed, 6])
    steps = step_count(plan, len(learned))
    optimizer = torch.optim.AdamW(head.parameters(), lr=plan.rate_per_step, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.rate_per_step, total_steps=max(2, steps), pct_start=0.1
    )
    weights, again = _recent(len(learned)), round(_BATCH * plan.replay_ratio)
    for step in range(steps):
        chosen = generator.choice(len(learned), _BATCH, p=weights)
        old = generator.choice(len(replay), again)
        departures, masks = turned(
            np.concatenate([learned.departures[chosen], replay.departures[old]]).astype(np.float32),
            np.concatenate([learned.masks[chosen], replay.masks[old]]).astype(np.float32),
            int(generator.integers(8)),
        )
        logits = head(torch.from_numpy(departures))[:, 0]
        optimizer.zero_grad()
        loss = tile_loss(logits, torch.from_numpy(masks))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        told(step + 1)
    return folded(head)


def _recent(count: int) -> NDArray[np.float64]:
    """Chance (N,) of each correction to be drawn, the last one the newest."""
    ages = np.arange(count)[::-1]
    weights = np.maximum(0.5 ** (ages / _HALF_LIFE_COUNT), _LEAST_WEIGHT_RATIO)
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def with_digest(kinds: Prototypes, bundle_digest: str) -> Prototypes:
    """Give kinds to a bundle that describes flaws as the one before it does."""
    return replace(kinds, bundle_digest=bundle_digest)


def named_kinds(learned: Corrections, replay: StyleSet, known: tuple[str, ...]) -> Prototypes:
    """Learn the kinds that people added, as stations learn theirs, but beside kinds of the replay.

    A flaw nearer to one of these, or to a kind that is ``known``, is left to the network: those
    prototypes bear no name. A new kind reaches so far that its own examples lie within.
    """
    said: defaultdict[str, list[NDArray[np.float32]]] = defaultdict(list)
    for word, departures, mask in zip(
        learned.words, learned.departures, learned.masks, strict=True
    ):
        if word not in {"", UNNAMED}:
            said[str(word)].append(describe_flaw(departures.astype(np.float32), mask))
    new = {word for word, own in said.items() if word not in known and len(own) >= FEWEST_EXAMPLES}
    if not new:
        return learn_prototypes({})
    for place in np.flatnonzero((replay.kinds >= 0) & replay.masks.any(axis=(1, 2))):
        if (name := NAMES[replay.kinds[place]]) not in new:
            flaw = replay.departures[place].astype(np.float32)
            said[name].append(describe_flaw(flaw, replay.masks[place]))
    learnt = learn_prototypes(said)
    means, added = _set_off(learnt, said, new)
    far = [
        float(np.hypot(_reach(np.stack(said[word]), learnt.whitening), np.sqrt(added[word])))
        for word in sorted(new)
    ]
    kinds = tuple(kind if kind in new else UNNAMED for kind in learnt.kinds)
    return replace(learnt, kinds=kinds, means=means, far_score=max(far))


def _set_off(
    learnt: Prototypes, said: Mapping[str, Sequence[NDArray[np.float32]]], new: Collection[str]
) -> tuple[NDArray[np.float32], dict[str, float]]:
    """Set means (K, D) so far off that each new kind takes few of the examples of others.

    Few examples on three styles say less about a kind than many on others, so the nearest mean
    alone gives new kinds too little or too much. Also returns what the set-off adds to the squared
    distance from each new kind.
    """
    added = dict.fromkeys(new, 0.0)
    for word, gains in _gains(said, new).items():
        added[word] = float(np.quantile(gains, 1 - _TAKEN_RATIO))
    level = max(0.0, -min(added.values()))
    added = {word: value + level for word, value in added.items()}
    wanted = np.array([added.get(kind, level) for kind in learnt.kinds])
    means = learnt.means.copy()
    width, unit = len(learnt.whitening), float(learnt.whitening[-1, -1])
    means[:, -1] += np.sqrt(wanted * width) / unit
    return means.astype(np.float32), added


def _gains(
    said: Mapping[str, Sequence[NDArray[np.float32]]], new: Collection[str]
) -> dict[str, NDArray[np.float32]]:
    """By how much (N,) each example of other kinds is nearer to a new kind than to all others.

    In squared distances, by prototypes of the other half of the examples: those learned from
    flatter themselves.
    """
    found: defaultdict[str, list[NDArray[np.float32]]] = defaultdict(list)
    for half in (0, 1):
        learnt = learn_prototypes(
            {word: own if word in new else own[half::2] for word, own in said.items()}
        )
        asked = [one for word, own in said.items() if word not in new for one in own[1 - half :: 2]]
        named = np.isin(learnt.kinds, sorted(new))
        if not asked or named.all():
            continue
        away = (np.stack(asked)[:, None] - learnt.means) @ learnt.whitening
        squares = (away * away).mean(axis=2)
        for word in new:
            own = squares[:, learnt.kinds.index(word)]
            found[word].append(squares[:, ~named].min(axis=1) - own)
    return {word: np.concatenate(gains) for word, gains in found.items()}


def _reach(examples: NDArray[np.float32], whitening: NDArray[np.float32]) -> float:
    """How far most of ``examples`` (N, D) lie from the middle of the others."""
    count = len(examples)
    away = (examples - examples.mean(axis=0)) @ whitening * (count / (count - 1))
    return float(np.quantile(np.sqrt((away * away).mean(axis=1)), _REACHED_RATIO))
