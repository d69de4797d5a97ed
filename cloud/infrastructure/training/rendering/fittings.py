"""Trims that are missing and labels that are sewn on, on tiles."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.canvas import Canvas, Plane, curl
from cloud.infrastructure.training.rendering.cloth import Laying
from cloud.infrastructure.training.rendering.cloth_flaws import yarn

TRIM_KINDS: dict[str, str] = {
    "missing_sequin": "sequin",
    "missing_bead": "bead",
    "hotfix_loss": "hotfix",
}
LABEL_KIND = "crooked_label"


def choose_missing(
    trims: NDArray[np.int32], place: Laying, generator: np.random.Generator
) -> Plane:
    """Choose neighbouring trims of a swatch that are gone.

    Args:
        trims: (S, S) int32 number of the trim on top.
        place: of the tile on the swatch.
        generator: of the choice.

    Returns:
        How much of each pixel of the tile was theirs, (H, W) float32; all 0 where the tile shows
        none. One that the tile's border cuts is chosen only where no whole one is seen.
    """
    size = trims.shape[0] - 1
    columns = np.clip(np.rint(place.x), 0, size).astype(np.intp)
    rows = np.clip(np.rint(place.y), 0, size).astype(np.intp)
    shown = trims[rows, columns]
    border = np.unique(np.concatenate([shown[0], shown[-1], shown[:, 0], shown[:, -1]]))
    numbers, counts = np.unique(shown, return_counts=True)
    whole = numbers[(numbers > 0) & ~np.isin(numbers, border)]
    if not len(whole):
        whole = numbers[numbers > 0]
    if not len(whole):
        return np.zeros(shown.shape, np.float32)
    counted = counts[np.isin(numbers, whole)]
    likely = counted / counted.sum()
    first = int(generator.choice(whole, p=likely))
    y, x = (float(part.mean()) for part in np.nonzero(shown == first))
    gone = [first]
    more = int(generator.integers(0, 4)) if generator.random() < 0.5 else 0
    for other in whole if more else []:
        rows_, columns_ = np.nonzero(shown == other)
        reach = 2.5 * np.sqrt(float(counted.mean()))
        if np.hypot(rows_.mean() - y, columns_.mean() - x) < reach and len(gone) <= more:
            gone.append(int(other))
    mask = np.isin(shown, gone).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.6), dtype=np.float32)


def leave_traces(canvas: Canvas, alpha: Plane, kind: str) -> None:
    """What a lost trim leaves where alpha (H, W) float32 is 1: thread ends, or dried glue."""
    generator = canvas.generator
    y, x = (float(part.mean()) for part in np.nonzero(alpha > 0.5))
    size_px = float(np.sqrt((alpha > 0.5).sum()))
    if kind == "hotfix_loss":
        glue = cv2.GaussianBlur(alpha, (0, 0), 0.12 * size_px + 0.5) * canvas.between(0.1, 0.6)
        canvas.picture *= (1 + canvas.between(-0.5, 0.6) * glue)[..., None]
    elif generator.random() < 0.7:
        way = curl(generator, np.array([x, y]), 0.7 * size_px, canvas.between(0.2, 0.7))
        yarn(canvas, canvas.stroke(way, canvas.between(0.8, 1.6)), canvas.other_tone())
    np.maximum(canvas.cover, alpha, out=canvas.cover)


def sew_label(canvas: Canvas, *, crooked: bool) -> None:
    """Sew a woven label on; it is square to the threads unless it is crooked.

    `cover` shows a crooked label, nothing of a straight one.
    """
    generator, side_px = canvas.generator, canvas.side_px
    turn_deg = float(generator.normal(0, 0.6))
    if crooked:
        turn_deg = canvas.mostly_small(4.0, 25.0) * (1 if generator.random() < 0.5 else -1)
    angle = np.deg2rad(canvas.grain.angle_deg + turn_deg)
    width, height = canvas.between(0.3, 0.6) * side_px, canvas.between(0.15, 0.3) * side_px
    middle = canvas.place(0.3)
    texels = _label_face(canvas, int(width), int(height))
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0]])
    centre = np.array([texels.shape[1], texels.shape[0]]) / 2
    matrix[:, 2] = middle - matrix[:, :2] @ centre
    size = (canvas.cover.shape[1], canvas.cover.shape[0])
    face = cv2.warpAffine(texels, matrix, size, flags=cv2.INTER_LINEAR)
    alpha = cv2.warpAffine(np.ones(texels.shape[:2], np.float32), matrix, size)
    alpha = np.asarray(alpha, dtype=np.float32)
    shadow = np.roll(cv2.GaussianBlur(alpha, (0, 0), 1.5), (2, 2), (0, 1)) * (1 - alpha)
    canvas.picture *= (1 - 0.4 * shadow)[..., None]
    canvas.picture += (face - canvas.picture) * alpha[..., None]
    if crooked:
        np.maximum(canvas.cover, alpha, out=canvas.cover)


def _label_face(canvas: Canvas, width_px: int, height_px: int) -> Plane:
    """A label (h, w, 3) float32, 0 to 255: ribs, lines of something like writing, stitches."""
    generator = canvas.generator
    light = generator.random() < 0.6
    ground = generator.uniform(170, 245, 3) if light else generator.uniform(10, 90, 3)
    ink = generator.uniform(5, 80, 3) if light else generator.uniform(160, 250, 3)
    face = np.ones((height_px, width_px, 3), np.float32) * ground.astype(np.float32)
    ribs = 1 + 0.05 * np.cos(np.arange(height_px) * 2 * np.pi / canvas.between(2, 4))
    face *= ribs.astype(np.float32)[:, None, None]
    writing = np.zeros((height_px, width_px), np.uint8)
    rows = int(generator.integers(1, 4))
    letters = "".join(chr(65 + int(code)) for code in generator.integers(0, 26, 12))
    for row in range(rows):
        place = (int(0.12 * width_px), int(height_px * (row + 0.85) / (rows + 0.4)))
        scale = 0.02 * height_px / rows
        cv2.putText(writing, letters[row * 4 : row * 4 + 5], place, 0, scale, 255, 1, cv2.LINE_AA)
    face += (ink - face) * (writing / np.float32(255))[..., None]
    inset, step = 3, max(4, int(canvas.between(4, 9)))
    for column in range(inset, width_px - inset - 2, step):
        for line in (inset, height_px - inset - 1):
            cv2.line(face, (column, line), (column + step - 3, line), ink.tolist(), 1)
    return face
