"""Codes on real pictures: share read, wrong texts, reads where nothing is, time.

The folder holds ``NAME.png|jpg`` with ``NAME.txt``: a text, or BoofCV's corner points (a read
counts when its centre lies in a quad); without it the picture shows no code. Where a text read
differs from the file's, both are encoded anew and compared with the picture's modules: a label that
the picture refutes is named and counted apart, `*_by_file` takes every label at its word. The
time is taken on copies scaled to two megapixels, as a station's reader meets them.
"""

import math
import time
from dataclasses import dataclass, field

import cv2
import numpy as np

from edge.composition import compose_reader
from edge.infrastructure.opencv_pictures import OpenCvPictureFiles
from tests.benchmarks.code_sets import Labelled, found_in, label_of, pictures_of, proven
from tests.benchmarks.report import Report, arguments, wilson

TWO_MEGAPIXELS = 2_000_000


@dataclass(slots=True)
class Tally:
    """What happened so far."""

    codes: int = 0
    empty: int = 0
    read: int = 0
    false_reads: int = 0
    wrong: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    refuted: list[str] = field(default_factory=list)
    seen_ms: list[float] = field(default_factory=list)
    given_up_ms: list[float] = field(default_factory=list)


def at_two_megapixels(frame: np.ndarray) -> np.ndarray:
    scale = math.sqrt(TWO_MEGAPIXELS / (frame.shape[0] * frame.shape[1]))
    return cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)


def count(tally: Tally, labelled: Labelled, frame: np.ndarray, codes: tuple, name: str) -> None:
    """Compare what was read with the label."""
    if labelled.quads:
        centres = [code.corners().mean(axis=0) for code in codes]
        hit, outside = found_in(labelled.quads, centres)
        tally.codes += len(labelled.quads)
        tally.read += hit
        tally.false_reads += outside
        if hit < len(labelled.quads):
            tally.missed.append(name)
        return
    if labelled.text is None:
        tally.empty += 1
        tally.false_reads += len(codes)
        return
    tally.codes += 1
    label = labelled.text.strip()
    if any(code.text.strip() == label for code in codes):
        tally.read += 1
    elif not codes:
        tally.missed.append(name)
    elif any(proven(frame, code.corners(), code.text, label) for code in codes):
        tally.refuted.append(name)
        tally.read += 1
    else:
        tally.wrong.append(name)


def main() -> int:
    options = arguments(__doc__ or "")
    folder = options.data / "qr_zxing_blackbox"
    folder = folder if folder.is_dir() else options.data
    pictures = pictures_of(folder)
    if not pictures:
        raise SystemExit(f"no pictures under {folder}")
    if options.quick:
        pictures = pictures[::4]
    reader, files, tally = compose_reader(), OpenCvPictureFiles(), Tally()
    for picture in pictures:
        labelled, frame = label_of(picture), files.read(str(picture))
        name = str(picture.relative_to(folder))
        count(tally, labelled, frame, reader.read(frame), name)
        large = at_two_megapixels(frame)
        start = time.perf_counter()
        found = reader.read(large)
        elapsed_ms = (time.perf_counter() - start) * 1000
        (tally.seen_ms if found else tally.given_up_ms).append(elapsed_ms)
        if labelled.text is None and not labelled.quads:
            tally.false_reads += len(found)
    print("missed:", *tally.missed, "\nwrong:", *tally.wrong, "\nlabel refuted:", *tally.refuted)
    report = Report(name="qr_reading")
    low, high = wilson(tally.read, tally.codes)
    report.figures = {
        "read_ratio": round(tally.read / max(tally.codes, 1), 4),
        "read_ratio_95": [low, high],
        "wrong": len(tally.wrong),
        "false_reads": tally.false_reads,
        "p95_ms": quantile(tally.seen_ms),
        "given_up_p95_ms": quantile(tally.given_up_ms),
        "codes": tally.codes,
        "empty_pictures": tally.empty,
        "labels_refuted": len(tally.refuted),
        "read_ratio_by_file": round((tally.read - len(tally.refuted)) / max(tally.codes, 1), 4),
        "wrong_by_file": len(tally.wrong) + len(tally.refuted),
    }
    report.targets = {
        "read_ratio": (">=", 0.97),
        "wrong": ("<=", 0),
        "false_reads": ("<=", 0),
        "p95_ms": ("<=", 60),
        "given_up_p95_ms": ("<=", 150),
    }
    return report.print()


def quantile(values: list[float]) -> float:
    return round(float(np.quantile(values, 0.95)), 1) if values else 0.0


if __name__ == "__main__":
    raise SystemExit(main())
