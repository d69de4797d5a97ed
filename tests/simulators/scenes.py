"""Scenes that the simulated cameras of the floor see.

`compose` says what lies on the table, `render_scene` draws it, `save_frame` puts the picture where
a station's `replay:DIR?follow=1` source looks. From a shell:

    python -m tests.simulators.scenes --out DIR --kind good --count 20 --size 4000x3000 --seed 1
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

import cv2
import numpy as np
import segno
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.camera import Camera, Placement
from cloud.infrastructure.training.rendering.defects import Defect
from cloud.infrastructure.training.rendering.demo_style import DEMO_STYLE, DemoStyle
from cloud.infrastructure.training.rendering.garment import Panel
from cloud.infrastructure.training.rendering.laying import Garment
from cloud.infrastructure.training.rendering.markers import Label, TableTags
from cloud.infrastructure.training.rendering.scene import SceneSpec, SceneTruth, render_scene
from cloud.infrastructure.training.rendering.seam import Seam
from cloud.infrastructure.training.rendering.sensor import Light, Sensor

SceneKind = Literal[
    "empty",  # the bare table with its tags
    "label",  # a label alone
    "cut",  # a good panel, no seam yet: CUT
    "good",  # a good panel with its seam: SEW and QC
    "length_off",  # the panel is longer than nominal, by 14 mm unless `length_offset_mm` says so
    "uneven",  # every needle hole jitters by 0.4 mm
    "skipped",  # some stitches are missing
    "pitch",  # sewn evenly at the wrong pitch, 2.5 mm unless `pitch_mm` says so
    "stain",
    "hole",
    "broken_end",
    "snag",
    "loose_thread",
    "pucker",
    "black",  # the camera sees nothing
    "blurred",  # out of focus
    "tags_hidden",  # something covers two of the four tags
]
KINDS: tuple[SceneKind, ...] = get_args(SceneKind)
Picture = NDArray[np.uint8]

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_UNEVEN_JITTER_MM = 0.4
_DEFECT_SIZE_MM = {
    "stain": 22.0,
    "hole": 7.0,
    "broken_end": 60.0,
    "snag": 25.0,
    "loose_thread": 35.0,
    "pucker": 45.0,
}


def station_camera(width_px: int = 4000, height_px: int = 3000) -> Camera:
    """The camera as it was screwed to the ceiling: slightly crooked, and never moving."""
    return Camera(
        width_px=width_px,
        height_px=height_px,
        tilt_x_deg=0.6,
        tilt_y_deg=-0.4,
        roll_deg=0.3,
        shift_x_mm=2.0,
        shift_y_mm=-1.5,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the simulator wants to see; None means the kind's own, or a random choice.

    `length_offset_mm`, `width_offset_mm` and `pitch_mm` hold for every kind: a stained panel may be
    too long as well, and a reworked one is good at another pitch. `seamed` overrides whether the
    panel has its seam (a fault may show at CUT as well as at QC). `with_label` False: the worker
    took the label away.
    """

    kind: SceneKind = "good"
    label_text: str | None = None
    with_label: bool = True
    seamed: bool | None = None
    length_offset_mm: float | None = None
    width_offset_mm: float = 0.0
    pitch_mm: float | None = None
    style: DemoStyle = DEMO_STYLE
    camera: Camera = field(default_factory=station_camera)
    pose: Placement | None = None


def compose(request: Request, generator: np.random.Generator) -> SceneSpec:
    """Lay the table for a request; the same generator state gives the same table."""
    kind = request.kind
    light = Light(level_ratio=float(generator.uniform(0.98, 1.02)))
    sensor, tags = Sensor(), TableTags()
    if kind == "black":
        light = replace(light, level_ratio=0.004)
    if kind == "blurred":
        sensor = replace(sensor, blur_px=0.0025 * request.camera.width_px)
    if kind == "tags_hidden":
        tags = replace(tags, centres_mm={n: tags.centres_mm[n] for n in (0, 2)})
    garment = None if kind in {"empty", "label"} else _garment(request, generator)
    label = None
    if kind != "empty" and request.with_label:
        label = _label(request.label_text or random_label_text(generator), generator)
    return SceneSpec(
        camera=request.camera, light=light, sensor=sensor, tags=tags, garment=garment, label=label
    )


def draw(request: Request, generator: np.random.Generator) -> tuple[Picture, SceneTruth]:
    """`compose`, then `render_scene`."""
    return render_scene(compose(request, generator), generator)


def code_matrix(text: str) -> NDArray[np.bool_]:
    """Modules of a QR code with error correction H, without quiet zone: (N, N) bool, true = ink."""
    code = segno.make(text, error="h", micro=False, boost_error=False)
    return np.array([[bool(module) for module in row] for row in code.matrix])


def random_label_text(generator: np.random.Generator) -> str:
    """A label of nobody's piece, well formed."""
    organization, piece = (
        "01" + "".join(_CROCKFORD[i] for i in generator.integers(0, 32, 24)) for _ in range(2)
    )
    return f"KY1:P:{organization}:{piece}"


def encode_frame(picture: Picture, *, suffix: str = ".jpg", quality: int = 92) -> bytes:
    """A picture (H, W, 3) uint8 RGB as the bytes of a `.jpg` or `.png` file."""
    settings = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    if suffix == ".jpg":
        settings = [cv2.IMWRITE_JPEG_QUALITY, quality]
    written, encoded = cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), settings)
    if not written:
        raise ValueError(f"cannot encode a picture as {suffix}")
    return bytes(encoded)


def rename_in(
    directory: Path, encoded: bytes, sequence: int, *, suffix: str = ".jpg", keep: int | None = None
) -> Path:
    """Write a frame beside its place and rename it in, so that no reader sees half of it.

    The same bytes may be renamed in again and again: a station takes two seconds without a new
    frame for an unplugged camera. With `keep`, only that many newest frames stay in the folder.
    """
    directory.mkdir(parents=True, exist_ok=True)
    place = directory / f"{sequence:08d}{suffix}"
    partial = directory / f".{sequence:08d}.partial"
    partial.write_bytes(encoded)
    partial.replace(place)
    if keep is not None:
        for old in sorted(directory.glob(f"[0-9]*{suffix}"))[:-keep]:
            old.unlink(missing_ok=True)
    return place


def save_frame(
    directory: Path, picture: Picture, sequence: int, *, suffix: str = ".jpg", quality: int = 92
) -> Path:
    """`encode_frame`, then `rename_in`."""
    return rename_in(
        directory, encode_frame(picture, suffix=suffix, quality=quality), sequence, suffix=suffix
    )


def describe(truth: SceneTruth) -> dict[str, object]:
    """The truth in JSON's words, for a ledger."""
    return {
        "label_text": truth.label_text,
        "measures_mm": {m.name: round(m.value_mm, 4) for m in truth.measures},
        "seams": [
            {
                "name": s.name,
                "pitch_mm": round(s.pitch_mm, 5),
                "cv_ratio": round(s.cv_ratio, 5),
                "skipped_count": s.skipped_count,
            }
            for s in truth.seams
        ],
        "defects": [
            {
                "class": d.kind,
                "area_mm2": round(d.area_mm2, 3),
                "polygon_px": np.round(d.polygon_px, 2).tolist(),
            }
            for d in truth.defects
        ],
    }


def _garment(request: Request, generator: np.random.Generator) -> Garment:
    kind, style = request.kind, request.style
    offset_mm = request.length_offset_mm
    if offset_mm is None:
        offset_mm = 14.0 if kind == "length_off" else 0.0
    panel = Panel(
        length_mm=style.length_mm + offset_mm, width_mm=style.width_mm + request.width_offset_mm
    )
    pose = request.pose or Placement(
        x_mm=550.0 + float(generator.uniform(-15, 15)),
        y_mm=412.5 + float(generator.uniform(-10, 10)),
        turn_deg=float(generator.uniform(-3, 3)),
    )
    seamed = kind != "cut" if request.seamed is None else request.seamed
    return Garment(
        panel=panel,
        fabric=style.fabric,
        pose=pose,
        seams=(_seam(request, generator),) if seamed else (),
        defects=tuple(_defects(request, panel, generator)),
        points=style.points,
    )


def _seam(request: Request, generator: np.random.Generator) -> Seam:
    seam = request.style.seam
    pitch_mm = request.pitch_mm
    if pitch_mm is None:
        pitch_mm = 2.5 if request.kind == "pitch" else seam.pitch_mm
    seam = replace(seam, pitch_mm=pitch_mm)
    if request.kind == "uneven":
        return replace(seam, jitter_mm=_UNEVEN_JITTER_MM * pitch_mm / 3.0)
    if request.kind == "skipped":
        missing = generator.choice(np.arange(6, int(280 / pitch_mm)), 4, replace=False)
        return replace(seam, skipped=tuple(int(i) for i in missing))
    return seam


def _defects(request: Request, panel: Panel, generator: np.random.Generator) -> Iterator[Defect]:
    size_mm = _DEFECT_SIZE_MM.get(request.kind)
    if size_mm is None:
        return
    x_mm = float(generator.uniform(-0.32, 0.32)) * panel.width_mm
    y_mm = float(generator.uniform(-0.36, 0.36)) * panel.length_mm
    if request.kind == "pucker":
        y_mm = panel.length_mm / 2 - request.style.seam_inset_mm - 8.0
    yield Defect(
        kind=request.kind,
        x_mm=x_mm,
        y_mm=y_mm,
        size_mm=size_mm * float(generator.uniform(0.85, 1.15)),
        strength_ratio=0.8,
    )


def _label(text: str, generator: np.random.Generator) -> Label:
    return Label(
        text=text,
        code=code_matrix(text),
        placement=Placement(
            x_mm=900.0 + float(generator.uniform(-15, 15)),
            y_mm=400.0 + float(generator.uniform(-60, 60)),
            turn_deg=float(generator.uniform(-12, 12)),
        ),
    )


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--kind", choices=KINDS, default="good")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--size", type=_size, default=(4000, 3000), help="WIDTHxHEIGHT in px")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--text", help="the label's text (random when left out)")
    parser.add_argument("--format", choices=("jpg", "png"), default="jpg")
    parser.add_argument("--truth", type=Path, help="file for one line of JSON a picture")
    options = parser.parse_args()
    generator = np.random.default_rng(options.seed)
    request = Request(
        kind=options.kind, label_text=options.text, camera=station_camera(*options.size)
    )
    lines = []
    for sequence in range(1, options.count + 1):
        picture, truth = draw(request, generator)
        place = save_frame(options.out, picture, sequence, suffix=f".{options.format}")
        lines.append(json.dumps({"picture": place.name, "kind": options.kind} | describe(truth)))
        print(place)
    if options.truth is not None:
        options.truth.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
