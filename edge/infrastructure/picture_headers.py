"""The size that a picture's header states, read before anything is decoded.

A file of a few kilobytes may unfold to gigabytes; whoever decodes first has them in memory already.
"""

import struct

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WIDTH_TAG, _HEIGHT_TAG = 256, 257
_SHORT = 3


def stated_size(data: bytes) -> tuple[int, int] | None:
    """Return (height, width) in px that PNG, JPEG, BMP, WebP or TIFF state, None where unknown."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            width, height = struct.unpack_from(">II", data, 16)
        elif data.startswith(b"\xff\xd8"):
            return _jpeg(data)
        elif data.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", data, 18)
        elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return _webp(data)
        elif data[:4] in {b"II*\0", b"MM\0*"}:
            return _tiff(data, "<" if data[:1] == b"I" else ">")
        else:
            return None
    except struct.error:
        return None
    return abs(height), abs(width)


def _jpeg(data: bytes) -> tuple[int, int] | None:
    """Walk the segments up to the frame's header."""
    place = 2
    while True:
        mark, kind, length = struct.unpack_from(">BBH", data, place)
        if mark != 0xFF:
            return None
        if kind in _FRAMES:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return height, width
        place += 1 if kind == 0xFF else 2 + length


def _webp(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        return height, width
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return height & 0x3FFF, width & 0x3FFF


def _tiff(data: bytes, order: str) -> tuple[int, int] | None:
    (place,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, place)
    sides = {}
    for index in range(count):
        tag, kind = struct.unpack_from(f"{order}HH", data, place + 2 + 12 * index)
        form = "H" if kind == _SHORT else "I"
        sides[tag] = struct.unpack_from(f"{order}{form}", data, place + 10 + 12 * index)[0]
    if _WIDTH_TAG not in sides or _HEIGHT_TAG not in sides:
        return None
    return sides[_HEIGHT_TAG], sides[_WIDTH_TAG]
