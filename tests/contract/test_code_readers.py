"""One suite over every reader of codes, and the patience of the one that stations use."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.composition import compose_reader
from edge.infrastructure.opencv_pictures import OpenCvPictureFiles
from edge.infrastructure.qr_readers import (
    OpenCvReader,
    PatientReader,
    ZbarReader,
    ZxingReader,
    code_picture,
)
from edge.scanning.code import Code, agreed, without_repeats
from edge.scanning.ports import CodeReader

TEXT = "KY1:P:01ARZ3NDEKTSV4RRFFQ69G5FAV:01ARZ3NDEKTSV4RRFFQ69G5FAV"
DATA = next(
    (p / "shared/data" for p in Path(__file__).parents if (p / "shared/data").is_dir()), None
)


def readers() -> list[CodeReader]:
    found: list[CodeReader] = [ZxingReader(), OpenCvReader(), compose_reader()]
    try:
        found.append(ZbarReader())
    except ImportError:
        assert importlib.util.find_spec("pyzbar")
    return found


@pytest.mark.requirement("SCN")
@pytest.mark.parametrize("reader", readers(), ids=lambda r: type(r).__name__)
def test_a_label_is_read_with_its_corners(reader: CodeReader) -> None:
    frame = np.full((700, 900, 3), 120, dtype=np.uint8)
    label = code_picture(TEXT)
    high, wide = label.shape[:2]
    frame[100 : 100 + high, 200 : 200 + wide] = label
    (code,) = reader.read(frame)
    assert code.text == TEXT
    left, top = code.corners().min(axis=0)
    assert abs(left - (200 + 8 * 6)) < 30
    assert abs(top - (100 + 8 * 6)) < 30


@pytest.mark.requirement("SCN")
@pytest.mark.parametrize("reader", readers(), ids=lambda r: type(r).__name__)
def test_nothing_is_read_where_no_code_is(reader: CodeReader) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    assert reader.read(noise) == ()
    assert reader.read(np.zeros((64, 64, 3), dtype=np.uint8)) == ()


@pytest.mark.requirement("SCN")
@pytest.mark.parametrize("angle", [0, 33, 90, 171])
def test_a_turned_faint_noisy_label_is_read(angle: int) -> None:
    label = code_picture(TEXT, module_px=4)
    high, wide = label.shape[:2]
    turn = cv2.getRotationMatrix2D((wide / 2, high / 2), angle, 0.8)
    turned = cv2.warpAffine(label, turn, (wide, high), borderValue=(255, 255, 255))
    noise = np.random.default_rng(1).normal(0, 6, turned.shape)
    faint = np.clip(90 + turned * 0.3 + noise, 0, 255).astype(np.uint8)
    assert [code.text for code in compose_reader().read(faint)] == [TEXT]


def code_at(text: str, x: float) -> Code:
    corners = ((x, 0.0), (x + 50, 0.0), (x + 50, 50.0), (x, 50.0))
    return Code(text=text, format="QR Code", corners_px=corners, reader="a")


def test_readings_of_one_place_that_differ_cancel_each_other() -> None:
    assert agreed([code_at("A", 0), code_at("B", 4), code_at("C", 300)]) == (code_at("C", 300),)


def test_one_code_read_twice_counts_once_and_two_labels_with_one_text_count_twice() -> None:
    kept = without_repeats([code_at("A", 0), code_at("A", 3), code_at("A", 300)])
    assert kept == (code_at("A", 0), code_at("A", 300))


def test_the_reader_gives_up_when_its_patience_ends() -> None:
    asked = []

    class Opinion:
        def read(self, frame: np.ndarray) -> tuple[Code, ...]:
            asked.append(frame.shape)
            return ()

    moments = iter(range(1000))
    hasty = PatientReader((Opinion(),), lambda: float(next(moments)), patience_ms=1)
    assert hasty.read(np.zeros((99, 99, 3), dtype=np.uint8)) == ()
    assert asked == []
    calm = PatientReader((Opinion(),), lambda: 0.0)
    assert calm.read(np.zeros((99, 99, 3), dtype=np.uint8)) == ()
    assert asked == [(99, 99, 3)]


@pytest.mark.requirement("SCN")
def test_photographs_are_read_and_empty_ones_are_not() -> None:
    if DATA is None:
        pytest.skip("no folder shared/data beside this checkout")
    folder = DATA / "qr_zxing_blackbox"
    reader, files = compose_reader(), OpenCvPictureFiles()
    photographs = sorted((folder / "qrcode-1").glob("*.png"))
    assert photographs
    for photograph in photographs:
        truth = photograph.with_suffix(".txt").read_text(encoding="utf-8").strip()
        texts = [c.text for c in reader.read(files.read(str(photograph)))]
        assert ["\n".join(t.split()) for t in texts] == ["\n".join(truth.split())]
    for empty in sorted((folder / "falsepositives").glob("*.png"))[:6]:
        assert reader.read(files.read(str(empty))) == ()
