"""Labels as PDF: sheets of A4, or one label a page for roll printers."""

import io
from collections.abc import Sequence

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from cloud.infrastructure.labels.picture import FONT, QUIET_MODULES, SYMBOL_MM, qr_modules
from cloud.production.queries import LabelView

_NAME = "KyndofLabelSans"
WIDTH_MM, HEIGHT_MM = 100.0, 70.0
_COLUMNS, _ROWS = 2, 4
_TEXT_PT = (14.0, 12.0, 11.0, 11.0)
_LINE_MM = 5.4


def label_pdf(labels: Sequence[LabelView], title: str, *, is_roll: bool = False) -> bytes:
    """Return a PDF; on A4 eight labels a page with cutting marks, on a roll one label a page."""
    if _NAME not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(_NAME, str(FONT)))
    target = io.BytesIO()
    size = (WIDTH_MM * mm, HEIGHT_MM * mm) if is_roll else A4
    # Without a date inside, the same labels give the same bytes.
    canvas = Canvas(target, pagesize=size, pageCompression=1, invariant=1)
    canvas.setTitle(title)
    canvas.setAuthor("Kyndof Corp System")
    per_page = 1 if is_roll else _COLUMNS * _ROWS
    for index, label in enumerate(labels):
        place = index % per_page
        if index and place == 0:
            canvas.showPage()
        left, bottom = (0.0, 0.0) if is_roll else _cell(place)
        if not is_roll:
            _marks(canvas, left, bottom)
        _label(canvas, label, left, bottom)
    canvas.showPage()
    canvas.save()
    return target.getvalue()


def _cell(place: int) -> tuple[float, float]:
    """Return the left bottom corner of a label on A4, in points."""
    row, column = divmod(place, _COLUMNS)
    left = (A4[0] - _COLUMNS * WIDTH_MM * mm) / 2 + column * WIDTH_MM * mm
    top = A4[1] - (A4[1] - _ROWS * HEIGHT_MM * mm) / 2
    return left, top - (row + 1) * HEIGHT_MM * mm


def _marks(canvas: Canvas, left: float, bottom: float) -> None:
    canvas.setStrokeGray(0.7)
    canvas.setLineWidth(0.3)
    for x in (left, left + WIDTH_MM * mm):
        for y in (bottom, bottom + HEIGHT_MM * mm):
            canvas.line(x - 2 * mm, y, x + 2 * mm, y)
            canvas.line(x, y - 2 * mm, x, y + 2 * mm)


def _label(canvas: Canvas, label: LabelView, left: float, bottom: float) -> None:
    modules = qr_modules(label.text)
    module = SYMBOL_MM * mm / modules.shape[0]
    block = (modules.shape[0] + 2 * QUIET_MODULES) * module
    gap = (WIDTH_MM * mm - 2 * block) / 2
    top = bottom + HEIGHT_MM * mm - gap
    for start in (left + gap, left + gap + block):
        _symbol(canvas, modules.tolist(), start + QUIET_MODULES * module, top, module)
    baseline = top - block - 1.5 * mm
    for line, size in zip(label.lines, _TEXT_PT, strict=False):
        width = pdfmetrics.stringWidth(line, _NAME, size)
        fitting = min(size, size * (WIDTH_MM - 8) * mm / width) if width else size
        canvas.setFillGray(0)
        canvas.setFont(_NAME, fitting)
        canvas.drawCentredString(left + WIDTH_MM * mm / 2, baseline, line)
        baseline -= _LINE_MM * mm


def _symbol(
    canvas: Canvas, modules: list[list[bool]], left: float, top: float, module: float
) -> None:
    """Draw runs of black modules as one path; ``top`` is the end of the upper quiet zone."""
    path = canvas.beginPath()
    first = top - QUIET_MODULES * module
    for row, cells in enumerate(modules):
        column = 0
        while column < len(cells):
            run = column
            while run < len(cells) and cells[run]:
                run += 1
            if run > column:
                path.rect(
                    left + column * module,
                    first - (row + 1) * module,
                    (run - column) * module,
                    module,
                )
            column = max(run, column + 1)
    canvas.setFillGray(0)
    canvas.drawPath(path, stroke=0, fill=1)
