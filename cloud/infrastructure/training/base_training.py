"""Trains both heads of the base bundle on rendered styles; stopped, it goes on where it was.

The same plan on the same versions of the libraries gives the same networks, by whatever number of
processes: each head is fitted by one thread of its own process.
"""

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from multiprocessing.managers import SyncManager
from pathlib import Path
from queue import Empty, Queue

import numpy as np
import torch

from cloud.infrastructure.training.bundle_files import Heads
from cloud.infrastructure.training.child_of_training import end_with_parent
from cloud.infrastructure.training.close_training import ClosePlan, train_close
from cloud.infrastructure.training.fitting import Fitting, fit
from cloud.infrastructure.training.heads import Weights
from cloud.infrastructure.training.kind_training import (
    DECAY_RATIO,
    Named,
    calibrated,
    kind_loss,
    with_a_flaw_of_the_catalogue,
)
from cloud.infrastructure.training.network import folded, what_head, where_head
from cloud.infrastructure.training.rendering import FAMILIES, KINDS
from cloud.infrastructure.training.style_set import (
    NAMES,
    TILES,
    StyleSet,
    read_shards,
    recipe,
    render_shards,
    shards_of,
)
from cloud.infrastructure.training.where_training import Judged, judge_where, where_loss

GREIGE_NAME = "greige"
_HELD_OUT_STYLES = 160
_LISTEN_S = 0.5

Told = Callable[[int, int], None]
Hears = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BasePlan:
    """How much to train: styles, steps of the where-head and of the what-head.

    Tiles of the kinds and the families left out are rendered and never shown to a head; a
    benchmark learns from that how a head does on what it never saw. ``least_score`` is how well a
    person can see the flaws of the nine families (``rendering.visibility``), None for any. The
    close look learns from styles of its own; without any the bundle has none.
    """

    seed: int = 1
    style_count: int = 4000
    step_count: int = 10000
    kind_step_count: int = 5000
    without_kinds: tuple[str, ...] = ()
    without_families: tuple[str, ...] = ()
    least_score: float | None = None
    close_style_count: int = 0
    close_step_count: int = 0

    @property
    def key(self) -> str:
        """Names the plan of both heads and the code that draws its styles, for the files it keeps.

        The close look has a plan of its own, so that trying another leaves the heads as they are.
        """
        said = {name: v for name, v in asdict(self).items() if not name.startswith("close_")}
        text = json.dumps([recipe(), said], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def total_count(self) -> int:
        """Pieces of work: styles and steps."""
        return self.head_count + self.close_style_count + self.close_step_count

    @property
    def head_count(self) -> int:
        """Pieces of work of both heads."""
        return self.style_count + self.step_count + self.kind_step_count

    @property
    def close(self) -> ClosePlan:
        """What the close look learns from."""
        return ClosePlan(
            seed=self.seed,
            style_count=self.close_style_count,
            step_count=self.close_step_count,
            without_kinds=self.without_kinds,
            without_families=self.without_families,
        )

    @property
    def held_out_count(self) -> int:
        """The last styles, which no head is fitted on."""
        return min(_HELD_OUT_STYLES, max(2, self.style_count // 10))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """Weights of both heads and the close look, and what they reach on styles held out."""

    where: Weights
    what: Weights
    judged: Judged
    named: Named
    close: Weights | None = None
    close_named: Named | None = None

    @property
    def heads(self) -> Heads:
        """What goes into a bundle."""
        return Heads(
            where=self.where,
            what=self.what,
            confidence_ratio=self.named.confidence_ratio,
            close=self.close,
            close_confidence_ratio=self.close_named.confidence_ratio if self.close_named else 1.0,
        )


def train_base(plan: BasePlan, folder: Path, told: Told, workers: int = 1) -> Trained:
    """Train; ``folder`` keeps what is needed to go on. ``told`` hears work done and of how much.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards = shards_of(folder, plan.seed, plan.style_count, plan.least_score)
    render_shards(shards, workers, lambda done: told(done, plan.total_count))
    trained = _heads(plan, folder, told, workers)
    if not plan.close_style_count:
        return trained
    close, named = train_close(
        plan.close, folder, lambda done: told(plan.head_count + done, plan.total_count), workers
    )
    return replace(trained, close=close, close_named=named)


def _heads(plan: BasePlan, folder: Path, told: Told, workers: int) -> Trained:
    """Fit both heads on styles that were rendered."""
    if workers > 1:
        return _side_by_side(plan, folder, told)
    done = plan.style_count
    where, judged = fit_where(plan, folder, lambda step: told(done + step, plan.total_count))
    more = done + plan.step_count
    what, named = fit_what(plan, folder, lambda step: told(more + step, plan.total_count))
    return Trained(where=where, judged=judged, what=what, named=named)


def fit_where(plan: BasePlan, folder: Path, told: Hears) -> tuple[Weights, Judged]:
    """Fit the where-head on the plan's styles, which lie in the folder."""
    known, held_out = _split(plan, folder)
    torch.set_num_threads(1)
    torch.manual_seed(plan.seed)
    head = where_head()
    fitting = Fitting(path=folder / f"where-{plan.key}.pt", step_count=plan.step_count)
    fit(head, fitting, lambda step: where_loss(head, known, _at(plan, 1, step)), told)
    return folded(head), judge_where(head, held_out, plan.seed)


def fit_what(plan: BasePlan, folder: Path, told: Hears) -> tuple[Weights, Named]:
    """Fit the what-head on the plan's styles, which lie in the folder."""
    known, held_out = _split(plan, folder)
    flaws = with_a_flaw_of_the_catalogue(known)
    torch.set_num_threads(1)
    torch.manual_seed(plan.seed)
    head = what_head(len(KINDS))
    fitting = Fitting(
        path=folder / f"what-{plan.key}.pt",
        step_count=plan.kind_step_count,
        decay_ratio=DECAY_RATIO,
    )
    fit(head, fitting, lambda step: kind_loss(head, flaws, _at(plan, 2, step)), told)
    return calibrated(head, folded(head), shown(plan, held_out))


def _at(plan: BasePlan, head: int, step: int) -> np.random.Generator:
    return np.random.default_rng([plan.seed, 1_000_000 * head + step, head])


def _split(plan: BasePlan, folder: Path) -> tuple[StyleSet, StyleSet]:
    """Read the styles: those to learn from, without what is left out, and those held out."""
    whole = read_shards(shards_of(folder, plan.seed, plan.style_count, plan.least_score))
    first = (plan.style_count - plan.held_out_count) * TILES
    return shown(plan, whole.part(slice(0, first))), whole.part(slice(first, None))


def shown(plan: BasePlan, tiles: StyleSet) -> StyleSet:
    """Take what the plan does not leave out."""
    kinds = [NAMES.index(name) for name in plan.without_kinds]
    families = [(*FAMILIES, GREIGE_NAME).index(name) for name in plan.without_families]
    if not kinds and not families:
        return tiles
    hidden = np.isin(tiles.kinds, kinds) | np.isin(tiles.families, families)
    return tiles.part(np.flatnonzero(~hidden))


def _side_by_side(plan: BasePlan, folder: Path, told: Told) -> Trained:
    """Fit both heads at once, each in a process of its own."""
    context, manager = get_context("spawn"), SyncManager(ctx=get_context("spawn"))
    manager.start(end_with_parent)
    with manager, ProcessPoolExecutor(2, context, end_with_parent) as pool:
        heard: Queue[tuple[int, int]] = manager.Queue()
        one = pool.submit(_fit_where, plan, folder, heard)
        other = pool.submit(_fit_what, plan, folder, heard)
        steps, listening = [0, 0], True
        while listening:
            over = one.done() and other.done()
            try:
                head, step = heard.get(timeout=_LISTEN_S)
            except Empty:
                listening = not over
                continue
            steps[head] = step
            told(plan.style_count + sum(steps), plan.total_count)
        where, judged = one.result()
        what, named = other.result()
    return Trained(where=where, judged=judged, what=what, named=named)


def _fit_where(
    plan: BasePlan, folder: Path, heard: "Queue[tuple[int, int]]"
) -> tuple[Weights, Judged]:
    return fit_where(plan, folder, lambda step: heard.put((0, step)))


def _fit_what(
    plan: BasePlan, folder: Path, heard: "Queue[tuple[int, int]]"
) -> tuple[Weights, Named]:
    return fit_what(plan, folder, lambda step: heard.put((1, step)))
