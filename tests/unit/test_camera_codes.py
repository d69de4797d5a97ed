"""Codes in the camera's view: read cheaply, patiently where it pays, and remembered."""

import cv2
import numpy as np
import pytest

from edge.capture.ports import Frame
from edge.infrastructure.camera_codes import CameraCodes
from edge.infrastructure.qr_readers import code_picture
from edge.scanning.code import Code

CORNERS = ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))


class Patient:
    """A reader that counts how often it was asked."""

    def __init__(self) -> None:
        self.asked_count = 0
        self.texts: tuple[str, ...] = ("hard",)

    def read(self, _frame: np.ndarray) -> tuple[Code, ...]:
        self.asked_count += 1
        return tuple(
            Code(text=text, format="QR Code", corners_px=CORNERS, reader="patient")
            for text in self.texts
        )


def table(shade: int = 90, text: str = "") -> np.ndarray:
    picture = np.full((480, 640, 3), shade, dtype=np.uint8)
    if text:
        drawn = code_picture(text, 6)
        picture[20 : 20 + drawn.shape[0], 30 : 30 + drawn.shape[1]] = drawn
    return picture


def jpeg(picture: np.ndarray, sequence: int = 0) -> Frame:
    return Frame(sequence=sequence, seen_ns=0, encoded=cv2.imencode(".jpg", picture)[1].tobytes())


@pytest.mark.requirement("SCN")
def test_a_plain_code_needs_no_patience() -> None:
    patient = Patient()
    look = CameraCodes(patient, lambda: 0.0)
    assert look.read(jpeg(table(text="KY1:P:A:B"))) == ("KY1:P:A:B",)
    pixels = Frame(sequence=1, seen_ns=0, pixels=table(text="KY1:P:A:C"))
    assert look.read(pixels) == ("KY1:P:A:C",)
    assert patient.asked_count == 0


def test_a_view_that_stays_is_looked_at_patiently_once_in_ten_seconds() -> None:
    patient, now = Patient(), [0.0]
    look = CameraCodes(patient, lambda: now[0])
    frames = [jpeg(table(shade)) for shade in (90, 91, 92)]
    for now[0] in (0.0, 3.0, 6.0, 9.0, 11.0):
        assert look.read(frames[int(now[0]) % 3]) == ("hard",)
    assert patient.asked_count == 2


def test_a_view_that_changed_is_looked_at_patiently_within_a_second() -> None:
    patient, now = Patient(), [0.0]
    look = CameraCodes(patient, lambda: now[0])
    assert look.read(jpeg(table(90))) == ("hard",)
    patient.texts = ()
    now[0] = 0.5
    assert look.read(jpeg(table(120))) == ()
    assert patient.asked_count == 1
    patient.texts, now[0] = ("other",), 1.1
    assert look.read(jpeg(table(121))) == ("other",)


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xffno picture"])
def test_bytes_that_are_no_picture_hold_no_code(content: bytes) -> None:
    assert CameraCodes(Patient()).read(Frame(sequence=0, seen_ns=0, encoded=content)) == ()
