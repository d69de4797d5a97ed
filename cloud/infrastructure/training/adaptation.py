"""Trains a style's own judge on its good pieces, with flaws pasted on some of them.

No picture of a real flaw is looked at. A fifth of the pieces, and at least four, are kept out of
the training: on them the judge's scores are put in units of good cells, its limit is set, and it
is found out by pasted flaws whether it judges better alone or together with the bank's distance.
The same pieces, plan and versions of the libraries give the same judge.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch.nn import functional

from cloud.infrastructure.training.heads import Weights
from cloud.infrastructure.training.own_judge import OwnJudge, detail_of, own_judge_graph
from cloud.infrastructure.training.pasted_flaws import paste_flaw
from edge.inspection.ports import DefectDetector
from edge.inspection.style_bank import StyleBank
from edge.inspection.teaching import Lesson, with_own_judge
from edge.inspection.texture import CELL_PX, Cloth, glimpses, own_mean, windows

_GRAIN_PX, _CROP_PX = 32, 288
_KEPT_OUT_RATIO, _FEWEST_KEPT_OUT = 0.2, 4
_MOST_TILES, _VARIANTS = 6, 2
_BATCH, _RATE, _DECAY, _POSITIVE_WEIGHT = 8, 2e-3, 1e-3, 3.0
_LARGE_CELLS, _TOP_CELLS, _TOP_WEIGHT = 60, 4, 0.5
_FLAWED_RATIO, _SECOND_RATIO = 0.6, 0.3
_TRIED_ALONE_AND_TOGETHER, _DRAWS, _SURE_RATIO = 192, 400, 0.975

Told = Callable[[int, int], None]
_Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptationPlan:
    """How much to train: ``sample_count`` tiles, ``step_count`` steps of eight.

    ``base`` are the weights of the base's where-head to begin with, None to begin anew.
    """

    seed: int = 1
    sample_count: int = 900
    step_count: int = 700
    base: Weights | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ground:
    """A good ``tile`` (H, W, 3) uint8, its ``cells`` (h, w) bool and its piece's mean (C,).

    ``piece`` says which of those given it is of.
    """

    tile: NDArray[np.uint8]
    cells: NDArray[np.bool_]
    mean: NDArray[np.float32]
    piece: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """``detail`` (H, W, 3) and ``departures`` (h, w, C) float16; (h, w) float32 and bool.

    ``distances`` are the bank's and ``logits`` the base's, ``flaw`` is where one was pasted,
    ``counted`` where that is certain; ``piece`` says which of those given it is of.
    """

    detail: NDArray[np.float16]
    departures: NDArray[np.float16]
    distances: NDArray[np.float32]
    logits: NDArray[np.float32]
    flaw: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    piece: int = 0


def adapt(
    taught: tuple[StyleBank, Lesson],
    pieces: Sequence[Cloth],
    detector: DefectDetector,
    plan: AdaptationPlan,
    told: Told,
) -> StyleBank:
    """Train a judge for a bank that was learned from the same ``pieces``; ``told`` hears steps.

    Raises:
        TeachingError: a piece shows too little to learn from.
    """
    with _one_thread():
        return _adapted(taught, pieces, detector, plan, told)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Calculate in one thread: these networks are too small to share, and threads wait busily."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _adapted(
    taught: tuple[StyleBank, Lesson],
    pieces: Sequence[Cloth],
    detector: DefectDetector,
    plan: AdaptationPlan,
    told: Told,
) -> StyleBank:
    bank, lesson = taught
    generator = np.random.default_rng(plan.seed)
    order = generator.permutation(len(pieces))
    kept_out = max(_FEWEST_KEPT_OUT, round(_KEPT_OUT_RATIO * len(pieces)))
    total = plan.sample_count + plan.step_count
    studied = [pieces[place] for place in order[kept_out:]]
    grounds = _grounds(studied, bank, detector, generator)
    samples = []
    for count in range(plan.sample_count):
        samples.append(_sample(generator, grounds, bank, detector))
        told(count + 1, total)
    judge = _trained(samples, plan, lambda done: told(plan.sample_count + done, total))
    graph = own_judge_graph(judge).SerializeToString(deterministic=True)
    unseen = [pieces[place] for place in order[:kept_out]]
    grounds = _grounds(unseen, bank, detector, generator)
    tried = [_sample(generator, grounds, bank, detector) for _ in range(_TRIED_ALONE_AND_TOGETHER)]
    shared = replace(bank.scales[0], bank_share_ratio=bank_share(judge, tried, plan.seed))
    known = replace(bank, scales=(shared, *bank.scales[1:]))
    return with_own_judge(known, graph, lesson, unseen, detector)


def bank_share(judge: OwnJudge, samples: Sequence[Sample], seed: int) -> float:
    """Return 0 where the bank's distance surely hides pasted flaws from the judge, else 1.

    ``samples`` are of pieces that the judge was not trained on. Both answers are in units of their
    scatter on cells that are certainly good, and a sample's score is the mean of its highest. The
    distance also knows flaws that were never pasted, so it needs 97.5 % of draws to speak against
    it. Whole pieces are drawn anew: samples of one piece err alike, and four pieces are few.
    """
    with torch.no_grad():
        logits = [judge(*_stacked([sample])[:3])[0].numpy() for sample in samples]
    good = [sample.counted & ~sample.flaw for sample in samples]
    own = _in_units(logits, good)
    distances = _in_units([sample.distances for sample in samples], good)
    seen = [sample.counted | sample.flaw for sample in samples]
    flawed = np.array([bool(sample.flaw.any()) for sample in samples])
    alone = _tops(own, seen)
    together = _tops([a + b for a, b in zip(own, distances, strict=True)], seen)
    generator, harmed = np.random.default_rng([seed, 2]), 0
    shown = np.array([sample.piece for sample in samples])
    of_each = [np.flatnonzero(shown == piece) for piece in np.unique(shown)]
    for _ in range(_DRAWS):
        drawn = np.concatenate(
            [of_each[int(piece)] for piece in generator.integers(len(of_each), size=len(of_each))]
        )
        found = [_told_apart(tops[drawn], flawed[drawn]) for tops in (alone, together)]
        harmed += found[0] > found[1]
    return 0.0 if harmed >= _SURE_RATIO * _DRAWS else 1.0


def _tops(maps: Sequence[NDArray[np.float32]], seen: Sequence[NDArray[np.bool_]]) -> _Scores:
    """Return the mean (N,) of each map's highest cells among those (h, w) ``seen``."""
    highest = [np.sort(m[cells])[-_TOP_CELLS:] for m, cells in zip(maps, seen, strict=True)]
    return np.array([cells.mean() for cells in highest])


def _told_apart(scores: _Scores, flawed: NDArray[np.bool_]) -> float:
    """Return how far (N,) ``scores`` rank flawed samples above others; 0 where one sort lacks."""
    if flawed.all() or not flawed.any():
        return 0.0
    ranks = rankdata(scores)
    return float(ranks[flawed].mean() - ranks[~flawed].mean())


def _in_units(
    maps: Sequence[NDArray[np.float32]], good: Sequence[NDArray[np.bool_]]
) -> list[NDArray[np.float32]]:
    """Put ``maps``, each (H, W), in units of the robust scatter of their ``good`` cells."""
    values = np.concatenate([answers[cells] for answers, cells in zip(maps, good, strict=True)])
    centre = np.median(values)
    spread = 1.4826 * np.median(np.abs(values - centre)) + 1e-6
    return [np.asarray((answers - centre) / spread, dtype=np.float32) for answers in maps]


def _grounds(
    pieces: Sequence[Cloth],
    bank: StyleBank,
    detector: DefectDetector,
    generator: np.random.Generator,
) -> list[_Ground]:
    """Return some tiles of each piece, as they are and in another light."""
    return [
        _Ground(tile=tile, cells=cells, mean=mean, piece=place)
        for place, piece in enumerate(pieces)
        for tile, cells, mean in _lit(piece, bank, detector, generator)
    ]


def _lit(
    piece: Cloth, bank: StyleBank, detector: DefectDetector, generator: np.random.Generator
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.float32]]]:
    """Give tiles (H, W, 3), their cells (h, w) and the piece's mean (C,), in one light and more."""
    layer = piece.at(1)
    chosen = windows(layer.cells)
    step = max(1, -(-len(chosen) // _MOST_TILES))
    seen = glimpses(layer, chosen[::step], detector)
    for variant in range(_VARIANTS):
        gain = np.float32(np.exp(generator.normal(0, 0.25))) if variant else np.float32(1)
        tiles = [np.clip(glimpse.tile[0] * gain, 0, 255).astype(np.uint8) for glimpse in seen]
        values = [
            (glimpse.features if not variant else detector.features(tile[None])[0])[glimpse.cells]
            for glimpse, tile in zip(seen, tiles, strict=True)
        ]
        mean = own_mean(np.concatenate(values), bank.scales[0].mean)
        for glimpse, tile in zip(seen, tiles, strict=True):
            yield tile, glimpse.cells, mean


def _sample(
    generator: np.random.Generator,
    grounds: Sequence[_Ground],
    bank: StyleBank,
    detector: DefectDetector,
) -> Sample:
    """Cut a part out of a good tile, and spoil it or not."""
    ground = grounds[int(generator.integers(len(grounds)))]
    picture, cells = _part(generator, ground)
    flaw = np.zeros(picture.shape[:2], dtype=bool)
    near = flaw.copy()
    if generator.random() < _FLAWED_RATIO:
        others = [grounds[int(p)].tile for p in generator.integers(len(grounds), size=2)]
        for _ in range(2 if generator.random() < _SECOND_RATIO else 1):
            pasted = paste_flaw(generator, picture, others)
            if pasted is not None:
                picture = pasted.picture
                flaw |= pasted.mask
                near |= pasted.near
    scale = bank.scales[0]
    features = np.where(cells[..., None], detector.features(picture[None])[0], ground.mean)
    distances, logits = detector.judge(features[None], ground.mean, scale.whitening)
    with torch.no_grad():
        pixels = torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None]
        detail = detail_of(pixels)[0].permute(1, 2, 0).numpy().astype(np.float16)
    spoiled = _joined(flaw)
    around = np.asarray(_joined(near) | (_grown(spoiled) & ~spoiled)) & ~spoiled
    return Sample(
        detail=detail,
        departures=((features - ground.mean) @ scale.whitening).clip(-60, 60).astype(np.float16),
        distances=distances[0],
        logits=logits[0],
        flaw=spoiled,
        counted=cells & ~around,
        piece=ground.piece,
    )


def _part(
    generator: np.random.Generator, ground: _Ground
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Cut a part, its ends likelier than its middle, and mirror it or not."""
    ends = []
    for side in ground.tile.shape[:2]:
        size = min(side, _CROP_PX)
        first = float(np.clip(generator.uniform(-0.3, 1.3) * (side - size), 0, side - size))
        start = int(first) // _GRAIN_PX * _GRAIN_PX
        ends.append((start, start + size))
    (top, bottom), (left, right) = ends
    picture = ground.tile[top:bottom, left:right]
    cells = ground.cells[top // CELL_PX : bottom // CELL_PX, left // CELL_PX : right // CELL_PX]
    for axis in (0, 1):
        if generator.random() < 0.5:
            picture, cells = np.flip(picture, axis), np.flip(cells, axis)
    return np.ascontiguousarray(picture), np.ascontiguousarray(cells)


def _joined(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say for each 8 px cell whether ``mask`` (H, W) bool touches it."""
    high, wide = (side // CELL_PX for side in mask.shape)
    return np.asarray(mask.reshape(high, CELL_PX, wide, CELL_PX).any(axis=(1, 3)))


def _grown(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Grow ``cells`` (H, W) bool by one to all sides."""
    high, wide = cells.shape
    padded = np.pad(cells, 1)
    grown = np.zeros_like(cells)
    for row in range(3):
        for column in range(3):
            grown |= padded[row : row + high, column : column + wide]
    return grown


def _trained(
    samples: Sequence[Sample], plan: AdaptationPlan, told: Callable[[int], None]
) -> OwnJudge:
    """Fit a judge, in batches of samples that are of about one size."""
    torch.manual_seed(plan.seed)
    generator = np.random.default_rng([plan.seed, 1])
    judge = OwnJudge()
    if plan.base is not None:
        judge.begin_with(plan.base)
    judge.to(memory_format=torch.channels_last)
    order = sorted(range(len(samples)), key=lambda place: samples[place].flaw.shape)
    batches = [order[first : first + _BATCH] for first in range(0, len(order), _BATCH)]
    judge.settle(_stacked([samples[place] for place in batches[len(batches) // 2]])[0])
    optimizer = torch.optim.AdamW(judge.parameters(), lr=_RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, _RATE, total_steps=plan.step_count, pct_start=0.1
    )
    waiting: list[int] = []
    for step in range(plan.step_count):
        if not waiting:
            waiting = [int(place) for place in generator.permutation(len(batches))]
        _step(judge, optimizer, [samples[place] for place in batches[waiting.pop()]])
        schedule.step()
        told(step + 1)
    judge.eval()
    return judge.to(memory_format=torch.contiguous_format)


def _stacked(samples: Sequence[Sample]) -> tuple[torch.Tensor, ...]:
    """Stack details, departures, logits, flaws and what counts, zeros beyond the smaller ones.

    Details (N, 3, H, W) lie channels last, which convolutions of so few channels are quicker on.
    """
    high, wide = (max(sample.flaw.shape[axis] for sample in samples) for axis in (0, 1))
    stacked = []
    for name in ("detail", "departures", "logits", "flaw", "counted"):
        factor = CELL_PX if name == "detail" else 1
        parts = [np.asarray(getattr(sample, name)) for sample in samples]
        joined = np.zeros((len(parts), high * factor, wide * factor, *parts[0].shape[2:]), "f4")
        for place, part in enumerate(parts):
            joined[place, : part.shape[0], : part.shape[1]] = part
        stacked.append(torch.from_numpy(joined))
    return stacked[0].permute(0, 3, 1, 2), *stacked[1:]


def _step(judge: OwnJudge, optimizer: torch.optim.Optimizer, samples: Sequence[Sample]) -> None:
    """Take one step; a large flaw counts no more than a middling one."""
    detail, departures, base, flaw, counted = _stacked(samples)
    logits = judge(detail, departures, base)
    weight = torch.where(
        flaw > 0, 1 / (1 + flaw.sum((1, 2), keepdim=True) / _LARGE_CELLS), torch.ones(())
    )
    cells = functional.binary_cross_entropy_with_logits(
        logits, flaw, reduction="none", pos_weight=torch.tensor(_POSITIVE_WEIGHT)
    )
    highest = (logits - 1e4 * (1 - counted)).flatten(1).topk(_TOP_CELLS, 1).values.mean(1)
    whole = functional.binary_cross_entropy_with_logits(highest, flaw.flatten(1).amax(1))
    loss = 8 * (cells * counted * weight).sum() / counted.sum().clamp(min=1) + _TOP_WEIGHT * whole
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(judge.parameters(), 5.0)
    optimizer.step()
