"""Kinds that people name at a station: how many of the next flaws are called right, wrong, unknown.

Three new styles, two of families kept from training elsewhere, are taught from 14 good crops. Of
each, people name 18 flaws of one kind and 20 of others, and what follows is learned as a station
learns it, without any network for kinds. Then 40 other flaws of that kind and 40 of others are
shown, and 40 of two kinds that nobody named; of these, ``strange_unknown_ratio`` are called
unknown. A flaw's cells are those that a person sees. ``cells_...`` are the same by the 48 numbers
that describe cells without their shape.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.corrections import Corrections
from edge.infrastructure.onnx_bundle_folder import OnnxBundleFolders
from edge.infrastructure.onnx_defect_detector import OnnxDefectDetector
from edge.inspection.ports import DefectDetector
from edge.inspection.prototypes import UNKNOWN, describe_flaw, learn_prototypes
from tests.benchmarks.corrected_styles import Wanted, joined, new_style, tiles_of
from tests.benchmarks.left_out import (
    FAMILIES_KNOWN,
    FAMILIES_LEFT_OUT,
    KINDS_KNOWN,
    KINDS_LEFT_OUT,
)
from tests.benchmarks.report import Report, wilson

SEED = 9131
NAMED = Wanted(good=0, new=18, known=20)
ASKED = Wanted(good=0, new=40, known=40)
STRANGE = Wanted(good=0, new=20, known=0)
CELL_NUMBERS = 48


def shown(place: int, kind: str, detector: DefectDetector) -> tuple[Corrections, Corrections]:
    """Flaws that people name, and flaws that are asked about, of three styles."""
    chance = np.random.default_rng([SEED, place])
    families = (*FAMILIES_LEFT_OUT, str(chance.choice(FAMILIES_KNOWN)))
    named, asked = [], []
    for number, family in enumerate(families):
        style = new_style(f"{family}-{kind}", family, [SEED, place, number], detector)
        named.append(tiles_of(style, NAMED, (kind, KINDS_KNOWN), detector))
        asked.append(tiles_of(style, ASKED, (kind, KINDS_KNOWN), detector))
        for strange in KINDS_LEFT_OUT:
            if strange != kind:
                asked.append(tiles_of(style, STRANGE, (strange, KINDS_KNOWN), detector))
    return joined(named), joined(asked)


def descriptions(flaws: Corrections, length: int | None) -> list[NDArray[np.float32]]:
    return [
        describe_flaw(departures.astype(np.float32), mask)[:length]
        for departures, mask in zip(flaws.departures, flaws.masks, strict=True)
    ]


def counts(
    named: Corrections, asked: Corrections, kind: str, length: int | None
) -> dict[str, tuple[int, int]]:
    """Hits and how many were asked, by figure."""
    examples: defaultdict[str, list[NDArray[np.float32]]] = defaultdict(list)
    for word, one in zip(named.words, descriptions(named, length), strict=True):
        examples[str(word)].append(one)
    learned = learn_prototypes(examples)
    said = np.array([learned.name(one).kind for one in descriptions(asked, length)])
    new, strange = asked.words == kind, np.isin(asked.words, KINDS_LEFT_OUT) & (asked.words != kind)
    known = np.isin(asked.words, learned.kinds) & ~new
    right = said == asked.words
    named_at_all = said != UNKNOWN
    return {
        "new_recall": (int(right[new].sum()), int(new.sum())),
        "known_recall": (int(right[known].sum()), int(known.sum())),
        "precision": (int((right & named_at_all).sum()), int(named_at_all.sum())),
        "strange_unknown_ratio": (int((~named_at_all)[strange].sum()), int(strange.sum())),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="kept for every benchmark; nothing is read here")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    detector = OnnxDefectDetector(OnnxBundleFolders("").base(), 1)
    total: defaultdict[str, NDArray[np.int_]] = defaultdict(lambda: np.zeros(2, int))
    report = Report(name="taught_kinds", seed=SEED)
    for place, kind in enumerate(KINDS_LEFT_OUT[: 1 if options.quick else None]):
        named, asked = shown(place, kind, detector)
        for prefix, length in (("", None), ("cells_", CELL_NUMBERS)):
            found = counts(named, asked, kind, length)
            for name, pair in found.items():
                total[f"{prefix}{name}"] += pair
            hits, count = found["new_recall"]
            report.figures[f"{prefix}{kind}_recall"] = round(hits / count, 3)
        print(kind, flush=True)
    for name, (hits, count) in total.items():
        report.figures[name] = round(int(hits) / max(1, int(count)), 3)
        report.figures[f"{name}_95"] = list(wilson(int(hits), int(count)))
    report.targets = {"new_recall": (">=", 0.80)}
    return report.print()


if __name__ == "__main__":
    raise SystemExit(main())
