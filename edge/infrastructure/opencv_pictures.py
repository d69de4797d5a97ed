"""Pictures by OpenCV: decoding, shrinking, overlays."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.infrastructure.picture_headers import stated_size
from edge.inspection.errors import PictureTooLargeError, PictureUnreadableError

LARGEST_PX = 50_000_000
_LARGEST_BYTES = 256 * 1024 * 1024
_NO_PICTURE = "not a picture that can be decoded"


class OpenCvPictureFiles:
    """Implements ``PictureFiles``."""

    def read(self, path: str) -> NDArray[np.uint8]:
        """Decode any common format, grey, with alpha or 16 bits deep, as (H, W, 3) uint8 RGB."""
        try:
            if Path(path).stat().st_size > _LARGEST_BYTES:
                raise PictureUnreadableError(path, "larger than 256 MiB")
            data = Path(path).read_bytes()
        except OSError as problem:
            raise PictureUnreadableError(path, problem.strerror or str(problem)) from problem
        return decoded(data, path)

    def write_overlay(
        self, path: str, picture: NDArray[np.uint8], polygons_px: tuple[NDArray[np.float64], ...]
    ) -> None:
        """Write a copy of ``picture`` (H, W, 3) uint8 with outlines (N, 2) float64 as PNG."""
        copy = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        width = max(1, round(max(picture.shape[:2]) / 800))
        for polygon in polygons_px:
            points = [np.round(polygon).astype(np.int32)]
            cv2.polylines(copy, points, True, (255, 255, 255), width + 2, cv2.LINE_AA)
            cv2.polylines(copy, points, True, (0, 0, 230), width, cv2.LINE_AA)
        encoded, data = cv2.imencode(".png", copy)
        if not encoded:
            raise PictureUnreadableError(path, "cannot be encoded as PNG")
        Path(path).write_bytes(data.tobytes())


def decoded(data: bytes, name: str) -> NDArray[np.uint8]:
    """Decode ``data`` as (H, W, 3) uint8 RGB.

    Raises:
        PictureTooLargeError: its header states more pixels than are judged.
        PictureUnreadableError: not a picture, or cut off.
    """
    if not data:
        raise PictureUnreadableError(name, "the file is empty")
    size = stated_size(data)
    if size is None:
        raise PictureUnreadableError(name, _NO_PICTURE)
    if size[0] * size[1] > LARGEST_PX:
        raise PictureTooLargeError(name, LARGEST_PX // 1_000_000)
    photograph = data[:2] == b"\xff\xd8"
    flags = cv2.IMREAD_COLOR_RGB if photograph else cv2.IMREAD_UNCHANGED
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as problem:
        raise PictureUnreadableError(name, _NO_PICTURE) from problem
    if picture is None or picture.size == 0:
        raise PictureUnreadableError(name, _NO_PICTURE)
    if photograph:
        return np.asarray(picture, dtype=np.uint8)
    return _as_rgb(_as_bytes(picture))


def _as_bytes(picture: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Bring ``picture`` (H, W) or (H, W, C) of any depth to uint8."""
    if picture.dtype == np.uint8:
        return np.asarray(picture, dtype=np.uint8)
    if picture.dtype == np.uint16:
        return (picture.astype(np.uint16) >> 8).astype(np.uint8)
    return np.clip(picture.astype(np.float32) * 255, 0, 255).astype(np.uint8)


def _as_rgb(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn ``picture`` (H, W) or (H, W, C) uint8 grey, BGR or BGRA into RGB on white."""
    if picture.ndim == 2:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
    channels = picture.shape[2]
    if channels == 3:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    colour = picture[..., : channels - 1]
    if channels == 2:
        colour = colour.repeat(3, axis=2)
    opaque = picture[..., -1:].astype(np.float32) / 255
    mixed = colour * opaque + 255 * (1 - opaque)
    return np.ascontiguousarray(np.round(mixed).astype(np.uint8)[..., ::-1])


class OpenCvScaler:
    """Implements ``PictureScaler``."""

    def scaled(
        self, picture: NDArray[np.uint8], height_px: int, width_px: int
    ) -> NDArray[np.uint8]:
        """Shrink ``picture`` (H, W, 3) uint8 by averaging."""
        size = (width_px, height_px)
        shrunk = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        return np.asarray(shrunk, dtype=np.uint8)
