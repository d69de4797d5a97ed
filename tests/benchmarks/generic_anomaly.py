"""Anything that is not cloth: learn from good pictures alone, tell the defective ones.

``--data`` is a folder with ``good/`` and ``defect/`` (further folders inside count), or one in the
layout of the magnetic tiles, where ``MT_Free`` is good. Half of the good pictures, drawn by a fixed
seed, are learned from (150 at most); the other half and every defective one are judged. Pictures
are taken as they are. Interval: 95 %, pictures drawn anew. The peer is the residual of pixels by 30
principal components of the same good pictures, shrunk to 96 px (scikit's way, in numpy); anomalib's
models need weights from elsewhere and are not run.
"""

from pathlib import Path

import cv2
import numpy as np

from edge.composition import compose_inspection
from edge.infrastructure.opencv_pictures import OpenCvPictureFiles
from edge.inspection.teaching import Lesson
from edge.settings import EdgeSettings
from tests.benchmarks.fabric_defects import auroc
from tests.benchmarks.report import Report, arguments

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


def interval(scores: np.ndarray, bad: np.ndarray) -> list[float]:
    generator, found = np.random.default_rng(SEED), []
    for _ in range(DRAWS):
        places = generator.integers(0, len(bad), len(bad))
        found.append(auroc(scores[places], bad[places]))
    return [round(float(v), 3) for v in np.nanquantile(found, (0.025, 0.975))]


def main() -> int:
    options = arguments(__doc__ or "")
    folder = options.data / "magnetic_tile"
    good, defect = layout(folder if folder.is_dir() else options.data)
    order = np.random.default_rng(SEED).permutation(len(good))
    half = len(good) // 2
    files = OpenCvPictureFiles()
    step = 4 if options.quick else 1
    read = [[files.read(str(p)) for p in part[::step]] for part in (
        [good[i] for i in order[:half]][:MOST_TAUGHT], [good[i] for i in order[half:]], defect
    )]  # fmt: skip
    taught, clean, flawed = read
    pipeline = compose_inspection(EdgeSettings())
    bank = pipeline.learn(Lesson(style="generic"), taught)
    frames = clean + flawed
    bad = np.arange(len(frames)) >= len(clean)
    maps = [pipeline.cell_scores(frame, bank) for frame in frames]
    scores = np.array([float(np.sort(cells.ravel())[-TOP_CELLS:].mean()) for cells in maps])
    alarms = np.array([float(cells.max()) > bank.threshold_score for cells in maps])
    kinds = np.array(
        [""] * len(clean) + [p.relative_to(p.parents[2]).parts[0] for p in defect[::step]]
    )
    by_kind = {}
    for kind in sorted(set(kinds) - {""}):
        chosen = (kinds == kind) | ~bad
        by_kind[str(kind)] = round(auroc(scores[chosen], bad[chosen]), 3)
    report = Report(name="generic_anomaly", seed=SEED)
    report.figures = {
        "image_auroc": round(auroc(scores, bad), 3),
        "image_auroc_95": interval(scores, bad),
        "by_kind": by_kind,
        "taught_threshold_recall": round(float(alarms[bad].mean()), 3),
        "taught_threshold_false_ratio": round(float(alarms[~bad].mean()), 3),
        "peer_pca_residual_auroc": round(auroc(residuals(taught, frames), bad), 3),
        "taught": bank.piece_count,
        "good": len(clean),
        "defective": len(flawed),
    }
    report.targets = {"image_auroc": (">=", 0.90)}
    return report.print()


if __name__ == "__main__":
    raise SystemExit(main())
