"""What a set of pictures says about its codes, and which of two texts a picture really shows."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import segno

SUFFIXES = {".png", ".jpg", ".jpeg"}
_PROVEN_RATIO = 0.85
_PROVEN_LEAD_RATIO = 0.1


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """One picture: its true text, or the quads (4, 2) of its codes; neither: no code."""

    picture: Path
    text: str | None = None
    quads: tuple[np.ndarray, ...] = ()


def pictures_of(folder: Path) -> list[Path]:
    """All pictures of a set, in order."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)


def label_of(picture: Path) -> Labelled:
    """Read NAME.txt beside a picture: a text, or BoofCV's file of corner points."""
    file = picture.with_suffix(".txt")
    if not file.exists():
        return Labelled(picture=picture)
    data = file.read_bytes()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    quads = quads_of(text)
    if quads is not None:
        return Labelled(picture=picture, quads=quads)
    return Labelled(picture=picture, text=text)


def quads_of(text: str) -> tuple[np.ndarray, ...] | None:
    """Read corner points: comments, ``SETS``, then eight numbers a code. None when it is a text."""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines or lines[0] != "SETS":
        return None
    quads = []
    for line in lines[1:]:
        numbers = [float(word) for word in line.split()]
        if len(numbers) % 8:
            raise ValueError(f"eight numbers a code, not {len(numbers)}: {line[:60]}")
        quads += [np.array(numbers[i : i + 8]).reshape(4, 2) for i in range(0, len(numbers), 8)]
    return tuple(quads)


def found_in(quads: tuple[np.ndarray, ...], centres: list[np.ndarray]) -> tuple[int, int]:
    """How many quads hold the centre of a read code, and how many centres lie in none."""
    held = [
        [
            cv2.pointPolygonTest(q.astype(np.float32), (float(x), float(y)), False) >= 0
            for q in quads
        ]
        for x, y in centres
    ]
    return sum(any(row[i] for row in held) for i in range(len(quads))), sum(
        not any(row) for row in held
    )


def shows(frame: np.ndarray, corners: np.ndarray, text: str) -> float:
    """Share of modules of ``frame`` (H, W, 3) that agree with ``text``, encoded anew, at best."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    best = 0.0
    for version in range(1, 16):
        side = 17 + 4 * version
        square = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32) * 8
        turn = cv2.getPerspectiveTransform(corners.astype(np.float32), square)
        flat = cv2.warpPerspective(grey, turn, (side * 8, side * 8), flags=cv2.INTER_LINEAR)
        level = cv2.resize(flat, (side, side), interpolation=cv2.INTER_AREA)
        dark = level < (int(level.min()) + int(level.max())) / 2
        timing = np.arange(8, side - 8) % 2 == 0
        if min((dark[6, 8:-8] == timing).mean(), (dark[8:-8, 6] == timing).mean()) < 0.7:
            continue
        for error in "lmqh":
            for mask in range(8):
                try:
                    code = segno.make_qr(text, error, version, mask=mask, boost_error=False)
                except (segno.DataOverflowError, ValueError):
                    break
                drawn = np.array([[bool(module) for module in row] for row in code.matrix])
                best = max(best, float((drawn == dark).mean()))
    return best


def proven(frame: np.ndarray, corners: np.ndarray, read: str, label: str) -> bool:
    """Say whether the modules show what was read, and clearly not what the label says."""
    agrees = shows(frame, corners, read)
    return agrees >= _PROVEN_RATIO and agrees - shows(frame, corners, label) >= _PROVEN_LEAD_RATIO
