"""A network from which three kinds and two families were kept, to ask about what it never saw.

What is left out was drawn by a seed before anything was trained; families that are the ground of
others stay. Greige is left out whole, because its flaws, which have no names, resemble kinds that
are. The base bundle itself knows all kinds and families, so it cannot be asked; this one is trained
by the same code on fewer styles: some 20 minutes of one core, kept in a folder, so that both
benchmarks train it once.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from cloud.infrastructure.training.base_training import GREIGE_NAME, BasePlan, Trained, train_base
from cloud.infrastructure.training.bundle_files import Heads, bundle_files
from cloud.infrastructure.training.rendering import FAMILIES, KINDS, ROSE
from edge.infrastructure.onnx_defect_detector import OnnxDefectDetector
from edge.model_bundles.bundle import opened

_DRAWN = np.random.default_rng(2026)
KINDS_LEFT_OUT = tuple(str(kind) for kind in sorted(_DRAWN.choice(KINDS, 3, replace=False)))
_NO_GROUND = ("denim", "lace", "sequin", "print", "technical")
FAMILIES_LEFT_OUT = tuple(str(f) for f in sorted(_DRAWN.choice(_NO_GROUND, 2, replace=False)))
KINDS_KNOWN = tuple(kind for kind in KINDS if kind not in KINDS_LEFT_OUT)
FAMILIES_KNOWN = tuple(name for name in FAMILIES if name not in FAMILIES_LEFT_OUT)
WORKERS = 2


def plan_of(*, quick: bool) -> BasePlan:
    return BasePlan(
        least_score=ROSE,
        seed=1,
        style_count=20 if quick else 2400,
        step_count=30 if quick else 4000,
        kind_step_count=20 if quick else 3000,
        without_kinds=KINDS_LEFT_OUT,
        without_families=(*FAMILIES_LEFT_OUT, GREIGE_NAME),
    )


def options_of(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, help="kept for every benchmark; nothing is read here")
    parser.add_argument("--work", type=Path, help="where the network in training is kept")
    parser.add_argument(
        "--styles", type=int, default=1, help="of each trained family, twice as many of a new one"
    )
    parser.add_argument("--quick", action="store_true")
    return parser.parse_args()


def work_folder(work: Path | None) -> Path:
    """Where the network in training is kept, and what is learned with it."""
    return work or Path(tempfile.gettempdir()) / "kyndof-left-out"


def detector_of(work: Path | None, *, quick: bool) -> tuple[OnnxDefectDetector, Trained]:
    plan = plan_of(quick=quick)
    told = 0

    def tell(done: int, total: int) -> None:
        nonlocal told
        if done * 10 // total > told:
            told = done * 10 // total
            print(f"training without {', '.join(KINDS_LEFT_OUT)}: {told}0 %", flush=True)

    trained = train_base(plan, work_folder(work), tell, 1 if quick else WORKERS)
    heads = Heads(
        where=trained.where, what=trained.what, confidence_ratio=trained.named.confidence_ratio
    )
    return OnnxDefectDetector(opened(bundle_files(heads, "left out"), "signature"), 1), trained
