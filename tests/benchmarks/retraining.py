"""Corrections become a better network: 300 of them on 3 new styles, with and without replay.

The network is one from which three kinds and two families were kept (see ``left_out``; fewer styles
and steps here). Each of the kinds is once the new one that people name. Its three styles, two of
families never trained, are taught from 14 good crops; of each a person corrects 100 tiles of 192
px: 23 flaws of the new kind, 27 of known ones, the 25 good ones that score highest and 25 others.
Other tiles of these styles, no piece twice, tell what it brought: 200 good ones, 40 of the new kind
and 40 of known ones each. ``overkill`` is at the limit for 3 % on good tiles of training's styles,
as a bundle has it that knows nothing of a style. Old set, class accuracy and verdict are those of
the gate. ``seconds`` are of processor time. ``poisoned``: all of it again with 30 % of the words
turned. The peer is the same retraining without replay; the gate has to refuse it.
"""

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.base_training import GREIGE_NAME, BasePlan, train_base
from cloud.infrastructure.training.bundle_files import Heads, bundle_files
from cloud.infrastructure.training.candidate_trial import (
    Judges,
    limit_of,
    names_of,
    of_corrections,
    of_styles,
    scores_of,
)
from cloud.infrastructure.training.corrections import Corrections
from cloud.infrastructure.training.rendering import ROSE
from cloud.infrastructure.training.retraining import (
    Memory,
    Retrained,
    RetrainPlan,
    remembered,
    retrain,
    split,
)
from edge.infrastructure.onnx_defect_detector import OnnxDefectDetector
from edge.inspection.ports import DefectDetector
from edge.model_bundles.bundle import opened
from tests.benchmarks.corrected_styles import Wanted, joined, new_style, tiles_of
from tests.benchmarks.left_out import (
    FAMILIES_KNOWN,
    FAMILIES_LEFT_OUT,
    KINDS_KNOWN,
    KINDS_LEFT_OUT,
    options_of,
)
from tests.benchmarks.report import Report

SEED, OVERKILL = 9121, 0.03
SHOWN = Wanted(good=150, new=23, known=27)
ASKED = Wanted(good=200, new=40, known=40)
ALARMED, CONFIRMED = 25, 25
POISONED, POISONED_SHARE = 20, 0.3
ARMS = {"": 2.0, "no_replay_": 0.0}


def base_plan(*, quick: bool) -> BasePlan:
    return BasePlan(
        least_score=ROSE,
        seed=1,
        style_count=20 if quick else 800,
        step_count=60 if quick else 1500,
        kind_step_count=20 if quick else 1500,
        without_kinds=KINDS_LEFT_OUT,
        without_families=(*FAMILIES_LEFT_OUT, GREIGE_NAME),
    )


def retrain_plan(*, quick: bool) -> RetrainPlan:
    return RetrainPlan(
        base=base_plan(quick=quick),
        replay_style_count=18 if quick else 300,
        old_style_count=100 if quick else 320,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Round:
    """One new kind: what people said, and other tiles of the same styles."""

    kind: str
    said: Corrections
    asked: Corrections


def round_of(place: int, kind: str, heads: Heads, detector: DefectDetector) -> Round:
    chance = np.random.default_rng([SEED, place])
    families = (*FAMILIES_LEFT_OUT, str(chance.choice(FAMILIES_KNOWN)))
    shown, asked = [], []
    for number, family in enumerate(families):
        style = new_style(f"{family}-{kind}", family, [SEED, place, number], detector)
        kinds = (kind, KINDS_KNOWN)
        shown.append(corrected(tiles_of(style, SHOWN, kinds, detector), heads, chance))
        asked.append(tiles_of(style, ASKED, kinds, detector))
    said = joined(shown)
    order = chance.permutation(len(said))
    return Round(kind=kind, said=said.part(order), asked=joined(asked))


def corrected(shown: Corrections, heads: Heads, chance: np.random.Generator) -> Corrections:
    """What a person spoke about: every flaw, the good ones most like one, some others."""
    good = np.flatnonzero(~shown.flawed)
    tiles = of_corrections(shown.part(good), shown.part(good))
    scores = scores_of(heads, tiles)[tiles.asked]
    order = good[np.argsort(-scores)]
    others = chance.choice(order[ALARMED:], CONFIRMED, replace=False)
    return shown.part(np.concatenate([order[:ALARMED], others, np.flatnonzero(shown.flawed)]))


def share(found: NDArray[np.bool_]) -> float:
    return round(float(found.mean()), 4) if len(found) else float("nan")


def poisoned(said: Corrections, seed: int) -> Corrections:
    """The same corrections with a share of the words turned: flaws called fine, and fine flaws."""
    chance = np.random.default_rng([SEED, 1, seed])
    words, masks, flaws = said.words.copy(), said.masks.copy(), np.flatnonzero(said.flawed)
    for row in chance.choice(len(said), round(POISONED_SHARE * len(said)), replace=False):
        other = chance.choice(flaws)
        was_flaw = bool(said.words[row])
        words[row] = "" if was_flaw else said.words[other]
        masks[row] = False if was_flaw else said.masks[other]
    return replace(said, words=words, masks=masks)


def figures_on(judges: Judges, one: Round, limit: float) -> dict[str, float]:
    """How a network does on tiles of the corrected styles that nobody spoke about."""
    learned, _ = split(one.said)
    tiles = of_corrections(learned, one.asked)
    places = tiles.asked
    scores, words = scores_of(judges.heads, tiles)[places], tiles.words[places]
    good = words == ""
    strict = float(np.quantile(scores[good], 1 - OVERKILL))
    names = names_of(judges, tiles)[places]
    new, known = words == one.kind, ~good & (words != one.kind)
    return {
        "overkill": share(scores[good] > limit),
        "fixed_found": share(scores[~good] > limit),
        "new_escape": share(scores[new] <= strict),
        "known_escape": share(scores[known] <= strict),
        "recall": share(names[new] == one.kind),
        "wrongly_new": share(names[known] == one.kind),
    }


def main() -> int:
    options = options_of(__doc__ or "")
    quick = bool(options.quick)
    folder = options.work or Path(tempfile.gettempdir()) / "kyndof-retraining"
    trained = train_base(base_plan(quick=quick), folder, lambda done, total: None, 1)
    base = Heads(
        where=trained.where, what=trained.what, confidence_ratio=trained.named.confidence_ratio
    )
    detector = OnnxDefectDetector(opened(bundle_files(base, "left out"), "signature"), 1)
    plan = retrain_plan(quick=quick)
    memory = remembered(plan, folder, lambda done: None)
    report, rounds = Report(name="retraining", seed=SEED), []
    shown = []
    for place, kind in enumerate(KINDS_LEFT_OUT[: 1 if quick else None]):
        shown.append(round_of(place, kind, base, detector))
        rounds.append(measured(shown[-1], base, plan, folder, memory))
        print(kind, rounds[-1], flush=True)
    report.figures = {
        name: round(float(np.mean([one[name] for one in rounds])), 4) for name in rounds[0]
    }
    report.figures["each"] = dict(zip(KINDS_LEFT_OUT, rounds, strict=False))
    count = 1 if quick else POISONED
    through = 0
    for seed in range(count):
        said = poisoned(shown[seed % len(shown)].said, seed)
        done = retrain(base, said, replace(plan, seed=seed), folder, lambda done, total: None)
        through += done.weighed.promoted
        print("poisoned", seed, [one.value for one in done.weighed.refusals], flush=True)
    report.figures |= {"poisoned": count, "poisoned_promoted": through}
    report.targets = {
        "poisoned_promoted": ("<=", 0),
        "new_class_recall": (">=", 0.80),
        "overkill_cut": (">=", 4.0),
        "known_escape_rise": ("<=", 0.0),
        "new_escape_rise": ("<=", 0.0),
        "old_auroc_drop": ("<=", 0.01),
        "class_accuracy_drop": ("<=", 0.02),
        "seconds": ("<=", 120),
        "no_replay_promoted": ("<=", 0),
    }
    return report.print()


def measured(
    one: Round, base: Heads, plan: RetrainPlan, folder: Path, memory: Memory
) -> dict[str, float]:
    limits = of_styles(memory.replay)
    before = figures_on(Judges(heads=base), one, limit_of(base, limits))
    found: dict[str, float] = {"corrections": len(one.said)}
    found["new_examples"] = int((split(one.said)[0].words == one.kind).sum())
    for arm, ratio in ARMS.items():
        begin = time.process_time()
        done = retrain(
            base, one.said, replace(plan, replay_ratio=ratio), folder, lambda done, total: None
        )
        found[f"{arm}seconds"] = round(time.process_time() - begin, 1)
        found |= gains(arm, before, done, one, limit_of(done.heads, limits))
        print(arm or "replay", [refusal.value for refusal in done.weighed.refusals], flush=True)
    return found


def gains(
    arm: str, before: dict[str, float], done: Retrained, one: Round, limit: float
) -> dict[str, float]:
    judges = Judges(heads=done.heads, prototypes=done.prototypes)
    after = figures_on(judges, one, limit)
    gate = done.weighed.figures
    found = {f"{arm}{name}_before": value for name, value in before.items() if not arm}
    found |= {f"{arm}{name}_after": value for name, value in after.items()}
    found |= {
        f"{arm}overkill_cut": round(before["overkill"] / max(after["overkill"], 1e-4), 2),
        f"{arm}new_class_recall": after["recall"],
        f"{arm}new_escape_rise": round(after["new_escape"] - before["new_escape"], 4),
        f"{arm}known_escape_rise": round(after["known_escape"] - before["known_escape"], 4),
        f"{arm}promoted": float(done.weighed.promoted),
        f"{arm}shown_score": round(done.weighed.shown_score, 2),
    }
    for name, key in (("old_auroc", "old_auroc"), ("kind_accuracy", "class_accuracy")):
        drop = -gate[name].gain_ratio if name in gate else float("nan")
        found[f"{arm}{key}_drop"] = round(drop, 4)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
