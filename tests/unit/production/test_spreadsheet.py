"""Work orders from spreadsheets, and what people read when one is wrong."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from cloud.infrastructure.registry_files.stage_files import StageFiles
from cloud.infrastructure.spreadsheet_reader import OpenpyxlReader
from cloud.production.errors import SpreadsheetInvalidError
from cloud.production.spreadsheet import FORMS, read_work_order
from cloud.production.work_order import WorkOrderDraft, judge_draft

READER = OpenpyxlReader()
STAGES = StageFiles.of_checkout().stages()
pytestmark = pytest.mark.requirement("WOR")


def read(content: bytes, file_name: str = "order.xlsx") -> WorkOrderDraft:
    return read_work_order(READER.read(file_name, content), STAGES)


def changed(**cells: Any) -> bytes:
    """The template with cells changed; ``치수_H2=None`` empties H2 of sheet 치수."""
    book = load_workbook(io.BytesIO(READER.template()))
    for name, value in cells.items():
        sheet, place = name.rsplit("_", 1)
        book[sheet][place] = value
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def problems_of(content: bytes, file_name: str = "order.xlsx") -> list[tuple[Any, ...]]:
    with pytest.raises(SpreadsheetInvalidError) as refusal:
        read(content, file_name)
    return [
        (one["problem"], one["sheet"], one["row"], one["column"])
        for one in refusal.value.details["problems"]
    ]


def test_the_template_reads_as_a_whole_work_order() -> None:
    draft = read(READER.template())
    judge_draft(draft, STAGES)
    assert draft.number == "WO-2026-001"
    assert draft.due_at == datetime(2027, 6, 30, 9, 0, tzinfo=UTC)  # 18:00 in Korea
    assert [step.requires_quality_check for step in draft.steps] == [True, False, True]
    cut, qc = draft.spec.stages
    assert cut.checks == ("measure", "defects")
    assert qc.checks == ("measure", "stitches", "defects")
    assert (qc.points[0].nominal_mm, qc.points[0].severity) == (500.0, "major")
    assert (qc.stitches[0].side, qc.stitches[0].max_skipped_count) == ("bottom", 0)
    assert [(piece.number, piece.size) for piece in draft.pieces] == [(1, "M"), (2, "M")]


def test_english_sheets_and_headers_read_alike() -> None:
    book = load_workbook(io.BytesIO(READER.template()))
    for form in FORMS:
        sheet = book[form.ko]
        sheet.title = form.name
        for place, column in enumerate(form.columns, start=1):
            sheet.cell(row=1, column=place).value = column.name
    target = io.BytesIO()
    book.save(target)
    assert read(target.getvalue()) == read(READER.template())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp949"])
def test_a_csv_with_sections_reads_alike(encoding: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    book = load_workbook(io.BytesIO(READER.template()))
    for sheet in book.worksheets:
        writer.writerow([f"[{sheet.title}]"])
        for row in sheet.iter_rows(values_only=True):
            writer.writerow(["" if cell is None else cell for cell in row])
        writer.writerow([])
    content = text.getvalue().encode(encoding)
    assert read(content, "주문.csv") == read(READER.template())


def test_a_missing_tolerance_names_its_cell() -> None:
    assert problems_of(changed(치수_I2=None)) == [("VALUE_MISSING", "치수", 2, "하한 lower_mm")]


def test_every_problem_is_told_at_once() -> None:
    content = changed(
        치수_H3="오백", 스티치_E2="어딘가", 공정_A2="DYE", 작업지시_E2="내일", 피스_A2=1.5
    )
    assert problems_of(content) == [
        ("DATE_EXPECTED", "작업지시", 2, "납기 due_at"),
        ("NUMBER_EXPECTED", "치수", 3, "기준 nominal_mm"),
        ("CHOICE_EXPECTED", "스티치", 2, "변 side"),
        ("WHOLE_EXPECTED", "피스", 2, "번호 number"),
        ("STAGE_EXPECTED", "공정", 2, "단계 stage"),
    ]


def test_a_missing_sheet_column_or_row_is_named() -> None:
    book = load_workbook(io.BytesIO(READER.template()))
    del book["공정"]
    book["피스"].delete_rows(2, 5)
    book["치수"]["H1"] = "?"
    target = io.BytesIO()
    book.save(target)
    assert problems_of(target.getvalue()) == [
        ("SHEET_MISSING", "공정", 0, ""),
        ("COLUMN_MISSING", "치수", 1, "기준 nominal_mm"),
        ("ROWS_MISSING", "피스", 2, ""),
    ]


def test_one_file_is_one_work_order() -> None:
    content = changed(작업지시_A3="WO-2", 작업지시_B3="둘", 작업지시_C3="Two", 작업지시_D3="s")
    assert problems_of(content)[0][0] == "ONE_ROW_EXPECTED"


@pytest.mark.parametrize(
    ("content", "file_name", "problem"),
    [
        (b"", "a.xlsx", "FILE_EMPTY"),
        (b"PK\x03\x04 broken", "a.xlsx", "FILE_UNKNOWN"),
        (b"\x89PNG", "a.png", "FILE_UNKNOWN"),
        (b"\xff\xfe\xfa\x80\xff", "a.csv", "FILE_UNKNOWN"),
        (b"x" * 5_000_001, "a.csv", "FILE_TOO_LARGE"),
    ],
)
def test_what_is_no_spreadsheet_is_refused(content: bytes, file_name: str, problem: str) -> None:
    assert problems_of(content, file_name)[0][0] == problem


def test_a_csv_line_number_is_the_files_own() -> None:
    content = "[피스]\n번호,사이즈\n1,M\nzwei,M\n".encode()
    found = problems_of(content, "a.csv")
    assert ("WHOLE_EXPECTED", "피스", 4, "번호 number") in found


def test_an_empty_workbook_names_every_needed_sheet() -> None:
    target = io.BytesIO()
    Workbook().save(target)
    assert [one[0] for one in problems_of(target.getvalue())] == ["SHEET_MISSING"] * 3
