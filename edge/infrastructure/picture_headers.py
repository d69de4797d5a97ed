"""The size that a picture's header states, read before anything is decoded.

A file of a few kilobytes may unfold to gigabytes; whoever decodes first has them in memory already.
"""

import io

from PIL import Image

# Pillow would warn of large pictures on its own account; whoever asks here judges the size.
Image.MAX_IMAGE_PIXELS = None
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "PPM")
# What damaged headers raise there; a warning only where warnings are errors.
_DAMAGED = (OSError, ValueError, OverflowError, SyntaxError, EOFError, Warning)


def stated_size(data: bytes) -> tuple[int, int] | None:
    """Return (height, width) in px that a picture states, None where it is none that we read."""
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            width, height = picture.size
    except _DAMAGED:
        return None
    return height, width
