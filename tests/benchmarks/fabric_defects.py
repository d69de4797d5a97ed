"""Flaws of real cloth: per fabric, learn from 14 good strips, score tiles of defect strips.

Tiles of 256 px at x ≥ 1200 of defect strips only, because a strip's background tells good from
bad by itself. A tile is positive where its mask is. Recall at a share of false tiles is given with
a threshold per fabric from the scored tiles, and once with the threshold that teaching fixed.
"""

import csv
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from edge.composition import compose_inspection
from edge.infrastructure.opencv_pictures import OpenCvPictureFiles
from edge.inspection.style_bank import StyleBank
from edge.inspection.teaching import Lesson
from edge.settings import EdgeSettings
from tests.benchmarks.report import Report, arguments

FIRST_X, TILE, GOOD_STRIPS, CROP_X = 1200, 256, 14, 1152
TOP_CELLS = 4


def auroc(scores: np.ndarray, bad: np.ndarray) -> float:
    ranks, positives = rankdata(scores), int(bad.sum())
    negatives = len(bad) - positives
    return float((ranks[bad].sum() - positives * (positives + 1) / 2) / (positives * negatives))


class Tiles:
    """Scores and truth of tiles of one fabric."""

    def __init__(self) -> None:
        self.scores: list[float] = []
        self.peaks: list[float] = []
        self.bad: list[bool] = []

    def add(self, cells: np.ndarray, mask: np.ndarray) -> None:
        for x in range(FIRST_X, mask.shape[1] - TILE + 1, TILE):
            first = (x - CROP_X) // 8
            tile = cells[:, first : first + TILE // 8]
            highest = np.sort(tile.ravel())[-TOP_CELLS:]
            self.scores.append(float(highest.mean()))
            self.peaks.append(float(highest[-1]))
            self.bad.append(bool((mask[:, x : x + TILE] > 0).any()))


def fabric_tiles(rows: list[dict[str, str]], folder: Path, fabric: str) -> tuple[Tiles, StyleBank]:
    files, pipeline = OpenCvPictureFiles(), compose_inspection(EdgeSettings())
    good = [r for r in rows if r["label"] == "good" and r["fabric"] == fabric][:GOOD_STRIPS]
    strips = [files.read(str(folder / r["path"]))[:, CROP_X:] for r in good]
    bank = pipeline.learn(Lesson(style=fabric), strips)
    tiles = Tiles()
    for row in rows:
        if row["label"] != "defect" or row["fabric"] != fabric or not row["masks"]:
            continue
        strip = files.read(str(folder / row["path"]))
        masks = [files.read(str(folder / m.strip()))[..., 0] for m in row["masks"].split(";")]
        tiles.add(
            pipeline.cell_scores(np.ascontiguousarray(strip[:, CROP_X:]), bank),
            np.maximum.reduce(masks),
        )
    return tiles, bank


def main() -> int:
    options = arguments(__doc__ or "")
    folder = options.data / "aitex"
    index = folder / "index.csv"
    if not index.exists():
        raise SystemExit(f"no {index}")
    rows = list(csv.DictReader(index.open(encoding="utf-8")))
    fabrics = sorted({r["fabric"] for r in rows if r["label"] == "defect"})
    if options.quick:
        fabrics = fabrics[:2]
    report = Report(name="fabric_defects")
    pooled, per_fabric, found, fixed = [], {}, {0.01: [], 0.02: [], 0.05: []}, []
    for fabric in fabrics:
        tiles, bank = fabric_tiles(rows, folder, fabric)
        scores, bad = np.array(tiles.scores), np.array(tiles.bad)
        clean = scores[~bad]
        centre = np.median(clean)
        pooled += list(zip((scores - centre) / np.median(np.abs(clean - centre)), bad, strict=True))
        for share, hits in found.items():
            hits += list(scores[bad] > np.quantile(clean, 1 - share))
        fixed += [(b, p > bank.threshold_score) for b, p in zip(bad, tiles.peaks, strict=True)]
        per_fabric[fabric] = {
            "auroc": round(auroc(scores, bad), 3) if bad.any() and not bad.all() else None,
            "tiles": len(bad),
            "bad": int(bad.sum()),
        }
        print(fabric, per_fabric[fabric])
    values = np.array([value for value, _ in pooled])
    truth = np.array([bad for _, bad in pooled])
    alarms = np.array(fixed)
    report.figures = {
        "pooled_tile_auroc": round(auroc(values, truth), 3),
        **{f"recall_at_{round(s * 100)}pct": round(float(np.mean(h)), 3) for s, h in found.items()},
        "per_fabric": per_fabric,
        "taught_threshold_recall": round(float(alarms[alarms[:, 0], 1].mean()), 3),
        "taught_threshold_false_ratio": round(float(alarms[~alarms[:, 0], 1].mean()), 3),
        "tiles": len(truth),
    }
    report.targets = {"pooled_tile_auroc": (">=", 0.764), "recall_at_2pct": (">=", 0.30)}
    return report.print()


if __name__ == "__main__":
    raise SystemExit(main())
