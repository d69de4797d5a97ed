"""Smaller variants of pictures for lists and tablets."""

import cv2
import numpy as np

#: Widths on offer, in pixels; a wished width gets the next larger one.
WIDTHS = (160, 320, 640, 1280, 2560)
QUALITY = 85


class PictureUnreadableError(Exception):
    """The bytes are no picture that can be scaled."""

    code = "PICTURE_UNREADABLE"


def downscale(content: bytes, width_px: int) -> bytes:
    """Return the picture ``width_px`` wide as JPEG; one that is not wider comes back as it is.

    Raises:
        PictureUnreadableError: the bytes cannot be decoded.
    """
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise PictureUnreadableError("the picture cannot be decoded") from error
    if picture is None:
        raise PictureUnreadableError("the picture cannot be decoded")
    height, width = picture.shape[:2]
    if width <= width_px:
        return content
    size = (width_px, max(1, round(height * width_px / width)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return encoded.tobytes()
