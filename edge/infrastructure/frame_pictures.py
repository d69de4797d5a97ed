"""Frames as pixels, as the bytes that are kept, and small."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.capture.ports import Frame
from edge.infrastructure.opencv_pictures import LARGEST_PX, decoded
from edge.infrastructure.picture_headers import stated_size
from edge.inspection.errors import PictureTooLargeError, PictureUnreadableError
from edge.station.errors import FrameBrokenError, FrameTooLargeError
from edge.station.inspection_record import Shot

_JPEG_QUALITY = 90
_PREVIEW_QUALITY = 70
_PREVIEW_WIDTH_PX = 960
_MAGIC = {b"\xff\xd8\xff": "image/jpeg", b"\x89PN": "image/png"}


def decode_shot(frame: Frame) -> Shot:
    """Return a frame as pixels and as the bytes that are kept.

    Raises:
        FrameBrokenError: the bytes are no picture.
        FrameTooLargeError: it has more pixels than are judged.
    """
    if frame.pixels is not None:
        quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        ok, jpeg = cv2.imencode(".jpg", frame.pixels, quality)
        if not ok:
            raise FrameBrokenError
        rgb = np.ascontiguousarray(frame.pixels[:, :, ::-1])
        return Shot(
            pixels=rgb,
            encoded=jpeg.tobytes(),
            content_type="image/jpeg",
            sequence=frame.sequence,
        )
    encoded = frame.encoded or b""
    try:
        pixels = decoded(encoded, "frame")
    except PictureTooLargeError as error:
        raise FrameTooLargeError from error
    except PictureUnreadableError as error:
        raise FrameBrokenError from error
    content_type = _MAGIC.get(encoded[:3])
    if content_type is None:
        bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
        content_type = "image/jpeg"
    return Shot(pixels=pixels, encoded=encoded, content_type=content_type, sequence=frame.sequence)


def decode_pixels(frame: Frame) -> NDArray[np.uint8] | None:
    """Return a frame as (H, W, 3) uint8 RGB; None when it cannot be decoded."""
    if frame.pixels is not None:
        return np.ascontiguousarray(frame.pixels[:, :, ::-1])
    try:
        return decoded(frame.encoded or b"", "frame")
    except PictureUnreadableError:
        return None


def decode_small(frame: Frame, width_px: int = _PREVIEW_WIDTH_PX) -> bytes | None:
    """Return a frame as a small JPEG; None when it cannot be decoded."""
    pixels = frame.pixels
    if pixels is None:
        pixels = _decode(frame.encoded or b"", cv2.IMREAD_REDUCED_COLOR_4)
    return None if pixels is None else _small_jpeg(pixels, width_px)


def shrink_picture(content: bytes, width_px: int = 1600) -> bytes | None:
    """Return an encoded picture as a JPEG of at most that width; None when it is none."""
    pixels = _decode(content, cv2.IMREAD_REDUCED_COLOR_2)
    return None if pixels is None else _small_jpeg(pixels, width_px)


def _small_jpeg(pixels: NDArray[np.uint8], width_px: int) -> bytes | None:
    """Return (H, W, 3) uint8 BGR as a JPEG of at most that width."""
    height, width = pixels.shape[:2]
    if width > width_px:
        size = (width_px, max(1, round(height * width_px / width)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    ok, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _PREVIEW_QUALITY])
    return jpeg.tobytes() if ok else None


def _decode(content: bytes, how: int) -> NDArray[np.uint8] | None:
    size = stated_size(content)
    if size is None or size[0] * size[1] > LARGEST_PX:
        return None
    try:
        pixels = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), how)
    except cv2.error:
        return None
    return None if pixels is None else np.asarray(pixels, dtype=np.uint8)
