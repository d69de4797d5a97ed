"""``LabelPrinter`` by segno, reportlab and Pillow."""

from collections.abc import Callable, Sequence

from cloud.infrastructure.labels.picture import render_label_png
from cloud.infrastructure.labels.sheet import label_pdf
from cloud.infrastructure.labels.zebra import label_zpl
from cloud.production.ports import LabelPrinter
from cloud.production.queries import LabelView


class PdfAndZplPrinter:
    """Draws labels; holds nothing."""

    def pdf(self, labels: Sequence[LabelView], title: str, *, is_roll: bool) -> bytes:
        """Return a PDF of A4 sheets, or of one label a page."""
        return label_pdf(labels, title, is_roll=is_roll)

    def zpl(self, labels: Sequence[LabelView]) -> bytes:
        """Return ZPL, one format a label."""
        return label_zpl(labels)

    def png(self, label: LabelView) -> bytes:
        """Return one label as a grey PNG."""
        return render_label_png(label.text, label.lines, codes_count=2)


_PRINTER = PdfAndZplPrinter()
STORES: dict[type, Callable[[object, str], object]] = {
    LabelPrinter: lambda _connection, _organization: _PRINTER,
}
