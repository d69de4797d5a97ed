"""Pitch and evenness of a seam: lockstitch 301, chainstitch 401, overedge 504.

The seam is unrolled to a strip with one row per 0.25 mm across and one column per 0.12 mm along.
The spectrum's peak says about which pitch it has; the rest comes from the seam folded upon itself.
"""

import numpy as np
from numpy.typing import NDArray

from edge.inspection.findings import as_points
from edge.inspection.garment import SideLine
from edge.inspection.plane import Plane
from edge.inspection.sampling import brightness
from edge.inspection.standard import StitchStandard
from edge.inspection.stitch_fold import (
    ACROSS_MM,
    ALONG_MM,
    Lines,
    Rhythm,
    folded_rhythm,
    steady_pitch,
)
from edge.inspection.verdict import Outcome, StitchReading, guarded

_SEARCH_MM = 3.0
# So far from the side's ends its pitch is read; its single stitches are followed nearer to them.
_ENDS_MM = 10.0
_NEAREST_END_MM = 2.0
_END_COLUMNS = round((_ENDS_MM - _NEAREST_END_MM) / ALONG_MM)
_LEAST_PX_PER_STITCH = 7.0
_LEAST_STITCHES = 12
_LEAST_SNR = 20.0
_PITCH_RANGE = (0.55, 1.7)
_NEAR_ROWS = 8
_CLOSE_ROWS = 2
_CLOTH_ROWS = 5
_ABOVE_CLOTH = 12.0
_GRID_RATIO = 0.03
_SCALE_RATIO = 0.001


def cannot_read(standard: StitchStandard, reason: str) -> StitchReading:
    """Say that a seam was not read, and why."""
    return StitchReading(
        seam=standard.seam,
        nominal_mm=standard.pitch_mm,
        lower_mm=standard.lower_mm,
        upper_mm=standard.upper_mm,
        outcome="CANNOT_MEASURE",
        severity=standard.severity,
        reason=reason,
    )


def read_stitches(
    frame: NDArray[np.uint8], plane: Plane, line: SideLine | None, standard: StitchStandard
) -> StitchReading:
    """Read the seam along ``line`` in ``frame`` (H, W, 3) uint8."""
    if line is None:
        return cannot_read(standard, f"edge_unclear_{standard.side}")
    if standard.pitch_mm / plane.mm_per_px() < _LEAST_PX_PER_STITCH:
        return cannot_read(standard, "resolution_low")
    length_mm = float(np.hypot(*(line.stop_mm - line.start_mm)))
    span_mm = length_mm - 2 * _ENDS_MM
    if span_mm < _LEAST_STITCHES * standard.pitch_mm:
        return cannot_read(standard, "seam_short")
    strip, places = unrolled(frame, plane, line, standard.inset_mm)
    rhythm = rhythm_of(strip, standard.pitch_mm, _END_COLUMNS)
    seam_px = as_points(
        plane.to_px(places[rhythm.row_count if rhythm else len(places) // 2][::200])
    )
    if rhythm is None or (rhythm.cv_ratio is None and _of_the_grid(plane, places, rhythm)):
        return cannot_read(standard, "stitches_faint")
    return _judged(standard, rhythm, seam_px)


def _of_the_grid(plane: Plane, places: Lines, rhythm: Rhythm) -> bool:
    """Say whether a faint rhythm is that of the picture's own pixels.

    A line that leans a little crosses from one row of pixels to the next at even distances, and
    swings a little in brightness as it does. ``places`` (R, N, 2) are those of the strip, mm.
    """
    line = plane.to_px(places[rhythm.row_count])
    crossings = np.abs(line[-1] - line[0]).min() / (len(line) * ALONG_MM)
    return any(
        abs(rhythm.pitch_mm * crossings / count - 1) < _GRID_RATIO for count in (0.5, 1.0, 2.0)
    )


def unrolled(
    frame: NDArray[np.uint8], plane: Plane, line: SideLine, inset_mm: float
) -> tuple[Lines, Lines]:
    """Unroll the seam of ``frame`` (H, W, 3) uint8 to (rows, columns) float64 brightness.

    Returns the strip and the places (rows, columns, 2) mm; the expected seam is in its middle.
    """
    length_mm = float(np.hypot(*(line.stop_mm - line.start_mm)))
    columns = int((length_mm - 2 * _NEAREST_END_MM) / ALONG_MM)
    share = (_NEAREST_END_MM + ALONG_MM * np.arange(columns)) / length_mm
    edge = line.at(share)
    rows = np.arange(-_SEARCH_MM, _SEARCH_MM + ACROSS_MM / 2, ACROSS_MM)
    inwards = -(inset_mm + rows)[:, None, None] * line.outward
    places = edge[None] + inwards
    px = plane.to_px(places.reshape(-1, 2))
    strip = brightness(frame, px[:, 0], px[:, 1]).reshape(len(rows), columns)
    return strip.astype(np.float64), places


def rhythm_of(strip: Lines, nominal_mm: float, end_columns: int = 0) -> Rhythm | None:
    """Find pitch, unevenness and skipped stitches in ``strip`` (rows, columns) float64.

    The pitch is read without so many columns at either end. None where the wave does not stand out
    of the cloth's own texture.
    """
    level = _flattened(strip[:, end_columns : strip.shape[1] - end_columns], nominal_mm)
    row = _seam_row(level, nominal_mm)
    peak = _peak(_seam_wave(level, row), nominal_mm)
    if peak is None:
        return None
    near = level[max(0, row - _NEAR_ROWS) : row + _NEAR_ROWS + 1]
    steady = steady_pitch(near, peak, nominal_mm * _PITCH_RANGE[1])
    if steady is None or _of_the_cloth(level, row, steady[0]):
        return None
    pitch_mm, turns = steady
    column = np.arange(strip.shape[1]) - end_columns
    return folded_rhythm(strip, pitch_mm, turns[0] + column * (turns[1] - turns[0]), row)


def _of_the_cloth(level: Lines, row: int, pitch_mm: float) -> bool:
    """Say whether ``level`` (H, W) swings alike in the cloth beside the seam."""
    place = np.arange(level.shape[1]) * ALONG_MM
    turned = np.hanning(len(place)) * np.exp(-2j * np.pi * place / pitch_mm)
    power = np.abs(level @ turned) ** 2
    near = power[max(0, row - _CLOSE_ROWS) : row + _CLOSE_ROWS + 1]
    return bool(near.mean() < _ABOVE_CLOTH * power[-_CLOTH_ROWS:].mean())


def _flattened(strip: Lines, nominal_mm: float) -> Lines:
    """Subtract the slow change along each row of ``strip`` (rows, columns)."""
    size = max(5, round(3 * nominal_mm / ALONG_MM) | 1)
    kernel = np.hanning(size + 2)[1:-1]
    kernel /= kernel.sum()
    padded = np.pad(strip, ((0, 0), (size // 2, size // 2)), mode="reflect")
    slow = np.stack([np.convolve(line, kernel, mode="valid") for line in padded])
    return np.asarray(strip - slow)


def _spectrum(lines: Lines, finer: int = 8) -> tuple[Lines, Lines]:
    """Frequencies per mm and power of ``lines`` (rows, columns), so much finer than bins."""
    columns = lines.shape[-1]
    count = 1 << int(np.ceil(np.log2(columns * finer)))
    power = np.abs(np.fft.rfft(lines * np.hanning(columns), count, axis=-1)) ** 2
    return np.fft.rfftfreq(count, ALONG_MM), power


def _seam_row(level: Lines, nominal_mm: float) -> int:
    """Row of ``level`` (rows, columns) float64 with the strongest wave near the nominal pitch."""
    frequencies, power = _spectrum(level, 2)
    low, high = (1 / (nominal_mm * r) for r in reversed(_PITCH_RANGE))
    band = (frequencies >= low) & (frequencies <= high)
    strength = power[:, band].max(axis=1)
    smooth = np.convolve(strength, np.ones(3) / 3, mode="same")
    return int(smooth.argmax())


def _seam_wave(level: Lines, row: int) -> Lines:
    """Mean of the rows of ``level`` (rows, columns) on the thread less those beside it."""
    rows = np.arange(len(level))
    away = np.abs(rows - row) * ACROSS_MM
    on = level[away <= 0.31].mean(axis=0)
    beside = (away >= 1.4) & (away <= 2.8)
    if beside.sum() < 3:
        return np.asarray(on)
    return np.asarray(on - level[beside].mean(axis=0))


def _peak(wave: Lines, nominal_mm: float) -> float | None:
    """Pitch in mm of ``wave`` (columns,), None where no peak stands out."""
    frequencies, power = _spectrum(wave[None])
    power = power[0]
    low, high = (1 / (nominal_mm * r) for r in reversed(_PITCH_RANGE))
    band = np.flatnonzero((frequencies >= low) & (frequencies <= high))
    best = int(band[power[band].argmax()])
    width = 8 * 2
    rest = np.abs(np.arange(len(power)) - best) > 2 * width
    wide = (frequencies >= 0.6 * low) & (frequencies <= 1.6 * high)
    floor = float(np.mean(power[rest & wide])) if (rest & wide).any() else 0.0
    if not 0 < best < len(power) - 1 or power[best] < _LEAST_SNR * max(floor, 1e-18):
        return None
    left, middle, right = np.log(power[best - 1 : best + 2] + 1e-30)
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
    step = frequencies[1] - frequencies[0]
    return float(1 / (frequencies[best] + shift * step))


def _judged(
    standard: StitchStandard, rhythm: Rhythm, seam_px: tuple[tuple[float, float], ...]
) -> StitchReading:
    deviation_mm = rhythm.pitch_mm - standard.pitch_mm
    scale_mm = _SCALE_RATIO * rhythm.pitch_mm
    uncertainty_mm = 2 * float(np.hypot(rhythm.pitch_error_mm, scale_mm))
    outcome = guarded(deviation_mm, uncertainty_mm, standard.lower_mm, standard.upper_mm)
    reason = None if outcome == "PASS" else "pitch_outside"
    worst: Outcome = outcome
    if rhythm.skipped_count is not None and rhythm.skipped_count > standard.max_skipped_count:
        worst, reason = "FAIL", "stitches_skipped"
    elif rhythm.cv_ratio is not None and rhythm.cv_ratio > standard.max_cv_ratio:
        worst, reason = "FAIL", "stitches_uneven"
    elif rhythm.skipped_count is None and outcome == "PASS":
        worst, reason = "REVIEW", "skipped_stitches_unseen"
    elif rhythm.cv_ratio is None and outcome == "PASS":
        worst, reason = "REVIEW", "evenness_unseen"
    return StitchReading(
        seam=standard.seam,
        nominal_mm=standard.pitch_mm,
        pitch_mm=round(rhythm.pitch_mm, 4),
        uncertainty_mm=round(uncertainty_mm, 4),
        cv_ratio=None if rhythm.cv_ratio is None else round(rhythm.cv_ratio, 4),
        skipped_count=rhythm.skipped_count,
        stitches_per_inch=round(25.4 / rhythm.pitch_mm, 3),
        lower_mm=standard.lower_mm,
        upper_mm=standard.upper_mm,
        outcome=worst,
        severity=standard.severity,
        reason=reason,
        seam_px=seam_px,
    )
