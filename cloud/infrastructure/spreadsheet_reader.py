"""Spreadsheets by openpyxl and csv."""

import csv
import io
import zipfile
from datetime import date, datetime, time
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Font, PatternFill
from openpyxl.utils.exceptions import InvalidFileException

from cloud.production.errors import SpreadsheetInvalidError
from cloud.production.ports import Cell, Sheet
from cloud.production.spreadsheet import FORMS

_MOST_BYTES = 5_000_000
_MOST_UNPACKED_BYTES = 50_000_000
_MOST_ROWS = 5_000
_MOST_COLUMNS = 50

EXAMPLE: dict[str, list[list[object]]] = {
    "order": [
        ["WO-2026-001", "무대의상 보디스", "Stage bodice", "demo-bodice", "2027-06-30 18:00", 2]
    ],
    "steps": [
        ["CUT", "", "", "O"],
        ["SEW", "", "", "X"],
        ["QC", "", "", "O"],
    ],
    "points": [
        ["CUT", "length", "총장", "Length", "M", "길이", 0.5, 500, -5, 5, "중결함", 0.6],
        ["QC", "length", "총장", "Length", "M", "길이", 0.5, 500, -5, 5, "중결함", 0.6],
    ],
    "stitches": [
        ["QC", "hem", "밑단", "Hem", "아래", 12, 3, -0.3, 0.3, 0.12, 0, "중결함"],
    ],
    "defects": [["CUT", 4, 4], ["QC", 4, 4]],
    "pieces": [[1, "M"], [2, "M"]],
}


class OpenpyxlReader:
    """``SpreadsheetReader`` over .xlsx and .csv; formulas count by their last value."""

    def read(self, file_name: str, content: bytes) -> tuple[Sheet, ...]:
        """Return the sheets of an .xlsx, or the sections of a .csv.

        Raises:
            SpreadsheetInvalidError: the bytes are neither, or too many.
        """
        if not content or len(content) > _MOST_BYTES:
            raise _refused("FILE_TOO_LARGE" if content else "FILE_EMPTY")
        if content.startswith(b"PK"):
            return _workbook(content)
        if file_name.lower().endswith(".csv"):
            return _sections(content)
        raise _refused("FILE_UNKNOWN")

    def template(self) -> bytes:
        """Return an .xlsx with every sheet, its headers and an example."""
        book = Workbook()
        first = book.active
        if first is not None:
            book.remove(first)
        for form in FORMS:
            sheet = book.create_sheet(form.ko)
            sheet.append([column.header for column in form.columns])
            for row in EXAMPLE[form.name]:
                sheet.append(row)
            for place, column in enumerate(form.columns, start=1):
                cell = sheet.cell(row=1, column=place)
                cell.font = Font(bold=column.is_needed)
                cell.fill = PatternFill("solid", fgColor="E2E8F0")
                sheet.column_dimensions[cell.column_letter].width = len(column.header) + 6
            sheet.freeze_panes = "A2"
        target = io.BytesIO()
        book.save(target)
        return target.getvalue()


def _refused(problem: str) -> SpreadsheetInvalidError:
    return SpreadsheetInvalidError(
        f"the file cannot be read: {problem}",
        problems=[{"problem": problem, "sheet": "", "row": 0, "column": "", "value": ""}],
    )


def _workbook(content: bytes) -> tuple[Sheet, ...]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(part.file_size for part in packed.infolist()) > _MOST_UNPACKED_BYTES:
                raise _refused("FILE_TOO_LARGE")
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheets = tuple(
            Sheet(
                name=sheet.title,
                rows=tuple(
                    tuple(map(_cell, row))
                    for row in sheet.iter_rows(
                        max_row=_MOST_ROWS, max_col=_MOST_COLUMNS, values_only=True
                    )
                ),
            )
            for sheet in book.worksheets
        )
        book.close()
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as problem:
        raise _refused("FILE_UNKNOWN") from problem
    return sheets


def _cell(value: Any) -> Cell:  # noqa: ANN401  whatever a cell holds
    if value is None or isinstance(value, str | datetime):
        return value
    if isinstance(value, bool):
        return "O" if value else "X"
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, date):
        return datetime.combine(value, time())  # a day of Korea, the reader adds the zone
    return str(value)


def _sections(content: bytes) -> tuple[Sheet, ...]:
    """Split a .csv at lines such as ``[공정]``; what stands before the first one is left out."""
    for encoding in ("utf-8-sig", "cp949"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise _refused("FILE_UNKNOWN")
    found: list[Sheet] = []
    name, first, rows = "", 0, list[tuple[Cell, ...]]()
    for number, cells in enumerate(csv.reader(io.StringIO(text)), start=1):
        head = cells[0].strip() if cells else ""
        if head.startswith("[") and head.endswith("]"):
            if name:
                found.append(Sheet(name=name, rows=tuple(rows), first_row=first))
            name, first, rows = head[1:-1].strip(), number + 1, []
        else:
            rows.append(tuple(cells))
    if name:
        found.append(Sheet(name=name, rows=tuple(rows), first_row=first))
    return tuple(found)
