"""A label as a grey picture: the same drawing for screens, thermal printers and the simulator."""

import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import segno
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

FONT = Path(__file__).parent / "fonts" / "kyndof-label-sans-bold.ttf"
QUIET_MODULES = 4
SYMBOL_MM = 40.0
MODULE_PX = 8
_LINE_PX = 40
_SMALLEST_PX = 16
_WHITE = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPicture:
    """``pixels`` is (H, W) uint8, black on white; ``mm_per_px_ratio`` is its printed scale.

    Printed at that scale the QR symbol is 40 mm wide, without its quiet zone of 4 modules.
    """

    pixels: NDArray[np.uint8]
    mm_per_px_ratio: float


def qr_modules(text: str) -> NDArray[np.bool_]:
    """Return the QR symbol of ``text`` as (N, N) bool, True is black, without quiet zone.

    Alphanumeric mode, error correction H: 30 % of the symbol may be hidden or torn.

    Raises:
        ValueError: ``text`` holds something else than capitals, digits and a few signs.
    """
    code = segno.make(text, error="h", mode="alphanumeric", micro=False, boost_error=False)
    return np.array([list(row) for row in code.matrix], dtype=bool)


def draw_label(text: str, lines: tuple[str, ...], codes_count: int = 2) -> LabelPicture:
    """Draw the code, ``codes_count`` times side by side, and the lines below it.

    A second code is there so that a fold, a pin or a stain over one leaves the other.
    """
    modules = qr_modules(text)
    framed = np.pad(modules, QUIET_MODULES)
    symbol = np.where(framed, 0, _WHITE).astype(np.uint8)
    symbol = symbol.repeat(MODULE_PX, axis=0).repeat(MODULE_PX, axis=1)
    codes = np.concatenate([symbol] * codes_count, axis=1)
    width = codes.shape[1]
    canvas = Image.new("L", (width, codes.shape[0] + len(lines) * _LINE_PX + 8), _WHITE)
    canvas.paste(Image.fromarray(codes), (0, 0))
    pen = ImageDraw.Draw(canvas)
    for number, line in enumerate(lines):
        font = _fitting(line, width - 2 * MODULE_PX)
        top = codes.shape[0] - MODULE_PX + number * _LINE_PX
        pen.text((width / 2, top + _LINE_PX / 2), line, fill=0, font=font, anchor="mm")
    scale = SYMBOL_MM / (modules.shape[0] * MODULE_PX)
    return LabelPicture(pixels=np.asarray(canvas, dtype=np.uint8), mm_per_px_ratio=scale)


def render_label_png(text: str, title_lines: tuple[str, ...], codes_count: int = 1) -> bytes:
    """Return the label as a grey PNG whose resolution states its printed size."""
    label = draw_label(text, title_lines, codes_count)
    per_inch = 25.4 / label.mm_per_px_ratio
    target = io.BytesIO()
    Image.fromarray(label.pixels).save(target, "PNG", dpi=(per_inch, per_inch), optimize=True)
    return target.getvalue()


@lru_cache(maxsize=64)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT), size_px)


def _fitting(line: str, width_px: int) -> ImageFont.FreeTypeFont:
    """Return the font at the largest size at which the line fits."""
    size = _LINE_PX - 8
    while size > _SMALLEST_PX and _font(size).getlength(line) > width_px:
        size -= 2
    return _font(size)
