"""Codes in the camera's view, looked for all day and so looked for cheaply."""

import time
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.capture.ports import Frame
from edge.infrastructure.frame_pictures import decode_pixels
from edge.infrastructure.qr_readers import read_with_zxing
from edge.scanning.code import agreed, without_repeats
from edge.scanning.ports import CodeReader

Grey = NDArray[np.uint8]
_TRACE = (64, 48)
_CHANGED_COUNT = 10
_PATIENT_EVERY_S = 10.0
_PATIENT_REST_S = 1.0


class CameraCodes:
    """Reads each frame at half its size, and patiently only where the view changed.

    A frame of the same bytes, or a view that did not change since somebody looked patiently, holds
    the same codes. Not for several threads at once.
    """

    def __init__(self, patient: CodeReader, clock: Callable[[], float] = time.monotonic) -> None:
        self._patient = patient
        self._clock = clock
        self._bytes: bytes | None = None
        self._texts: tuple[str, ...] = ()
        self._trace: NDArray[np.int16] | None = None
        self._patient_texts: tuple[str, ...] = ()
        self._patient_s = float("-inf")

    def read(self, frame: Frame) -> tuple[str, ...]:
        """Return the texts of the codes in a frame."""
        if frame.encoded is None or frame.encoded != self._bytes:
            self._texts = self._look(frame)
            self._bytes = frame.encoded
        return self._texts

    def _look(self, frame: Frame) -> tuple[str, ...]:
        grey = _half(frame)
        if grey is None:
            return ()
        quick = without_repeats(agreed(read_with_zxing(grey)))
        if quick:
            return tuple(code.text for code in quick)
        if not self._worth_patience(grey):
            return self._patient_texts
        pixels = decode_pixels(frame)
        codes = () if pixels is None else self._patient.read(pixels)
        self._patient_texts = tuple(code.text for code in codes)
        return self._patient_texts

    def _worth_patience(self, grey: Grey) -> bool:
        """Say whether ``grey`` (H, W) uint8 shows another view than the last patient look."""
        now_s = self._clock()
        trace = np.asarray(cv2.resize(grey, _TRACE, interpolation=cv2.INTER_AREA), dtype=np.int16)
        known = self._trace
        changed = known is None or int(np.abs(trace - known).max()) > _CHANGED_COUNT
        if changed:
            self._patient_texts = ()
        waited_s = now_s - self._patient_s
        if waited_s < (_PATIENT_REST_S if changed else _PATIENT_EVERY_S):
            return False
        self._trace, self._patient_s = trace, now_s
        return True


def _half(frame: Frame) -> Grey | None:
    """Return a frame's brightness at half its size, (H, W) uint8; None when it is no picture."""
    if frame.pixels is not None:
        grey = cv2.cvtColor(frame.pixels, cv2.COLOR_BGR2GRAY)
        half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        return np.asarray(half, dtype=np.uint8)
    try:
        content = np.frombuffer(frame.encoded or b"\0", dtype=np.uint8)
        decoded = cv2.imdecode(content, cv2.IMREAD_REDUCED_GRAYSCALE_2)
    except cv2.error:
        return None
    return None if decoded is None else np.asarray(decoded, dtype=np.uint8)
