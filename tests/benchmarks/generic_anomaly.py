"""Anything that is not cloth: learn from good pictures alone, tell the defective ones.

``--data`` is a folder with ``good/`` and ``defect/`` (further folders inside count), or one in the
layout of the magnetic tiles, where ``MT_Free`` is good. Half of the good pictures, drawn by a fixed
seed, are learned from (150 at most); the other half and every defective one are judged. There one
piece was photographed several times in a row: no piece is in both halves, and intervals draw whole
pieces anew (elsewhere every picture counts as a piece). Pictures are taken as they are.

``image_auroc`` is by the style's own judge, trained on the good half with flaws pasted on it
(``kyndof train adapt``); ``instant_auroc`` by the bank alone, without any training. A picture's
score is the mean of its four highest cells. The peer is the residual of pixels by 30 principal
components of the same good pictures, shrunk to 96 px (scikit's way, in numpy); anomalib's models
need weights from elsewhere and are not run.
"""

import re
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from cloud.infrastructure.training.adaptation import AdaptationPlan, adapt
from cloud.infrastructure.training.bundle_files import heads_of
from edge.composition import compose_inspection
from edge.infrastructure.onnx_bundle_folder import OnnxBundleFolders
from edge.infrastructure.opencv_pictures import OpenCvPictureFiles
from edge.inspection.teaching import Lesson, learn_style
from edge.settings import EdgeSettings
from tests.benchmarks.fabric_defects import auroc
from tests.benchmarks.report import Report, arguments

SAME_PIECE = 150
SEED, MOST_TAUGHT, TOP_CELLS, DRAWS, SIDE_PX, COMPONENTS = 0, 150, 4, 400, 96, 30
ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif"}


def pictures(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS)


def layout(folder: Path) -> tuple[list[Path], list[Path]]:
    """Good and defective pictures; a magnetic tile's mask is a PNG of the same name."""
    if (folder / "good").is_dir():
        return pictures(folder / "good"), pictures(folder / "defect")
    if (folder / "MT_Free").is_dir():
        found: tuple[list[Path], list[Path]] = ([], [])
        for part in sorted(folder.glob("MT_*")):
            kept = [p for p in pictures(part) if p.suffix.lower() != ".png"]
            found[part.name != "MT_Free"].extend(kept)
        return found
    raise SystemExit(f"{folder} has neither good/ and defect/ nor MT_Free")


def pieces_of(paths: list[Path]) -> np.ndarray:
    """Number of the piece that each picture shows.

    The magnetic tiles' names end in the number of the frame; one piece's lie close together.
    """
    found = [re.search(r"_num_(\d+)$", path.stem) for path in paths]
    frames = np.array([int(match[1]) if match else -1 for match in found])
    if (frames < 0).any():
        return np.arange(len(paths))
    order, pieces = np.argsort(frames), np.zeros(len(paths), dtype=int)
    pieces[order] = np.cumsum(np.diff(frames[order], prepend=frames[order[0]]) > SAME_PIECE)
    return pieces


def residuals(taught: list[np.ndarray], judged: list[np.ndarray]) -> np.ndarray:
    def small(frame: np.ndarray) -> np.ndarray:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
        flat = cv2.resize(grey, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA).ravel()
        return (flat - flat.mean()) / (flat.std() + 1e-6)

    known = np.stack([small(frame) for frame in taught])
    mean = known.mean(axis=0)
    axes = np.linalg.svd(known - mean, full_matrices=False)[2][:COMPONENTS]
    found = []
    for frame in judged:
        rest = small(frame) - mean
        rest = np.abs(rest - axes.T @ (axes @ rest)).reshape(SIDE_PX, SIDE_PX)
        found.append(float(cv2.blur(rest, (5, 5)).max()))
    return np.array(found)


def interval(scores: np.ndarray, bad: np.ndarray, pieces: np.ndarray) -> list[float]:
    generator, found = np.random.default_rng(SEED), []
    places = {piece: np.flatnonzero(pieces == piece) for piece in np.unique(pieces)}
    for _ in range(DRAWS):
        drawn = generator.choice(list(places), len(places))
        chosen = np.concatenate([places[piece] for piece in drawn])
        found.append(auroc(scores[chosen], bad[chosen]))
    return [round(float(v), 3) for v in np.nanquantile(found, (0.025, 0.975))]


def score_of(cells: np.ndarray) -> float:
    return float(np.sort(cells.ravel())[-TOP_CELLS:].mean())


def main() -> int:
    options = arguments(__doc__ or "")
    folder = options.data / "magnetic_tile"
    good, defect = layout(folder if folder.is_dir() else options.data)
    pieces = pieces_of(good)
    order = np.random.default_rng(SEED).permutation(int(pieces.max()) + 1)
    learned = np.isin(pieces, order[: len(order) // 2])
    files = OpenCvPictureFiles()
    step = 4 if options.quick else 1
    parts = (np.flatnonzero(learned)[:MOST_TAUGHT], np.flatnonzero(~learned))
    taught, clean = ([files.read(str(good[i])) for i in part[::step]] for part in parts)
    frames = clean + [files.read(str(path)) for path in defect[::step]]
    bad = np.arange(len(frames)) >= len(clean)
    kinds = np.array(
        [""] * len(clean) + [p.relative_to(p.parents[2]).parts[0] for p in defect[::step]]
    )
    shown = np.concatenate([pieces[parts[1]][::step], 1_000_000 + pieces_of(defect)[::step]])
    pipeline = compose_inspection(EdgeSettings())
    lesson = Lesson(style="generic")
    cloths = [pipeline.whole_cloth(frame) for frame in taught]
    instant = learn_style(lesson, cloths, pipeline.detector)
    start = time.process_time()
    base = heads_of(OnnxBundleFolders("").base().files).where
    plan = AdaptationPlan(base=base)
    if options.quick:
        plan = replace(plan, sample_count=120, step_count=90)
    bank = adapt((instant, lesson), cloths, pipeline.detector, plan, lambda *_: None)
    spent = time.process_time() - start
    maps = [pipeline.cell_scores(frame, bank) for frame in frames]
    scores = np.array([score_of(cells) for cells in maps])
    alarms = np.array([float(cells.max()) > bank.threshold_score for cells in maps])
    before = np.array([score_of(pipeline.cell_scores(frame, instant)) for frame in frames])
    by_kind = {}
    for kind in sorted(set(kinds) - {""}):
        chosen = (kinds == kind) | ~bad
        by_kind[str(kind)] = round(auroc(scores[chosen], bad[chosen]), 3)
    report = Report(name="generic_anomaly", seed=SEED)
    report.figures = {
        "image_auroc": round(auroc(scores, bad), 3),
        "image_auroc_95": interval(scores, bad, shown),
        "by_kind": by_kind,
        "instant_auroc": round(auroc(before, bad), 3),
        "instant_auroc_95": interval(before, bad, shown),
        "taught_threshold_recall": round(float(alarms[bad].mean()), 3),
        "taught_threshold_false_ratio": round(float(alarms[~bad].mean()), 3),
        "peer_pca_residual_auroc": round(auroc(residuals(taught, frames), bad), 3),
        "adaptation_cpu_s": round(spent, 1),
        "bank_bytes": len(bank.to_bytes()),
        "taught": bank.piece_count,
        "good": len(clean),
        "defective": len(bad) - len(clean),
    }
    report.targets = {"image_auroc": (">=", 0.90)}
    return report.print()


if __name__ == "__main__":
    raise SystemExit(main())
