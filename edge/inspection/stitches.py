"""Pitch and evenness of a lockstitch seam.

The seam is unrolled to a strip with one row per 0.25 mm across and one column per 0.12 mm along.
The mean pitch comes from the spectrum's peak, single stitches from where the mark's wave has its
phase: a stitch that came early or late turns the phase, one that is missing leaves no amplitude.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.inspection.findings import as_points
from edge.inspection.garment import SideLine
from edge.inspection.plane import Plane
from edge.inspection.sampling import brightness
from edge.inspection.standard import StitchStandard
from edge.inspection.verdict import Outcome, StitchReading, guarded

Lines = NDArray[np.floating]
ALONG_MM = 0.12
_ACROSS_MM = 0.25
_SEARCH_MM = 3.0
_ENDS_MM = 10.0
_LEAST_PX_PER_STITCH = 7.0
_LEAST_STITCHES = 12
_LEAST_SNR = 20.0
_STEADY_RATIO = 0.02
_PITCH_RANGE = (0.55, 1.7)
_SKIPPED_SHARE = 0.42
_SKIPPED_SCATTER = 3.5
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """What a seam's wave tells."""

    pitch_mm: float
    pitch_error_mm: float
    cv_ratio: float
    skipped_count: int | None
    row_count: int


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
    rhythm = rhythm_of(strip, standard.pitch_mm)
    seam_px = as_points(
        plane.to_px(places[rhythm.row_count if rhythm else len(places) // 2][::200])
    )
    if rhythm is None:
        return cannot_read(standard, "stitches_faint")
    return _judged(standard, rhythm, seam_px)


def unrolled(
    frame: NDArray[np.uint8], plane: Plane, line: SideLine, inset_mm: float
) -> tuple[Lines, Lines]:
    """Unroll the seam of ``frame`` (H, W, 3) uint8 to (rows, columns) float64 brightness.

    Returns the strip and the places (rows, columns, 2) mm; the expected seam is in its middle.
    """
    length_mm = float(np.hypot(*(line.stop_mm - line.start_mm)))
    columns = int((length_mm - 2 * _ENDS_MM) / ALONG_MM)
    share = (_ENDS_MM + ALONG_MM * np.arange(columns)) / length_mm
    edge = line.at(share)
    rows = np.arange(-_SEARCH_MM, _SEARCH_MM + _ACROSS_MM / 2, _ACROSS_MM)
    inwards = -(inset_mm + rows)[:, None, None] * line.outward
    places = edge[None] + inwards
    px = plane.to_px(places.reshape(-1, 2))
    strip = brightness(frame, px[:, 0], px[:, 1]).reshape(len(rows), columns)
    return strip.astype(np.float64), places


def rhythm_of(strip: Lines, nominal_mm: float) -> Rhythm | None:
    """Find pitch, unevenness and skipped stitches in ``strip`` (rows, columns) float64.

    None where the wave does not stand out of the cloth's own texture.
    """
    level = _flattened(strip, nominal_mm)
    row = _seam_row(level, nominal_mm)
    wave = _seam_wave(level, row)
    peak = _peak(wave, nominal_mm)
    if peak is None or not _steady(wave, peak):
        return None
    phase, size = _demodulated(wave, peak)
    place = np.arange(len(wave)) * ALONG_MM
    trusted = size > 0.5 * np.median(size)
    slope = np.polyfit(place[trusted], phase[trusted], 1)
    pitch_mm = float(1 / (1 / peak + slope[0] / (2 * np.pi)))
    turns = place / pitch_mm + slope[1] / (2 * np.pi)
    polarity = _polarity(wave, turns)
    plain = _seam_wave(strip, row) * polarity
    return _rhythm(Wave(wave=wave * polarity, plain=plain, turns=turns), pitch_mm, row)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wave:
    """Brightness along a seam, marks up and holes down.

    ``wave`` (N,) float64 is free of slow changes, ``plain`` (N,) is not; ``turns`` (N,) counts
    stitches of even length.
    """

    wave: Lines
    plain: Lines
    turns: Lines


def _steady(wave: Lines, pitch_mm: float) -> bool:
    """Say whether both halves of ``wave`` (N,) have that pitch: the cloth's own noise has not."""
    half = len(wave) // 2
    halves = [_peak(part, pitch_mm, _LEAST_SNR / 2) for part in (wave[:half], wave[half:])]
    return all(p is not None and abs(p / pitch_mm - 1) < _STEADY_RATIO for p in halves)


def _polarity(wave: Lines, turns: Lines) -> float:
    """Tell marks from gaps in ``wave`` (N,): gaps are the shorter part. −1 where they are up."""
    phase = np.floor((turns % 1.0) * 24).astype(int)
    sums = np.bincount(phase, wave, 24)
    shape = sums / np.maximum(np.bincount(phase, minlength=24), 1)
    shape -= shape.mean()
    return -1.0 if float((shape**3).sum()) > 0 else 1.0


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
    away = np.abs(rows - row) * _ACROSS_MM
    on = level[away <= 0.31].mean(axis=0)
    beside = (away >= 1.4) & (away <= 2.8)
    if beside.sum() < 3:
        return np.asarray(on)
    return np.asarray(on - level[beside].mean(axis=0))


def _peak(wave: Lines, nominal_mm: float, least_snr: float = _LEAST_SNR) -> float | None:
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
    if not 0 < best < len(power) - 1 or power[best] < least_snr * max(floor, 1e-18):
        return None
    left, middle, right = np.log(power[best - 1 : best + 2] + 1e-30)
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
    step = frequencies[1] - frequencies[0]
    return float(1 / (frequencies[best] + shift * step))


def _demodulated(wave: Lines, pitch_mm: float) -> tuple[Lines, Lines]:
    """Phase, in radians about the mean pitch, and amplitude of ``wave`` (columns,)."""
    place = np.arange(len(wave)) * ALONG_MM
    turned = wave * np.exp(-2j * np.pi * place / pitch_mm)
    size = max(3, round(1.0 * pitch_mm / ALONG_MM) | 1)
    kernel = np.hanning(2 * size + 1)[1:-1]
    kernel /= kernel.sum()
    smooth = np.convolve(turned, kernel, mode="same")
    return np.unwrap(np.angle(smooth)), np.abs(smooth)


def _rhythm(seam: Wave, pitch_mm: float, row: int) -> Rhythm:
    """Follow single stitches."""
    holes, present = _gaps(seam, pitch_mm)
    lengths = np.diff(holes)
    both = present[1:] & present[:-1]
    plain = lengths[both & (lengths > 0.4 * pitch_mm) & (lengths < 1.6 * pitch_mm)]
    cv = float(plain.std() / plain.mean()) if len(plain) >= 5 else float("nan")
    error = pitch_mm * max(cv if np.isfinite(cv) else 0.2, 0.01) / max(len(holes), 2)
    return Rhythm(
        pitch_mm=pitch_mm,
        pitch_error_mm=float(error),
        cv_ratio=cv,
        skipped_count=_skipped(seam, holes),
        row_count=row,
    )


def _gaps(seam: Wave, pitch_mm: float) -> tuple[Lines, NDArray[np.bool_]]:
    """Find the needle holes near where an even seam has its lowest places.

    Returns places (N,) mm and whether a hole is really there (N,) bool.
    """
    wave, turns = seam.wave, seam.turns
    phase = np.floor((turns % 1.0) * 24).astype(int)
    low = (float(np.bincount(phase, wave, 24).argmin()) + 0.5) / 24
    whole = np.arange(np.ceil(turns[0]) + 1, np.floor(turns[-1]) - 1)
    place = np.arange(len(wave)) * ALONG_MM
    expected = np.interp(whole + low, turns, place)
    kernel = np.hanning(7)[1:-1]
    smooth = np.convolve(wave, kernel / kernel.sum(), mode="same")
    reach = round(pitch_mm / 3 / ALONG_MM)
    depth = float(np.std(smooth))
    found = np.empty(len(expected))
    present = np.zeros(len(expected), dtype=bool)
    for index, guess in enumerate(expected):
        middle = round(guess / ALONG_MM)
        first = max(1, middle - reach)
        window = smooth[first : middle + reach + 1]
        lowest = first + int(window.argmin())
        found[index] = _parabola(smooth, lowest) * ALONG_MM
        present[index] = float(window.max() - window.min()) > 0.5 * depth
    return found, present


def _parabola(values: Lines, index: int) -> float:
    """Extremum of the parabola through three neighbours in ``values`` (N,)."""
    if not 0 < index < len(values) - 1:
        return float(index)
    left, middle, right = values[index - 1 : index + 2]
    bend = left - 2 * middle + right
    return index + (0.5 * (left - right) / bend if bend > 0 else 0.0)


def _skipped(seam: Wave, holes: Lines) -> int | None:
    """Count marks between ``holes`` (N,) mm that are missing.

    The middle of a missing mark is nearly as dark as a hole, and darker than marks ever are. None
    where thread is no brighter than cloth: then a missing mark looks like one that is there.
    """
    marks = []
    for start, stop in itertools.pairwise(holes):
        quarter = 0.25 * (stop - start)
        first = round((start + quarter) / ALONG_MM)
        last = max(round((stop - quarter) / ALONG_MM), first + 1)
        marks.append(float(seam.plain[first:last].mean()))
    levels = np.asarray(marks)
    usual = float(np.median(levels))
    hole = float(np.median(seam.plain[np.round(holes / ALONG_MM).astype(int)]))
    scatter = 1.4826 * float(np.median(np.abs(levels - usual)))
    if usual <= 0:
        return None
    drop = max(_SKIPPED_SHARE * (usual - hole), _SKIPPED_SCATTER * scatter)
    return int((levels < usual - drop).sum())


def _judged(
    standard: StitchStandard, rhythm: Rhythm, seam_px: tuple[tuple[float, float], ...]
) -> StitchReading:
    deviation_mm = rhythm.pitch_mm - standard.pitch_mm
    scale_mm = _SCALE_RATIO * rhythm.pitch_mm
    uncertainty_mm = 2 * float(np.hypot(rhythm.pitch_error_mm, scale_mm))
    outcome = guarded(deviation_mm, uncertainty_mm, standard.lower_mm, standard.upper_mm)
    reason = None if outcome == "PASS" else "pitch_outside"
    if not np.isfinite(rhythm.cv_ratio):
        return cannot_read(standard, "stitches_faint")
    worst: Outcome = outcome
    if rhythm.skipped_count is not None and rhythm.skipped_count > standard.max_skipped_count:
        worst, reason = "FAIL", "stitches_skipped"
    elif rhythm.cv_ratio > standard.max_cv_ratio:
        worst, reason = "FAIL", "stitches_uneven"
    elif rhythm.skipped_count is None and outcome == "PASS":
        worst, reason = "REVIEW", "skipped_stitches_unseen"
    return StitchReading(
        seam=standard.seam,
        nominal_mm=standard.pitch_mm,
        pitch_mm=round(rhythm.pitch_mm, 4),
        uncertainty_mm=round(uncertainty_mm, 4),
        cv_ratio=round(rhythm.cv_ratio, 4),
        skipped_count=rhythm.skipped_count,
        stitches_per_inch=round(25.4 / rhythm.pitch_mm, 3),
        lower_mm=standard.lower_mm,
        upper_mm=standard.upper_mm,
        outcome=worst,
        severity=standard.severity,
        reason=reason,
        seam_px=seam_px,
    )
