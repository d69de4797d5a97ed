"""A sheet to set a scanner up with: what it must do, the maker's codes, codes to try it with."""

from dataclasses import dataclass

import numpy as np
import zxingcpp
from numpy.typing import NDArray

from edge.infrastructure.board_pdf import numbered
from edge.infrastructure.device_profiles import ScannerProfile

_POINT_MM = 25.4 / 72
_WIDE_MM, _HIGH_MM, _MARGIN_MM = 210.0, 297.0, 18.0
_LINE_MM, _GAP_MM, _SIDE_MM, _FLAT_MM = 6.0, 12.0, 30.0, 15.0
_KINDS = {
    "qr": zxingcpp.BarcodeFormat.QRCode,
    "data_matrix": zxingcpp.BarcodeFormat.DataMatrix,
    "code_128": zxingcpp.BarcodeFormat.Code128,
}
#: Every sign that a code of ours may hold: a wrong keyboard layout shows at once.
TRIAL = "KY1:CHECK:ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789"
_TRIAL_KO = "시험: 키오스크에 아래 글자가 그대로 보여야 합니다"
_TRIAL_EN = "Try: the kiosk must show exactly the text below"
_NONE_KO = "이 프로파일에는 제조사 설정 코드가 없습니다. 설명서의 코드를 프로파일에 적어 주세요."
_NONE_EN = "This profile holds no set-up codes; enter those of the maker's manual into it."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Lines of text above a code; a part without a code is text only."""

    lines: tuple[str, ...]
    symbology: str = ""
    text: str = ""

    def code_high_mm(self) -> float:
        if not self.symbology:
            return 0.0
        return _FLAT_MM if self.symbology == "code_128" else _SIDE_MM

    def high_mm(self) -> float:
        return len(self.lines) * _LINE_MM + self.code_high_mm() + _GAP_MM


def scanner_sheet(profile: ScannerProfile, name: str) -> bytes:
    """Return the sheet as PDF, Korean above English, on as many A4 pages as it takes."""
    title = (f"{profile.title_ko} — 스캐너 설정", f"{profile.title_en}: scanner set-up ({name})")
    wanted = [text for one in profile.wanted for text in (f"□ {one.ko}", f"    {one.en}")]
    parts = [_Part(lines=title), _Part(lines=tuple(wanted))]
    parts += [
        _Part(lines=(f"{number}. {code.ko}", code.en), symbology=code.symbology, text=code.text)
        for number, code in enumerate(profile.set_up_codes, start=1)
    ] or [_Part(lines=(_NONE_KO, _NONE_EN))]
    parts += [
        _Part(lines=(_TRIAL_KO, _TRIAL_EN, TRIAL), symbology="qr", text=TRIAL),
    ]
    return _pdf(_pages(parts))


def _pages(parts: list[_Part]) -> list[list[_Part]]:
    """Put parts on pages; none is cut in two."""
    pages: list[list[_Part]] = [[]]
    left_mm = _HIGH_MM - 2 * _MARGIN_MM
    for part in parts:
        if part.high_mm() > left_mm and pages[-1]:
            pages.append([])
            left_mm = _HIGH_MM - 2 * _MARGIN_MM
        pages[-1].append(part)
        left_mm -= part.high_mm()
    return pages


def _drawn(parts: list[_Part]) -> bytes:
    """Draw one page, in mm from its top left corner."""
    unit = 1 / _POINT_MM
    words = [f"{unit:.8f} 0 0 {-unit:.8f} 0 {_HIGH_MM * unit:.4f} cm 0 g"]
    top_mm = _MARGIN_MM
    for part in parts:
        for line in part.lines:
            top_mm += _LINE_MM
            text = line.encode("utf-16-be").hex()
            words.append(f"BT /F1 4 Tf 1 0 0 -1 {_MARGIN_MM} {top_mm:.2f} Tm <{text}> Tj ET")
        if part.symbology:
            words += _rectangles(part, top_mm + 3)
        top_mm += part.code_high_mm() + _GAP_MM
    return "\n".join(words).encode("ascii")


def _rectangles(part: _Part, top_mm: float) -> list[str]:
    """Draw a code's black modules, row by row, from a place on the page."""
    cells = code_cells(part.symbology, part.text)
    if part.symbology == "code_128":
        cells = cells[:1]
    high_mm = part.code_high_mm() / len(cells)
    # A module of a bar code is 0.4 mm wide; a square code is as wide as it is high.
    wide_mm = 0.4 if part.symbology == "code_128" else high_mm
    words = []
    for row, line in enumerate(cells):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(np.int8), [0]])))
        for start, stop in edges.reshape(-1, 2):
            left = _MARGIN_MM + start * wide_mm
            size = f"{(stop - start) * wide_mm:.4f} {high_mm:.4f}"
            words.append(f"{left:.4f} {top_mm + row * high_mm:.4f} {size} re")
    return [*words, "f"]


def code_cells(symbology: str, text: str) -> NDArray[np.bool_]:
    """Return a code's modules, (H, W) bool, true for black, without a quiet zone."""
    barcode = zxingcpp.create_barcode(text, _KINDS[symbology])
    return np.asarray(barcode.to_image(scale=1, add_quiet_zones=False), dtype=np.uint8) < 128


def _pdf(pages: list[list[_Part]]) -> bytes:
    """Write pages as PDF; the viewer brings the font, as with any Korean text not embedded."""
    kids = " ".join(f"{6 + 2 * index} 0 R" for index in range(len(pages)))
    wide, high = _WIDE_MM / _POINT_MM, _HIGH_MM / _POINT_MM
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /PrintScaling /None >> >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type0 /BaseFont /HYGothic-Medium /Encoding /UniKS-UTF16-H"
        b" /DescendantFonts [4 0 R] >>",
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /HYGothic-Medium /DW 1000"
        b" /W [1 95 500] /CIDSystemInfo << /Registry (Adobe) /Ordering (Korea1) /Supplement 1 >>"
        b" /FontDescriptor 5 0 R >>",
        b"<< /Type /FontDescriptor /FontName /HYGothic-Medium /Flags 4 /ItalicAngle 0"
        b" /FontBBox [-6 -145 1003 880] /Ascent 880 /Descent -120 /CapHeight 720 /StemV 93 >>",
    ]
    for index, page in enumerate(pages):
        drawn = _drawn(page)
        parts.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {wide:.4f} {high:.4f}] /Contents "
            f"{7 + 2 * index} 0 R /Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        parts.append(f"<< /Length {len(drawn)} >>\nstream\n".encode() + drawn + b"\nendstream")
    return numbered(parts)
