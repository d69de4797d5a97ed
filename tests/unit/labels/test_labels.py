"""Labels as people and cameras see them."""

import io
import re

import numpy as np
import pytest
import zxingcpp
from PIL import Image
from pypdf import PdfReader

from cloud.infrastructure.labels.picture import draw_label, qr_modules, render_label_png
from cloud.infrastructure.labels.sheet import label_pdf
from cloud.infrastructure.labels.zebra import compressed, label_zpl
from cloud.production.errors import LabelUnknownError
from cloud.production.label import code_text
from cloud.production.queries import LabelView

ORGANIZATION = "org_01K0DEM0000000000000000000"
PIECE = "pc_01KAQ3V8Y7W2M5T9R1C4X6Z0N1"
TEXT = "KY1:P:01K0DEM0000000000000000000:01KAQ3V8Y7W2M5T9R1C4X6Z0N1"
LINES = ("WO-DEMO-001  #1", "무대의상 보디스 10벌", "사이즈 M", "X6Z0N1")
LABEL = LabelView(kind="piece", text=TEXT, lines=LINES)

pytestmark = pytest.mark.requirement("LBL")


def decoded(picture: np.ndarray) -> list[str]:
    return [code.text for code in zxingcpp.read_barcodes(picture)]


def test_a_code_names_kind_organization_and_identifier() -> None:
    assert code_text("piece", ORGANIZATION, PIECE) == TEXT
    assert code_text("badge", ORGANIZATION, "01KAQ3V8Y7W2M5T9R1C4X6Z0N1")[:6] == "KY1:B:"
    kinds = [code_text(kind, ORGANIZATION, PIECE)[4] for kind in ("step", "work_order", "station")]
    assert kinds == ["S", "W", "T"]
    with pytest.raises(LabelUnknownError):
        code_text("cat", ORGANIZATION, PIECE)


def test_a_code_is_alphanumeric_and_of_the_highest_correction() -> None:
    modules = qr_modules(TEXT)
    # 59 characters at level H fit version 5: 37 modules; byte mode would need version 7.
    assert modules.shape == (37, 37)
    found = zxingcpp.read_barcodes(render(LABEL))[0]
    assert (found.text, found.ec_level) == (TEXT, "H")


def render(label: LabelView) -> np.ndarray:
    png = render_label_png(label.text, label.lines)
    return np.asarray(Image.open(io.BytesIO(png)))


def test_a_label_carries_its_code_twice() -> None:
    assert decoded(draw_label(TEXT, LINES).pixels) == [TEXT, TEXT]


def test_one_code_is_enough_when_the_other_is_torn_off() -> None:
    torn = draw_label(TEXT, LINES).pixels.copy()
    torn[:, : torn.shape[1] // 2] = 90
    assert decoded(torn) == [TEXT]


def test_a_code_survives_a_stain() -> None:
    stained = draw_label(TEXT, LINES, codes_count=1).pixels.copy()
    stained[130:210, 130:210] = 0
    assert decoded(stained) == [TEXT]


def test_the_scale_of_a_picture_makes_the_symbol_forty_millimetres_wide() -> None:
    label = draw_label(TEXT, LINES, codes_count=1)
    # 45 modules with the quiet zone, 37 of them the symbol.
    assert label.pixels.shape[1] * label.mm_per_px_ratio == pytest.approx(40 * 45 / 37)
    assert label.pixels.dtype == np.uint8


def test_a_sheet_holds_eight_labels_a_page_with_korean_text() -> None:
    pdf = PdfReader(io.BytesIO(label_pdf([LABEL] * 9, "labels")))
    assert len(pdf.pages) == 2
    assert pdf.pages[0].extract_text().count("무대의상 보디스 10벌") == 8
    assert pdf.pages[1].extract_text().count("WO-DEMO-001") == 1


def test_a_roll_holds_one_label_a_page() -> None:
    pdf = PdfReader(io.BytesIO(label_pdf([LABEL] * 3, "labels", is_roll=True)))
    assert len(pdf.pages) == 3
    assert float(pdf.pages[0].mediabox.width) == pytest.approx(100 / 25.4 * 72)


def test_the_same_labels_give_the_same_bytes() -> None:
    assert label_pdf([LABEL], "labels") == label_pdf([LABEL], "labels")


def graphic_of(zpl: str) -> np.ndarray:
    """A second implementation of ^GFA, written from its description."""
    match = re.search(r"\^GFA,(\d+),\d+,(\d+),([^^]*)\^FS", zpl)
    assert match is not None
    total, row_bytes, data = int(match[1]), int(match[2]), match[3]
    rows: list[str] = []
    row, repeats = "", 0
    for sign in data:
        if sign == ":":
            rows.append(rows[-1])
        elif sign == ",":
            rows.append(row.ljust(row_bytes * 2, "0"))
            row = ""
        elif "G" <= sign <= "Y":
            repeats += ord(sign) - ord("F")
        elif "g" <= sign <= "z":
            repeats += 20 * (ord(sign) - ord("f"))
        else:
            row += sign * max(repeats, 1)
            repeats = 0
        if len(row) == row_bytes * 2:
            rows.append(row)
            row = ""
    packed = np.frombuffer(bytes.fromhex("".join(rows)), dtype=np.uint8)
    assert packed.size == total
    return np.unpackbits(packed.reshape(-1, row_bytes), axis=1).astype(bool)


def test_a_thermal_printer_gets_a_graphic_that_reads_back() -> None:
    zpl = label_zpl([LABEL, LABEL]).decode("ascii")
    assert zpl.count("^XA") == zpl.count("^XZ") == 2
    black = graphic_of(zpl)
    assert decoded(np.where(black, 0, 255).astype(np.uint8)) == [TEXT, TEXT]


def test_run_lengths_read_back_for_any_picture() -> None:
    noise = np.random.default_rng(7).random((40, 1700)) < 0.5
    noise[5:9] = False
    noise[10:20] = True
    zpl = f"^GFA,{40 * 213},{40 * 213},213,{compressed(noise)}^FS"
    assert (graphic_of(zpl)[:, :1700] == noise).all()


def test_small_letters_are_refused_in_a_code() -> None:
    with pytest.raises(ValueError, match="alphanumeric"):
        qr_modules("ky1:p")
