"""What benchmarks on rendered styles share: styles taught as a station does, tiles, intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from cloud.infrastructure.training.rendering import ROSE, Sample
from edge.infrastructure.opencv_pictures import OpenCvScaler
from edge.inspection.findings import UNKNOWN, findings_of
from edge.inspection.naming import Looked, named
from edge.inspection.ports import DefectDetector
from edge.inspection.style_bank import StyleBank
from edge.inspection.teaching import Lesson, learn_style
from edge.inspection.texture import CELL_PX, Cloth, Pyramid, TextureJudge
from edge.inspection.verdict import Finding

TEACHING_CROPS, SIDE_PX = 24, 256
TOP_CELLS, NEAR_PX, DRAWS = 4, 4, 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One judged tile: ``score`` in units of its style's taught threshold; what was found."""

    style: int
    family: str
    kind: str | None
    score: float
    alarmed: bool
    located: bool
    name: str
    """Name of the strongest finding; empty where nothing was found."""
    visible: bool = True
    """A flaw that a person would see, by `rendering.visibility`; a good tile."""


def as_cloth(picture: NDArray[np.uint8]) -> Cloth:
    nothing = np.zeros(tuple(-(-side // CELL_PX) for side in picture.shape[:2]), dtype=bool)
    return Cloth(pyramid=Pyramid(picture, OpenCvScaler()), cells=~nothing, foreign=nothing)


def taught(pictures: Sequence[NDArray[np.uint8]], detector: DefectDetector) -> StyleBank:
    lesson = Lesson(style="rendered", overkill_ratio=0.03)
    return learn_style(lesson, [as_cloth(picture) for picture in pictures], detector)


def look_at(
    picture: NDArray[np.uint8], bank: StyleBank, detector: DefectDetector
) -> tuple[NDArray[np.float32], tuple[Finding, ...]]:
    """Score a picture as the pipeline does, and name what was found."""
    cloth = as_cloth(picture)
    look = TextureJudge(detector, cloth.cells.size).look(cloth, bank.scales, bank.judge)
    found = findings_of(look.joined, bank.threshold_score)
    looked = Looked(layer=cloth.at(1), scale=bank.scales[0], middle=look.middle, scores=look.joined)
    return look.joined, named(found, looked, detector)


def judged(
    sample: Sample, style: int, family: str, bank: StyleBank, detector: DefectDetector
) -> Tile:
    scores, found = look_at(sample.picture, bank, detector)
    highest = np.sort(scores.ravel())[-TOP_CELLS:]
    row, column = np.unravel_index(int(scores.argmax()), scores.shape)
    near = cv2.dilate(sample.mask.astype(np.uint8), np.ones((2 * NEAR_PX + 1,) * 2, np.uint8))
    cell = near[row * CELL_PX : (row + 1) * CELL_PX, column * CELL_PX : (column + 1) * CELL_PX]
    return Tile(
        style=style,
        family=family,
        kind=sample.kind,
        score=float(highest.mean()) / bank.threshold_score,
        alarmed=bool(found),
        located=bool(cell.any()),
        name=found[0].defect_class if found else "",
        visible=sample.kind is None or sample.visible_score >= ROSE,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """Which tiles of a style are shown: good ones, and flaws of kinds drawn from ``kinds``.

    Flaws are drawn until a person can see them so well; 0 shows any.
    """

    good: int
    flawed: int
    kinds: tuple[str, ...]
    least_score: float = ROSE


def auroc(tiles: Sequence[Tile]) -> float:
    scores = np.array([tile.score for tile in tiles])
    bad = np.array([tile.kind is not None for tile in tiles], dtype=bool)
    positives, negatives = int(bad.sum()), int((~bad).sum())
    if not positives or not negatives:
        return float("nan")
    ranks = float(rankdata(scores)[bad].sum())
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives)


def escape_at(tiles: Sequence[Tile], overkill: float = 0.03) -> float:
    """Share of flawed tiles below the score that a share of the good ones exceeds."""
    good = [tile.score for tile in tiles if tile.kind is None]
    bad = np.array([tile.score for tile in tiles if tile.kind is not None])
    return float((bad <= np.quantile(good, 1 - overkill)).mean())


def interval(
    tiles: Sequence[Tile], figure: Callable[[Sequence[Tile]], float], seed: int = 0
) -> list[float]:
    """95 % interval of a figure, whole styles drawn anew."""
    generator, by_style = np.random.default_rng(seed), {}
    for tile in tiles:
        by_style.setdefault(tile.style, []).append(tile)
    styles = list(by_style.values())
    found = []
    for _ in range(DRAWS):
        chosen = generator.integers(0, len(styles), len(styles))
        found.append(figure([tile for place in chosen for tile in styles[place]]))
    return [round(float(v), 3) for v in np.nanquantile(found, (0.025, 0.975))]


def right_share(tiles: Sequence[Tile]) -> float:
    """Share of found flaws that are given their own kind."""
    said = [tile.name == tile.kind for tile in tiles if tile.kind is not None and tile.alarmed]
    return float(np.mean(said)) if said else float("nan")


def unknown_share(tiles: Sequence[Tile]) -> float:
    """Share of found flaws that are given no kind."""
    said = [tile.name == UNKNOWN for tile in tiles if tile.kind is not None and tile.alarmed]
    return float(np.mean(said)) if said else float("nan")
