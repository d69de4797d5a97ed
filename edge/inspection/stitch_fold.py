"""Single stitches of any class: a seam folded upon itself, stitch over stitch.

All rows of an unrolled seam are joined to one wave, each by how it swings with the others, so that
a chain's loops or an overedge's zigzag tell as much as a lockstitch's marks. Folded by that wave,
the seam gives the picture of its usual stitch; laid along the seam again, that picture says where
each stitch lies and where its thread is missing, whatever the class. What departs from cloth is
thread; holes and the groove that they pull stay where a stitch was skipped.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

Lines = NDArray[np.floating]
ALONG_MM = 0.12
ACROSS_MM = 0.25
_BINS = 24
_MARK_REACH_BINS = 8
_SHIFT_SHARE = 0.3
_LEAST_LIKENESS = 0.45
_LEAST_LIKENESS_FOR_EVENNESS = 0.75
_CLOTH_ROWS_MM = 1.7
_SEAM_ROWS_MM = 2.0
_THREAD_SHARE = 0.35
_MISSING_BELOW = 0.5
_DARK_MISSING_BELOW = 0.68
_LEAST_RUN_SHARE = 0.55
# Where a stitch is missing, the marks at its ends look less like the usual one than most do.
_LIKE_MOST = 0.93
_BESIDE_STITCHES = 0.6
_WINDOW_STITCHES = 0.9
_MOST_SCATTER = 0.17
_DARK_ABOVE_GROOVE_RATIO = 0.15
_LONG_STITCHES = 4.0
_LEAST_COHERENCE = 0.62
_STEADY_RATIO = 0.02
_SHIFT_RATIO = 0.02
_HALF_SNR = 15.0
# By how much of one swing, over the whole seam, a zigzag and its stitches may fall out of step.
_LOCKED_SWINGS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """What a seam's wave tells.

    ``skipped_count`` is None where a missing thread would not show, ``cv_ratio`` where single
    stitches lie too deep in the cloth's texture to be placed.
    """

    pitch_mm: float
    pitch_error_mm: float
    cv_ratio: float | None
    skipped_count: int | None
    row_count: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Followed:
    """Columns of a seam whose stitches were followed: ``turns`` (N,) count them.

    ``sewn`` (N,) bool lie between its first and last clear mark; stitches that are missing beyond
    are told from the seam's end by any thread further out. ``doubted`` (N,) bool lie beside a mark
    that looks less like the usual one than most do.
    """

    turns: Lines
    sewn: NDArray[np.bool_]
    doubted: NDArray[np.bool_]


def joined_wave(level: Lines, pitch_mm: float) -> NDArray[np.complex128]:
    """Fundamental of all rows of ``level`` (rows, columns) about a pitch: (columns,) complex.

    Rows swing in and against time with each other; the strongest common swing is kept.
    """
    place = np.arange(level.shape[1]) * ALONG_MM
    turned = level * np.exp(-2j * np.pi * place / pitch_mm)
    quick = _smooth(turned, pitch_mm)
    steady = _smooth(turned, _LONG_STITCHES * pitch_mm)
    _, axes = np.linalg.eigh(steady @ steady.conj().T)
    return np.asarray(axes[:, -1].conj() @ quick)


def _smooth(lines: NDArray[np.complex128], reach_mm: float) -> NDArray[np.complex128]:
    """Smooth ``lines`` (H, W), rows and columns of the seam, along it."""
    kernel = np.hanning(2 * max(3, round(reach_mm / ALONG_MM)) + 1)[1:-1]
    kernel /= kernel.sum()
    return np.asarray(fftconvolve(lines, kernel[None], mode="same", axes=1))


def steady_pitch(level: Lines, guess_mm: float, most_mm: float) -> tuple[float, Lines] | None:
    """Return pitch and turns (columns,) of ``level`` (rows, columns), None where it is not steady.

    A zigzag swings twice a stitch: where a common swing of half the frequency stands out too, and
    is no longer than ``most_mm``, that is the stitch.
    """
    if 2 * guess_mm <= most_mm and _stands_out(level, 2 * guess_mm):
        guess_mm = 2 * guess_mm
    pitch_mm = guess_mm
    for _ in range(2):
        pitch_mm = 1 / (1 / pitch_mm + _peak_shift(joined_wave(level, pitch_mm), pitch_mm))
    wave = joined_wave(level, pitch_mm)
    slow = _smooth(wave[None], _LONG_STITCHES * pitch_mm)[0]
    size = np.abs(slow)
    if float(np.median(size)) < _LEAST_COHERENCE * float(np.median(np.abs(wave))):
        return None
    place = np.arange(level.shape[1]) * ALONG_MM
    phase = np.unwrap(np.angle(slow)) / (2 * np.pi)
    slope, offset = np.polyfit(place, phase, 1, w=size)
    middle = len(place) // 2
    halves = [
        float(np.polyfit(place[part], phase[part], 1, w=size[part])[0])
        for part in (slice(None, middle), slice(middle, None))
    ]
    if abs(halves[0] - halves[1]) * pitch_mm > _STEADY_RATIO:
        return None
    turns = place / pitch_mm + (slope * place + offset)
    return float(1 / (1 / pitch_mm + slope)), turns


def _peak_shift(wave: NDArray[np.complex128], pitch_mm: float) -> float:
    """How much higher, per mm, than one over the pitch the frequency of ``wave`` (N,) is."""
    count = 1 << int(np.ceil(np.log2(len(wave) * 8)))
    power = np.abs(np.fft.fft(wave * np.hanning(len(wave)), count)) ** 2
    frequencies = np.fft.fftfreq(count, ALONG_MM)
    near = np.abs(frequencies) <= _SHIFT_RATIO / pitch_mm
    best = int(np.flatnonzero(near)[power[near].argmax()])
    left, middle, right = np.log(power[[best - 1, best, (best + 1) % count]] + 1e-30)
    bend = left - 2 * middle + right
    fine = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return float(frequencies[best] + np.clip(fine, -1, 1) * (frequencies[1] - frequencies[0]))


def _stands_out(level: Lines, pitch_mm: float) -> bool:
    """Say whether rows of ``level`` (rows, columns) swing together exactly at that pitch.

    What swings a little slower or faster is another's rhythm: the cloth's, or the pixels' own.
    """
    wave = joined_wave(level, pitch_mm)
    if abs(_peak_shift(wave, pitch_mm)) * len(wave) * ALONG_MM > _LOCKED_SWINGS:
        return False
    power = np.abs(np.fft.fft(wave * np.hanning(len(wave)))) ** 2
    around = np.concatenate([power[4:16], power[-16:-4]])
    return bool(power[[-1, 0, 1]].max() > _HALF_SNR * float(np.mean(around)))


def folded_rhythm(strip: Lines, pitch_mm: float, turns: Lines, row: int) -> Rhythm:
    """Follow single stitches of ``strip`` (rows, columns), counted by ``turns`` (columns,)."""
    cloth = _above_cloth(strip, row)
    usual = _folded(cloth, turns)
    marks, likeness = _marks(cloth, usual, turns, pitch_mm)
    warped = _warped(marks, likeness, turns, pitch_mm)
    usual = _folded(cloth, warped)
    marks, likeness = _marks(cloth, usual, warped, pitch_mm)
    there = likeness > _LEAST_LIKENESS * max(float(np.median(likeness)), 0.0)
    lengths = np.diff(marks)[there[1:] & there[:-1]]
    plain = lengths[(lengths > 0.4 * pitch_mm) & (lengths < 1.6 * pitch_mm)]
    clear = float(np.median(likeness)) >= _LEAST_LIKENESS_FOR_EVENNESS
    enough = len(plain) >= max(5, 0.4 * (len(marks) - 1)) and clear
    cv = float(plain.std() / plain.mean()) if enough else None
    error_mm = pitch_mm * max(0.2 if cv is None else cv, 0.01) / max(int(there.sum()), 2)
    placed = _between(marks, pitch_mm)
    sewn = np.zeros(len(turns), dtype=np.bool_)
    sewn[_between(marks[there], pitch_mm)] = True
    followed = _Followed(
        turns=_warped(marks, likeness, turns, pitch_mm)[placed],
        sewn=sewn[placed],
        doubted=_beside_unlike(marks, likeness, turns, pitch_mm)[placed],
    )
    return Rhythm(
        pitch_mm=pitch_mm,
        pitch_error_mm=float(error_mm),
        cv_ratio=cv,
        skipped_count=_skipped(cloth[:, placed], usual, followed, float(np.median(strip))),
        row_count=row,
    )


def _above_cloth(strip: Lines, row: int) -> Lines:
    """Rows of ``strip`` (rows, columns) near the seam's, less the cloth further inside."""
    across = (np.arange(len(strip)) - row) * ACROSS_MM
    inside = across >= _CLOTH_ROWS_MM
    if inside.sum() < 3:
        inside = across >= across.max() - 3 * ACROSS_MM
    level = strip[inside].mean(axis=0)
    size = 101
    padded = np.pad(level, size // 2, mode="reflect")
    slow = np.convolve(padded, np.ones(size) / size, mode="valid")
    return np.asarray(strip[np.abs(across) <= _SEAM_ROWS_MM] - slow)


def _folded(cloth: Lines, turns: Lines) -> Lines:
    """Median picture (rows, bins) of a stitch of ``cloth`` (rows, columns)."""
    phase = np.minimum(((turns % 1.0) * _BINS).astype(np.intp), _BINS - 1)
    return np.stack([np.median(cloth[:, phase == b], axis=1) for b in range(_BINS)], axis=1)


def _marks(cloth: Lines, usual: Lines, turns: Lines, pitch_mm: float) -> tuple[Lines, Lines]:
    """Where one place of every stitch lies (N,) mm, and how like the usual one it is (N,).

    The place is the one with most change along the seam in ``usual`` (rows, bins).
    """
    change = (np.diff(usual, axis=1, append=usual[:, :1]) ** 2).sum(axis=0)
    reach = np.arange(-_MARK_REACH_BINS, _MARK_REACH_BINS + 1)
    strength = [change[(b + reach) % _BINS].sum() for b in range(_BINS)]
    best = int(np.argmax(strength))
    window = usual[:, (best + reach) % _BINS]
    window = window - window.mean(axis=1, keepdims=True)
    size = float(np.sqrt((window**2).sum()))
    middle = (best + 0.5) / _BINS
    place = np.arange(len(turns)) * ALONG_MM
    whole = np.arange(np.ceil(turns[0]) + 1, np.floor(turns[-1]) - 1)
    guess = np.interp(whole + middle, turns, place)
    shifts = np.arange(-_SHIFT_SHARE * pitch_mm, _SHIFT_SHARE * pitch_mm, ALONG_MM)
    at = guess[:, None, None] + shifts[None, :, None] + (reach / _BINS * pitch_mm)[None, None, :]
    index = np.clip(at / ALONG_MM, 0, cloth.shape[1] - 1.001)
    left = index.astype(np.intp)
    share = index - left
    found = np.zeros(at.shape[:2])
    power = np.zeros(at.shape[:2])
    for line, pattern in zip(cloth, window, strict=True):
        patch = line[left] * (1 - share) + line[left + 1] * share
        patch = patch - patch.mean(axis=2, keepdims=True)
        found += (patch * pattern).sum(axis=2)
        power += (patch**2).sum(axis=2)
    likeness = found / np.maximum(size * np.sqrt(power), 1e-9)
    best_shift = likeness.argmax(axis=1)
    rows = np.arange(len(guess))
    inner = np.clip(best_shift, 1, len(shifts) - 2)
    left_, mid, right = (likeness[rows, inner + step] for step in (-1, 0, 1))
    bend = left_ - 2 * mid + right
    fine = np.where(bend < 0, 0.5 * (left_ - right) / np.where(bend < 0, bend, 1), 0.0)
    moved = shifts[inner] + np.clip(fine, -1, 1) * (shifts[1] - shifts[0])
    return guess + moved, likeness[rows, best_shift]


def _warped(marks: Lines, likeness: Lines, turns: Lines, pitch_mm: float) -> Lines:
    """Turns (columns,) that pass every clear mark (N,) mm at the same phase."""
    place = np.arange(len(turns)) * ALONG_MM
    clear = likeness > _LEAST_LIKENESS * max(float(np.median(likeness)), 0.0)
    if clear.sum() < 4:
        return turns
    at = np.interp(marks[clear], place, turns)
    phase = float(np.angle(np.exp(2j * np.pi * at).mean()) / (2 * np.pi))
    whole = np.round(at - phase) + phase
    away = np.interp(place, marks[clear], at - whole)
    return np.asarray(turns - away)


def _between(marks: Lines, pitch_mm: float) -> slice:
    """Columns of the stitches that ``marks`` (N,) mm place; beyond them nothing was followed."""
    if not len(marks):
        return slice(None)
    ends_mm = (max(0.0, float(marks[0]) - pitch_mm / 2), float(marks[-1]) + pitch_mm / 2)
    return slice(round(ends_mm[0] / ALONG_MM), round(ends_mm[1] / ALONG_MM) + 1)


def _beside_unlike(
    marks: Lines, likeness: Lines, turns: Lines, pitch_mm: float
) -> NDArray[np.bool_]:
    """Columns as many as ``turns`` (N,) beside a mark (M,) mm with less ``likeness`` than most."""
    unlike = marks[likeness < _LIKE_MOST * float(np.median(likeness))]
    place = np.arange(len(turns)) * ALONG_MM
    away = np.abs(place[:, None] - unlike[None, :]).min(axis=1, initial=np.inf)
    return np.asarray(away < _BESIDE_STITCHES * pitch_mm)


def _skipped(cloth: Lines, usual: Lines, followed: _Followed, ground: float) -> int | None:
    """Count stitches of ``cloth`` (rows, columns) without thread by the ``usual`` (rows, bins) one.

    ``ground`` is the cloth's brightness; only where a place is doubted too is one missing, or a
    short stitch between two whole ones would be.

    None where thread does not stand out of the cloth, or is dark and might be groove alone.
    """
    thread = np.clip(usual, 0, None)
    if float((thread**2).sum()) < float((np.clip(usual, None, 0) ** 2).sum()) * 0.25:
        thread = np.clip(usual, None, 0)
        strongest = np.quantile(-thread, 0.9)
        if strongest < _DARK_ABOVE_GROOVE_RATIO * ground:
            return None
        darkest = int(thread.min(axis=0).argmin())
        thread[:, (darkest + np.arange(-4, 5)) % _BINS] = 0.0
    thread = np.where(np.abs(thread) >= _THREAD_SHARE * np.abs(thread).max(), thread, 0.0)
    turns = followed.turns
    energy = (thread**2).sum(axis=0)
    phase = np.minimum(((turns % 1.0) * _BINS).astype(np.intp), _BINS - 1)
    told = (cloth * thread[:, phase]).sum(axis=0)
    weight = energy[phase]
    size = max(3, round(_WINDOW_STITCHES * len(turns) / float(turns[-1] - turns[0])) | 1)
    kernel = np.hanning(size + 2)[1:-1]
    top = np.convolve(told, kernel, mode="same")
    below = np.convolve(weight, kernel, mode="same")
    share = top / np.maximum(below, 0.15 * float(np.median(below)))
    seen = below > 0.15 * float(np.median(below))
    usually = share[seen & followed.sewn]
    scatter = 1.4826 * float(np.median(np.abs(usually - np.median(usually))))
    if scatter > _MOST_SCATTER:
        return None
    dark = bool(thread.min() < 0)
    # Groove and holes stay where a dark thread is missing, and look like some of it.
    limit = (
        np.clip(1 - 5 * scatter, _MISSING_BELOW, _DARK_MISSING_BELOW) if dark else _MISSING_BELOW
    )
    return _runs((share < limit) & seen, seen, turns, followed.doubted)


def _runs(
    missing: NDArray[np.bool_], seen: NDArray[np.bool_], turns: Lines, doubted: NDArray[np.bool_]
) -> int:
    """Count stitches in runs of ``missing`` (N,), places not ``seen`` (N,) going with either.

    A run counts where some of it is ``doubted`` (N,); one at an end of the seam is the end of the
    seam.
    """
    count, start, last, begun = 0, -1, -1, False
    for column in np.flatnonzero(seen).tolist():
        if missing[column]:
            start = column if start < 0 else start
            last = column
            continue
        if start >= 0 and begun and doubted[start : last + 1].any():
            count += _stitches(float(turns[last] - turns[start]))
        start, begun = -1, True
    return count


def _stitches(run_turns: float) -> int:
    """How many stitches a run is; less than half of one is none."""
    return 0 if run_turns < _LEAST_RUN_SHARE else max(1, round(run_turns))
