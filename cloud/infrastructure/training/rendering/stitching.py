"""Seams on tiles: lockstitch 301, chainstitch 401 and overedge 504 of ISO 4915, good and spoiled.

A seam has its own coordinates: `along` it and `across` it, in px. Each stitch reaches from one
needle hole to the next. Threads are lens-shaped, because the holes pull them under.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.camera import Degrees
from cloud.infrastructure.training.rendering.canvas import Canvas, Plane, box_of, curl
from cloud.infrastructure.training.rendering.cloth_flaws import yarn
from cloud.infrastructure.training.rendering.style import Colour, FabricStyle

StitchClass = Literal["301", "401", "504"]
SeamFlaw = Literal["skipped_stitch", "uneven_stitch", "broken_stitch", "pucker", "open_seam"]
SEAM_KINDS: tuple[SeamFlaw, ...] = get_args(SeamFlaw)


Row: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeamStyle:
    """How a seam is sewn.

    `pitch_px` is hole to hole, `thread_px` the thread's width, `jitter_ratio` the unevenness of
    good stitches in parts of the pitch, `slant_ratio` how far a stitch leans, `groove_ratio` how
    dark the cloth is pulled in, `tension_ratio` how deep the threads sink, `bite_px` the width of
    an overedge, `turn_deg` the angle to the weft, `bow_px` how far the line bends.
    """

    stitch: StitchClass
    pitch_px: float
    thread_px: float
    colour: Colour
    jitter_ratio: float
    slant_ratio: float
    groove_ratio: float
    tension_ratio: float
    bite_px: float
    turn_deg: Degrees
    bow_px: float
    rows_count: int = 1
    table: Colour = (0.1, 0.1, 0.1)


@dataclass(slots=True)
class _Course:
    """Where pixels lie (H, W) float32, and the stitches (N,) of one row."""

    along: Plane
    across: Plane
    holes: Row
    sideways: Row
    present: NDArray[np.bool_]
    loose: Row


def draw_seam_style(generator: np.random.Generator, style: FabricStyle, side_px: int) -> SeamStyle:
    """Draw how a seam on cloth of a style is sewn, for tiles of a side."""
    yarn_px = style.yarns.warp_pitch_px
    low = max(7.0, 2.5 * yarn_px)
    pitch_px = float(np.exp(generator.uniform(np.log(low), np.log(max(1.3 * low, side_px / 7)))))
    cloth = np.array(style.yarns.warp_colour)
    matching = generator.random() < 0.5
    change = generator.uniform(0.12, 0.45) * (1 if generator.random() < 0.5 else -1)
    level = np.clip(cloth * (1 + change) + 0.04 * np.sign(change), 0.02, 0.97)
    free = generator.uniform(0.05, 0.95) * generator.uniform(0.5, 1.0, 3)
    red, green, blue = (float(part) for part in (level if matching else free))
    across = 90.0 if generator.random() < 0.3 else 0.0
    stitches: tuple[StitchClass, ...] = get_args(StitchClass)
    return SeamStyle(
        stitch=stitches[int(generator.choice(3, p=[0.55, 0.2, 0.25]))],
        pitch_px=pitch_px,
        thread_px=float(
            np.clip(max(pitch_px * generator.uniform(0.1, 0.3), 0.7 * yarn_px), 1.2, 9)
        ),
        colour=(red, green, blue),
        jitter_ratio=float(generator.uniform(0.0, 0.05)),
        slant_ratio=float(generator.normal(0, 0.09)),
        groove_ratio=float(generator.uniform(0.0, 0.35)),
        tension_ratio=float(generator.uniform(0.0, 0.5)),
        bite_px=float(pitch_px * generator.uniform(0.9, 2.2)),
        turn_deg=float(across + generator.normal(0, 4.0)),
        bow_px=float(generator.normal(0, 0.01 * side_px)),
        rows_count=1 + int(generator.random() < 0.2),
        table=style.table,
    )


def sew(canvas: Canvas, seam: SeamStyle, flaw: SeamFlaw | None = None) -> None:
    """Sew a seam across the canvas; `cover` shows the flaw alone, nothing of the good seam."""
    course = _course(canvas, seam)
    if flaw is not None:
        _BEFORE[flaw](canvas, seam, course)
    if seam.stitch == "504":
        beyond = np.clip(course.across - seam.bite_px + 0.5, 0, 1)
        _over(canvas.picture, beyond, np.array(seam.table, np.float32) * 255)
        lip = np.exp(-(((course.across - seam.bite_px + 2) / 2.0) ** 2))
        canvas.picture *= (1 - 0.25 * lip * (1 - beyond))[..., None]
    if seam.stitch != "504" and canvas.generator.random() < 0.5:
        _fold_edge(canvas, seam, course)
    rows = [0.0] if seam.rows_count == 1 else [0.0, -(4 * seam.thread_px + seam.pitch_px)]
    for number, offset_px in enumerate(rows):
        row, box = _band(seam, course if number == 0 else _second_row(course, offset_px))
        picture = canvas.picture[box]
        if not picture.size:
            continue
        groove = np.exp(-((row.across / np.float32(1.2 * seam.thread_px + 1)) ** 2))
        picture *= (1 - np.float32(seam.groove_ratio) * groove)[..., None]
        _holes(picture, seam, row)
        alpha, height = _THREADS[seam.stitch](seam, row)
        _thread(picture, seam, row, alpha, height)
    if flaw is not None and flaw in _AFTER:
        _AFTER[flaw](canvas, seam, course)


def _course(canvas: Canvas, seam: SeamStyle) -> _Course:
    generator = canvas.generator
    height, width = canvas.cover.shape
    angle = np.deg2rad(canvas.grain.angle_deg + seam.turn_deg)
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    middle = canvas.place(0.25)
    x = np.arange(width, dtype=np.float32)[None, :] - np.float32(middle[0])
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32(middle[1])
    along, across = x * cosine + y * sine, y * cosine - x * sine
    reach = float(np.hypot(height, width))
    across = across - np.float32(seam.bow_px) * np.cos(along * np.float32(3.0 / reach))
    count = int(2 * reach / seam.pitch_px) + 4
    holes = (np.arange(count) - count / 2 + generator.random()) * seam.pitch_px
    holes = holes + seam.jitter_ratio * seam.pitch_px * generator.standard_normal(count)
    sideways = 0.5 * seam.jitter_ratio * seam.pitch_px * generator.standard_normal(count)
    whole = np.ones(count, np.bool_)
    straight = np.zeros(count, np.float32)
    return _Course(along, across, _row(holes), _row(sideways), whole, straight)


def _row(values: NDArray[np.float64]) -> Row:
    """Numbers (N,) of a row of stitches in the pixels' own type: mixing types is slow."""
    return np.asarray(values, dtype=np.float32)


def _band(seam: SeamStyle, course: _Course) -> tuple[_Course, tuple[slice, slice]]:
    """The part of the picture that a row of stitches can touch."""
    reach = 4.0 * seam.thread_px + 0.35 * seam.pitch_px + 4
    far = reach + (1.2 * seam.bite_px if seam.stitch == "504" else 0.0)
    near = (course.across > -reach) & (course.across < far)
    box = box_of(near.astype(np.float32))
    part = _Course(
        np.ascontiguousarray(course.along[box]),
        np.ascontiguousarray(course.across[box]),
        course.holes,
        course.sideways,
        course.present,
        course.loose,
    )
    return part, box


def _second_row(course: _Course, offset_px: float) -> _Course:
    """A parallel row of good stitches."""
    count = len(course.holes)
    return _Course(
        course.along,
        course.across - np.float32(offset_px),
        _row(np.linspace(course.holes[0], course.holes[-1], count)),
        np.zeros(count, np.float32),
        np.ones(count, np.bool_),
        np.zeros(count, np.float32),
    )


def _stitch_place(course: _Course) -> tuple[NDArray[np.intp], Plane, Plane]:
    """Stitch of each pixel, its place in it from 0 to 1, its length in px; (H, W) each."""
    number = _before(course)
    begin = course.holes[number]
    length = course.holes[number + 1] - begin
    return number, (course.along - begin) / np.maximum(length, 0.5), length


def _before(course: _Course) -> NDArray[np.intp]:
    """Number of the hole before each pixel (H, W), read off a ruler with eight marks a pixel."""
    low = float(course.along.min())
    marks = np.arange(int((float(course.along.max()) - low) * 8) + 2) / 8 + low
    ruler = np.clip(np.searchsorted(course.holes, marks) - 1, 0, len(course.holes) - 2)
    return np.asarray(ruler[((course.along - np.float32(low)) * np.float32(8)).astype(np.intp)])


def _lockstitch(seam: SeamStyle, course: _Course) -> tuple[Plane, Plane]:
    """Alpha and roundness (H, W) float32 of threads that dive at every hole."""
    number, part, length = _stitch_place(course)
    middle = course.sideways[number] * (1 - part) + course.sideways[number + 1] * part
    middle = middle + seam.slant_ratio * length * (part - 0.5)
    middle = middle + course.loose[number] * np.sin(np.pi * np.clip(part, 0, 1))
    arch = np.sin(np.pi * np.clip((part - 0.07) / 0.86, 0, 1)).clip(0, 1)
    lens = arch ** (0.35 + 0.4 * seam.tension_ratio)
    half = 0.5 * seam.thread_px * lens
    distance = np.abs(course.across - middle)
    alpha = np.clip(half - distance + 0.5, 0, 1) * (half > 0.05) * course.present[number]
    height = np.sqrt(np.clip(1 - (distance / np.maximum(half, 0.3)) ** 2, 0, 1))
    return alpha.astype(np.float32), height.astype(np.float32)


def _chainstitch(seam: SeamStyle, course: _Course) -> tuple[Plane, Plane]:
    """Alpha and roundness (H, W) float32 of loops, each drawn through the one before."""
    number, part, _ = _stitch_place(course)
    inside = np.clip(part, 0, 1)
    middle = course.sideways[number] * (1 - part) + course.sideways[number + 1] * part
    middle = middle + course.loose[number] * np.sin(np.pi * inside)
    belly = 1.1 * seam.thread_px * np.sin(np.pi * inside**0.7).clip(0, 1) ** 0.8
    away = np.abs(np.abs(course.across - middle) - belly)
    neck = np.abs(course.across - middle) + 8.0 * np.clip(inside - 0.3, 0, 1) * seam.thread_px
    distance = np.minimum(away, neck)
    half = np.float32(0.42 * seam.thread_px)
    alpha = np.clip(half - distance + 0.5, 0, 1) * course.present[number]
    height = np.sqrt(np.clip(1 - (distance / np.maximum(half, 0.3)) ** 2, 0, 1))
    return alpha.astype(np.float32), height.astype(np.float32)


def _overedge(seam: SeamStyle, course: _Course) -> tuple[Plane, Plane]:
    """Alpha and roundness (H, W) float32 of a needle row and of loops around the edge."""
    needle, needle_height = _lockstitch(seam, course)
    number, part, length = _stitch_place(course)
    reach = np.clip(course.across / np.float32(seam.bite_px), -0.1, 1.12)
    out = np.abs(part - 0.5 * reach) * length
    back = np.abs(part - (1 - 0.5 * reach)) * length
    lean = np.float32(1 / np.sqrt(1 + (0.5 * seam.pitch_px / seam.bite_px) ** 2))
    edge = np.abs(course.across - seam.bite_px - 0.6 * np.cos(2 * np.pi * part))
    distance = np.minimum(np.minimum(out, back) * lean, edge)
    within = (course.across > -0.1 * seam.bite_px) & (course.across < 1.1 * seam.bite_px)
    half = np.float32(0.4 * seam.thread_px)
    loops = np.clip(half - distance + 0.5, 0, 1) * within * course.present[number]
    height = np.sqrt(np.clip(1 - (distance / np.maximum(half, 0.3)) ** 2, 0, 1))
    alpha = np.maximum(needle, loops)
    return alpha.astype(np.float32), np.maximum(needle_height * needle, height * loops)


_THREADS: dict[StitchClass, Callable[[SeamStyle, _Course], tuple[Plane, Plane]]] = {
    "301": _lockstitch,
    "401": _chainstitch,
    "504": _overedge,
}


def _thread(picture: Plane, seam: SeamStyle, course: _Course, alpha: Plane, height: Plane) -> None:
    """Lay threads, alpha and height (H, W) float32, with twist, roundness and shadow."""
    shadow = np.roll(alpha, (1, 1), (0, 1)) * (1 - alpha)
    picture *= (1 - 0.35 * shadow)[..., None]
    ply_px = max(1.5, 0.9 * seam.thread_px)
    twist = np.cos((course.along + 0.8 * course.across) * np.float32(2 * np.pi / ply_px))
    shade = 0.6 + 0.45 * height + 0.08 * twist * (seam.thread_px > 2)
    colour = np.array(seam.colour, np.float32) * 255 * shade[..., None]
    _over(picture, alpha, np.clip(colour, 0, 255))


def _over(picture: Plane, alpha: Plane, colour: Plane) -> None:
    """Lay (3,) or (H, W, 3) float32 over the picture with alpha (H, W) float32."""
    picture += (colour - picture) * alpha[..., None]


def _holes(picture: Plane, seam: SeamStyle, course: _Course) -> None:
    """Darken the needle's holes on a picture (H, W, 3) float32."""
    number = _before(course)
    nearest = number + (
        course.along - course.holes[number] > course.holes[number + 1] - course.along
    )
    radius = np.float32(0.35 * seam.thread_px + 0.5)
    x = (course.along - course.holes[nearest]) / radius
    y = (course.across - course.sideways[nearest]) / radius
    picture *= (1 - 0.5 * np.exp(-(x * x + y * y)))[..., None]


def _fold_edge(canvas: Canvas, seam: SeamStyle, course: _Course) -> None:
    """The layer's edge or fold beside the seam: a step of light with a shadow."""
    offset_px = canvas.between(1.5, 4.0) * seam.thread_px + canvas.between(0, 1.5) * seam.pitch_px
    sign = 1 if canvas.generator.random() < 0.5 else -1
    beside = sign * course.across - np.float32(offset_px)
    dark = np.exp(-((beside / 1.6) ** 2)) * np.float32(canvas.between(0.15, 0.6))
    step = np.clip(beside / 3, 0, 1) * np.float32(canvas.between(-0.1, 0.1))
    canvas.picture *= (1 - dark + step)[..., None]


def _stretch(canvas: Canvas, course: _Course, low: int, high: int) -> tuple[int, int]:
    """First stitch, and the one after the last, of a stretch that lies in the picture."""
    line = np.abs(course.across) < 2.0
    shown = course.along[line] if bool(line.any()) else course.along
    begin, end = np.searchsorted(course.holes, [float(shown.min()), float(shown.max())])
    count = int(canvas.generator.integers(low, high + 1))
    first = int(canvas.generator.integers(begin, max(begin, end - count - 1) + 1))
    last = len(course.holes) - 3
    return min(first, last), min(first + count, last + 1)


def _strip(
    canvas: Canvas, seam: SeamStyle, course: _Course, begin_px: float, end_px: float
) -> None:
    """Mark the seam from one place to another as spoiled."""
    low, high = -seam.thread_px - 1, seam.thread_px + 1
    if seam.stitch == "504":
        high += seam.bite_px
    inside = (course.along >= begin_px) & (course.along <= end_px)
    inside &= (course.across >= low) & (course.across <= high)
    canvas.cover[inside] = 1.0


def _skip(canvas: Canvas, seam: SeamStyle, course: _Course) -> None:
    """Stitches that the hook did not catch: a long float, or nothing but holes."""
    first, after = _stretch(canvas, course, 1, 3)
    _strip(canvas, seam, course, course.holes[first], course.holes[after])
    if seam.stitch != "401" and canvas.generator.random() < 0.5:
        course.loose[first] = canvas.between(-0.5, 0.5) * seam.thread_px
        gone = np.arange(first + 1, after)
        course.holes = np.delete(course.holes, gone)
        course.sideways = np.delete(course.sideways, gone)
        course.present = np.delete(course.present, gone)
        course.loose = np.delete(course.loose, gone)
        if len(gone):
            return
    course.present[first:after] = False


def _uneven(canvas: Canvas, seam: SeamStyle, course: _Course) -> None:
    """The feed slips: long and short stitches that leave the line."""
    first, after = _stretch(canvas, course, 4, 12)
    count = after - first - 1
    if count > 0:
        spread = seam.pitch_px * canvas.between(0.2, 0.4)
        moved = course.holes[first + 1 : after] + spread * canvas.generator.standard_normal(count)
        low, high = course.holes[first], course.holes[after]
        course.holes[first + 1 : after] = np.sort(np.clip(moved, low + 1, high - 1))
        sway = seam.thread_px * canvas.between(0.3, 1.3) * canvas.generator.standard_normal(count)
        course.sideways[first + 1 : after] += sway
    _strip(canvas, seam, course, course.holes[first], course.holes[after])


def _break(canvas: Canvas, seam: SeamStyle, course: _Course) -> None:
    """The thread tore: stitches are gone; the ends are laid later."""
    first, after = _stretch(canvas, course, 1, 5)
    course.present[first:after] = False
    _strip(canvas, seam, course, course.holes[first], course.holes[after])


def _frayed_ends(canvas: Canvas, seam: SeamStyle, course: _Course) -> None:
    """Two torn ends beside the gap."""
    gone = np.flatnonzero(~course.present)
    colour = np.array(seam.colour, np.float32) * 255
    for hole in (gone[0], gone[-1] + 1):
        away = course.along - np.float32(course.holes[hole])
        aside = course.across - np.float32(course.sideways[hole])
        distance = away * away + aside * aside
        row, column = np.unravel_index(int(np.argmin(distance)), distance.shape)
        size_px = seam.pitch_px * canvas.between(0.4, 1.2)
        place = np.array([column, row]) + canvas.generator.normal(0, 0.25 * size_px, 2)
        way = curl(canvas.generator, place, size_px, 0.35)
        yarn(canvas, canvas.stroke(way, max(0.9, 0.6 * seam.thread_px)), colour)


def _pucker(canvas: Canvas, seam: SeamStyle, course: _Course) -> None:
    """The thread is too tight: cloth gathers into small waves along the seam."""
    first, after = _stretch(canvas, course, 3, 9)
    middle = (course.holes[first] + course.holes[after]) / 2
    half = max((course.holes[after] - course.holes[first]) / 2, 0.08 * canvas.side_px)
    width = canvas.between(0.06, 0.2) * canvas.side_px
    away = course.along - np.float32(middle)
    near = np.exp(-((away / half) ** 2) - np.abs(course.across) / width).astype(np.float32)
    wave_px = canvas.between(0.35, 1.1) * half
    lean = course.across * np.float32(canvas.between(-0.5, 0.5))
    phase = (away + lean) * np.float32(2 * np.pi / wave_px) + np.float32(canvas.between(0, 6.3))
    depth = np.float32(np.clip(canvas.between(0.15, 0.5) * canvas.boldness_ratio, 0.12, 0.7))
    angle = np.deg2rad(canvas.grain.angle_deg + seam.turn_deg)
    push = near * np.cos(phase) * np.float32(0.12 * wave_px)
    canvas.move(push * np.float32(np.cos(angle)), push * np.float32(np.sin(angle)))
    canvas.picture *= (1 + depth * near * np.sin(phase))[..., None]
    cloth = course.across < (seam.bite_px if seam.stitch == "504" else np.inf)
    np.maximum(canvas.cover, ((near > 0.25) & cloth).astype(np.float32), out=canvas.cover)


def _open(canvas: Canvas, seam: SeamStyle, course: _Course) -> None:
    """The layers part: a gap with what lies below, and stitches torn or stretched across."""
    first, after = _stretch(canvas, course, 2, 7)
    begin, end = course.holes[first], course.holes[after]
    part = np.clip((course.along - begin) / max(end - begin, 1.0), 0, 1)
    half = np.sin(np.pi * part) * seam.thread_px * canvas.between(0.8, 2.2)
    middle = np.float32(0.5 * seam.bite_px if seam.stitch == "504" else 0.0)
    alpha = np.clip(half - np.abs(course.across - middle) + 0.5, 0, 1) * (half > 0.3)
    below = np.array(seam.table, np.float32) * 255 * canvas.between(0.2, 1.0)
    if abs(float(below.mean()) - float(canvas.tone.mean())) < 20:
        below = np.full(3, 10.0 if float(canvas.tone.mean()) > 40 else 180.0, np.float32)
    canvas.paint(alpha.astype(np.float32), below)
    torn = canvas.generator.random(after - first) < 0.6
    course.present[first:after] = ~torn
    for index in np.flatnonzero(~torn) + first:
        course.loose[index] = canvas.between(-1.5, 1.5) * seam.thread_px


_BEFORE: dict[SeamFlaw, Callable[[Canvas, SeamStyle, _Course], None]] = {
    "skipped_stitch": _skip,
    "uneven_stitch": _uneven,
    "broken_stitch": _break,
    "pucker": _pucker,
    "open_seam": _open,
}
_AFTER: dict[SeamFlaw, Callable[[Canvas, SeamStyle, _Course], None]] = {
    "broken_stitch": _frayed_ends
}
