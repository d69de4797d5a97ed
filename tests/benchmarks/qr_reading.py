"""Codes on real pictures: share read, wrong texts, reads where nothing is, time.

The time is taken on copies scaled to two megapixels, as a station's reader meets them.
"""

import math
import time
from pathlib import Path

import cv2
import numpy as np

from edge.composition import compose_reader
from edge.infrastructure.opencv_pictures import OpenCvPictureFiles
from tests.benchmarks.report import Report, arguments

TWO_MEGAPIXELS = 2_000_000


def expected(picture: Path) -> str | None:
    """Return the true text of a picture, None where it shows no code."""
    text = picture.with_suffix(".txt")
    if not text.exists():
        return None
    data = text.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def at_two_megapixels(frame: np.ndarray) -> np.ndarray:
    scale = math.sqrt(TWO_MEGAPIXELS / (frame.shape[0] * frame.shape[1]))
    return cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)


def main() -> int:
    options = arguments(__doc__ or "")
    pictures = sorted((options.data / "qr_zxing_blackbox").rglob("*.png"))
    if not pictures:
        raise SystemExit(f"no pictures under {options.data}/qr_zxing_blackbox")
    if options.quick:
        pictures = pictures[::4]
    reader, files = compose_reader(), OpenCvPictureFiles()
    codes = read = false_reads = 0
    wrong, missed, seen_ms, given_up_ms = [], [], [], []
    for picture in pictures:
        truth, frame = expected(picture), files.read(str(picture))
        texts = [code.text for code in reader.read(frame)]
        large = at_two_megapixels(frame)
        start = time.perf_counter()
        found = reader.read(large)
        (seen_ms if found else given_up_ms).append((time.perf_counter() - start) * 1000)
        name = str(picture.relative_to(options.data))
        if truth is None:
            false_reads += len(texts) + len(found)
            continue
        codes += 1
        right = any(text.strip() == truth.strip() for text in texts)
        read += right
        if not right:
            (wrong if texts else missed).append(name)
    print("missed:", *missed, "\nwrong:", *wrong)
    report = Report(name="qr_reading")
    report.figures = {
        "read_ratio": round(read / codes, 4),
        "wrong": len(wrong),
        "false_reads": false_reads,
        "p95_ms": round(float(np.quantile(seen_ms, 0.95)), 1),
        "given_up_p95_ms": round(float(np.quantile(given_up_ms, 0.95)), 1),
        "codes": codes,
        "empty_pictures": len(pictures) - codes,
    }
    report.targets = {
        "read_ratio": (">=", 0.93),
        "wrong": ("<=", 0),
        "false_reads": ("<=", 0),
        "p95_ms": ("<=", 60),
        "given_up_p95_ms": ("<=", 150),
    }
    return report.print()


if __name__ == "__main__":
    raise SystemExit(main())
