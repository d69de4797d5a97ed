"""Boards to print, exact to the tenth of a millimetre: one PDF page of squares.

Written by hand, because a station installs the edge's packages alone: the library that the cloud
draws labels with would bring 17 MB (Pillow with it) for rectangles and two lines of text.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.infrastructure.opencv_calibration import charuco_of, dictionary_of
from edge.inspection.board import TagBoard
from edge.inspection.calibration import CalibrationBoard
from edge.inspection.gauge import GaugeBar

_POINT_MM = 25.4 / 72
_MARGIN_MM = 15.0
_QUIET_MM = 12.0
_RULE_MM = 100.0
Cells = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """Black cells (H, W) bool of one size, their top left corner at a place on the page."""

    left_mm: float
    top_mm: float
    cell_mm: float
    cells: Cells


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    width_mm: float
    height_mm: float
    title: str
    pictures: tuple[_Picture, ...]


def calibration_board_pdf(board: CalibrationBoard) -> bytes:
    """Draw a board on one page of its own size.

    Raises:
        TagBoardError: its dictionary is unknown.
    """
    cells, cell_mm = _cells(board)
    high, wide = (side * cell_mm for side in cells.shape)
    title = (
        f"{board.name}: {board.columns_count} x {board.rows_count}, square {board.square_mm:g} mm, "
        f"marker {board.marker_mm:g} mm {board.dictionary}"
    )
    picture = _Picture(left_mm=_MARGIN_MM, top_mm=_MARGIN_MM, cell_mm=cell_mm, cells=cells)
    return _pdf([_page(title, wide, high, (picture,))])


def tags_pdf(board: TagBoard) -> bytes:
    """Draw the table's tags, one a page."""
    pages = []
    for tag, (x, y) in sorted(board.tags.items()):
        title = f"{board.name}: tag {tag}, {board.side_mm:g} mm, centre at {x:g}, {y:g} mm"
        picture = _tag(board.dictionary, tag, board.side_mm, (_QUIET_MM, _QUIET_MM))
        side = board.side_mm + 2 * _QUIET_MM - 2 * _MARGIN_MM
        pages.append(_page(title, side + 2 * _MARGIN_MM, side + 2 * _MARGIN_MM, (picture,)))
    return _pdf(pages)


def gauge_pdf(bar: GaugeBar) -> bytes:
    """Draw both ends of a gauge bar on one long page, their centres as far apart as on the bar."""
    title = f"{bar.name}: {bar.length_mm:g} mm from centre to centre"
    pictures = tuple(
        _tag(bar.dictionary, tag, bar.side_mm, (_MARGIN_MM + place * bar.length_mm, _MARGIN_MM))
        for place, tag in enumerate(bar.ids)
    )
    return _pdf([_page(title, bar.length_mm + bar.side_mm, bar.side_mm, pictures)])


def _page(title: str, wide_mm: float, high_mm: float, pictures: tuple[_Picture, ...]) -> _Page:
    return _Page(
        width_mm=max(wide_mm, _RULE_MM) + 2 * _MARGIN_MM,
        height_mm=high_mm + 3 * _MARGIN_MM,
        title=title,
        pictures=pictures,
    )


def _tag(dictionary: str, tag: int, side_mm: float, place_mm: tuple[float, float]) -> _Picture:
    named = CalibrationBoard(
        name="tag",
        pattern="aruco_grid",
        columns_count=3,
        rows_count=3,
        square_mm=2.0,
        marker_mm=1.0,
        dictionary=dictionary,
    )
    known = dictionary_of(named)
    cells = _marker(known, tag)
    left, top = place_mm
    return _Picture(left_mm=left, top_mm=top, cell_mm=side_mm / len(cells), cells=cells)


def _marker(dictionary: cv2.aruco.Dictionary, number: int) -> Cells:
    """Draw a marker with its black border, true = black."""
    side = int(dictionary.markerSize) + 2
    return np.asarray(cv2.aruco.generateImageMarker(dictionary, number, side)) < 128


def _cells(board: CalibrationBoard) -> tuple[Cells, float]:
    """Black cells (H, W) of a board and their side in mm."""
    if board.pattern == "chessboard":
        down, across = np.indices((board.rows_count + 1, board.columns_count + 1))
        return (down + across) % 2 == 0, board.square_mm
    marker = int(dictionary_of(board).markerSize) + 2
    # The finest grid on which square, marker and gap all are whole.
    cell_mm = board.marker_mm / marker
    gap_mm = (board.square_mm - board.marker_mm) / (2 if board.pattern == "charuco" else 1)
    finer = next((n for n in range(1, 200) if _whole(gap_mm * n / cell_mm)), 1)
    cell_mm /= finer
    side, gap = round(board.square_mm / cell_mm), round(gap_mm / cell_mm)
    high, wide = board.rows_count * side, board.columns_count * side
    cells = np.zeros((high, wide), dtype=bool)
    numbers = iter(_ids(board))
    dictionary = dictionary_of(board)
    inset = gap if board.pattern == "charuco" else 0
    for row in range(board.rows_count):
        for column in range(board.columns_count):
            top, left = row * side, column * side
            if board.pattern == "charuco" and (row + column) % 2 == 0:
                cells[top : top + side, left : left + side] = True
                continue
            drawn = np.kron(_marker(dictionary, next(numbers)), np.ones((finer, finer), bool))
            reach = len(drawn)
            cells[top + inset : top + inset + reach, left + inset : left + inset + reach] = drawn
    return cells, cell_mm


def _whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-6


def _ids(board: CalibrationBoard) -> list[int]:
    if board.pattern == "charuco":
        return [int(number) for number in np.ravel(charuco_of(board).getIds())]
    return list(range(board.rows_count * board.columns_count))


def _pdf(pages: list[_Page]) -> bytes:
    """Write pages as PDF 1.4: black rectangles, a line of text and a ruler of 100 mm."""
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(len(pages)))
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /PrintScaling /None >> >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for index, page in enumerate(pages):
        wide, high = page.width_mm / _POINT_MM, page.height_mm / _POINT_MM
        drawn = _drawn(page)
        parts.append(
            (
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {wide:.4f} {high:.4f}] "
                f"/Contents {5 + 2 * index} 0 R /Resources << /Font << /F1 3 0 R >> >> >>"
            ).encode()
        )
        parts.append(f"<< /Length {len(drawn)} >>\nstream\n".encode() + drawn + b"\nendstream")
    return numbered(parts)


def _drawn(page: _Page) -> bytes:
    """Return the drawing of one page."""
    unit = 1 / _POINT_MM
    words = [f"{unit:.8f} 0 0 {-unit:.8f} 0 {page.height_mm * unit:.4f} cm 0 g"]
    for picture in page.pictures:
        size = picture.cell_mm
        for row, line in enumerate(picture.cells):
            edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(np.int8), [0]])))
            # Rows overlap a little, or some printers leave hairlines between them.
            below = row + 1 < len(picture.cells)
            for start, stop in edges.reshape(-1, 2):
                deep = size
                if below and bool(picture.cells[row + 1, start:stop].all()):
                    deep = size * 1.02
                words.append(
                    f"{picture.left_mm + start * size:.4f} {picture.top_mm + row * size:.4f} "
                    f"{(stop - start) * size:.4f} {deep:.4f} re"
                )
        words.append("f")
    foot = page.height_mm - 0.9 * _MARGIN_MM
    words.append(f"{_MARGIN_MM} {foot} {_RULE_MM} 0.4 re f")
    words.append(
        f"BT /F1 3.2 Tf 1 0 0 -1 {_MARGIN_MM} {foot + 4.5} Tm ({_escaped(page.title)}) Tj ET"
    )
    words.append(
        f"BT /F1 3.2 Tf 1 0 0 -1 {_MARGIN_MM} {foot + 9} Tm "
        "(the line above is 100 mm long; print at 100 %) Tj ET"
    )
    return "\n".join(words).encode("ascii", "replace")


def _escaped(text: str) -> str:
    """Let brackets in a name stand in a PDF string."""
    return "".join(f"\\{sign}" if sign in "()\\" else sign for sign in text)


def numbered(parts: list[bytes]) -> bytes:
    """Join objects to a file with its table of places."""
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, part in enumerate(parts, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + part + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(parts) + 1}\n0000000000 65535 f \n".encode()
    for place in places:
        out += f"{place:010d} 00000 n \n".encode()
    out += f"trailer\n<< /Size {len(parts) + 1} /Root 1 0 R >>\n".encode()
    out += f"startxref\n{start}\n%%EOF\n".encode()
    return bytes(out)
