"""Pictures for the simulated cameras: each look is drawn once and kept; labels are laid on top.

Drawing 12 megapixels takes more than a second of one core, laying a label a tenth of that.
"""

import asyncio
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.labels.picture import draw_label
from cloud.infrastructure.training.rendering.camera import Camera
from tests.simulators.scenes import (
    Request,
    SceneKind,
    describe,
    draw,
    encode_frame,
    station_camera,
)

_PAPER, _INK = 214.0, 26.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What lies on the table, apart from the label; None as in `scenes.Request`."""

    kind: SceneKind
    seamed: bool | None = None
    pitch_mm: float | None = None
    variant: int = 0
    length_offset_mm: float | None = None
    width_offset_mm: float = 0.0

    @property
    def name(self) -> str:
        """A file name of its own."""
        seam = {None: "", True: "-seamed", False: "-bare"}[self.seamed]
        pitch = f"-{self.pitch_mm:g}mm" if self.pitch_mm is not None else ""
        size = "" if self.length_offset_mm is None else f"-l{self.length_offset_mm:+g}mm"
        size += f"-w{self.width_offset_mm:+g}mm" if self.width_offset_mm else ""
        return f"{self.kind}{seam}{pitch}{size}-{self.variant}"


class Wardrobe:
    """Draws looks on demand, one at a time, and keeps their files."""

    def __init__(self, folder: Path, *, seed: int = 1, camera: Camera | None = None) -> None:
        self.camera = camera or station_camera()
        width, height = self.camera.picture_size_px
        self._folder = folder / f"{width}x{height}-seed{seed}"
        self._seed = seed
        self._drawing = asyncio.Lock()

    async def picture(
        self, look: Look, label: tuple[str, tuple[str, ...]] | None = None
    ) -> tuple[bytes, dict[str, Any]]:
        """An encoded JPEG and the truth about it; `label` is a code's text and its lines."""
        async with self._drawing:
            encoded, truth = await asyncio.to_thread(self._kept, look)
            if label is not None:
                encoded = await asyncio.to_thread(lay_label, encoded, self.camera, *label)
                truth = truth | {"label_text": label[0]}
        return encoded, truth

    def _kept(self, look: Look) -> tuple[bytes, dict[str, Any]]:
        picture, words = (self._folder / f"{look.name}{end}" for end in (".jpg", ".json"))
        if not words.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            encoded, truth = self._drawn(look)
            picture.write_bytes(encoded)
            # Last: whoever finds the words finds a whole picture too.
            words.write_text(json.dumps(truth), encoding="utf-8")
        truth = json.loads(words.read_text("utf-8"))
        return picture.read_bytes(), truth

    def _drawn(self, look: Look) -> tuple[bytes, dict[str, Any]]:
        request = Request(
            kind=look.kind,
            with_label=False,
            seamed=look.seamed,
            pitch_mm=look.pitch_mm,
            length_offset_mm=look.length_offset_mm,
            width_offset_mm=look.width_offset_mm,
            camera=self.camera,
        )
        letters = [self._seed, look.variant, *look.name.encode()]
        pixels, truth = draw(request, np.random.default_rng(letters))
        return encode_frame(pixels), {"look": asdict(look), **describe(truth)}


def lay_label(encoded: bytes, camera: Camera, text: str, lines: tuple[str, ...]) -> bytes:
    """Lay one of our own label maker's labels beside the garment; its place varies by text."""
    pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    printed = draw_label(text, lines, 1)
    height, width = printed.pixels.shape
    size_mm = np.array([width, height]) * printed.mm_per_px_ratio
    generator = np.random.default_rng(list(text.encode()))
    angle = np.deg2rad(generator.uniform(-12, 12))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([900.0 + generator.uniform(-15, 15), 400.0 + generator.uniform(-60, 60)])
    half = size_mm / 2 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    corners = camera.project(half @ turn.T + middle)
    _paste(pixels, printed.pixels, corners)
    written, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])
    if not written:
        raise ValueError("cannot encode the picture with its label")
    return bytes(jpeg)


def _paste(
    pixels: NDArray[np.uint8], grey: NDArray[np.uint8], corners_px: NDArray[np.float64]
) -> None:
    """Draw a grey picture (h, w) into (H, W, 3) at four corners (4, 2), in place."""
    low = np.floor(corners_px.min(axis=0)).astype(int) - 2
    high = np.ceil(corners_px.max(axis=0)).astype(int) + 3
    span = high - low
    # Shrunk in steps to about the picture's scale first: warping alone would alias.
    ratio = float(np.linalg.norm(corners_px[1] - corners_px[0])) / grey.shape[1]
    small = cv2.resize(grey, None, fx=ratio * 1.2, fy=ratio * 1.2, interpolation=cv2.INTER_AREA)
    height, width = small.shape
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, (corners_px - low).astype(np.float32))
    size = (int(span[0]), int(span[1]))
    ink = cv2.warpPerspective(small.astype(np.float32), matrix, size, flags=cv2.INTER_LINEAR)
    cover = cv2.warpPerspective(np.ones((height, width), np.float32), matrix, size)
    shade = cv2.GaussianBlur(_INK + ink / 255 * (_PAPER - _INK), (0, 0), 0.6)
    place = pixels[low[1] : high[1], low[0] : high[0]]
    mixed = place * (1 - cover[..., None]) + (shade * cover)[..., None]
    place[:] = np.clip(mixed, 0, 255).astype(np.uint8)
