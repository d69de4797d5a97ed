"""Labels in ZPL for thermal printers of 203 dpi, whole as graphics: no printer font is needed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.labels.picture import draw_label
from cloud.production.queries import LabelView

_WIDTH_DOTS = 800
_BLACK_BELOW = 128
_MARGIN_DOTS = 8
_TWENTY = 20
_LONGEST = 400 + 19


def label_zpl(labels: Sequence[LabelView]) -> bytes:
    """Return one format (^XA … ^XZ) a label, 100 mm wide at 8 dots a millimetre."""
    return "".join(_format(label) for label in labels).encode("ascii")


def _format(label: LabelView) -> str:
    black = draw_label(label.text, label.lines).pixels < _BLACK_BELOW
    height, width = black.shape
    left = max((_WIDTH_DOTS - width) // 2, 0)
    rows = -(-width // 8)
    return (
        f"^XA^CI28^PW{_WIDTH_DOTS}^LL{height + 2 * _MARGIN_DOTS}"
        f"^FO{left},{_MARGIN_DOTS}^GFA,{rows * height},{rows * height},{rows},"
        f"{compressed(black)}^FS^XZ\n"
    )


def compressed(black: NDArray[np.bool_]) -> str:
    """Return (H, W) bool, True is black, as the hexadecimal rows of ^GFA with run lengths.

    G…Y count 1…19 and g…z 20, 40 … 400 repeats of the digit that follows; a comma fills the row
    with white, a colon repeats the row before.
    """
    rows = [bytes(row).hex().upper() for row in np.packbits(black, axis=1)]
    parts: list[str] = []
    before = None
    for row in rows:
        parts.append(":" if row == before else _row(row))
        before = row
    return "".join(parts)


def _row(digits: str) -> str:
    kept = digits.rstrip("0")
    parts = []
    place = 0
    while place < len(kept):
        end = place
        while end < len(kept) and kept[end] == kept[place] and end - place < _LONGEST:
            end += 1
        parts.append(_count(end - place) + kept[place])
        place = end
    if len(kept) < len(digits):
        parts.append(",")
    return "".join(parts)


def _count(repeats: int) -> str:
    if repeats == 1:
        return ""
    twenties, ones = divmod(repeats, _TWENTY)
    large = chr(ord("g") + twenties - 1) if twenties else ""
    return large + (chr(ord("G") + ones - 1) if ones else "")
