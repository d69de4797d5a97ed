"""A work order in a spreadsheet: its sheets and columns, and how they are read.

Headers may be Korean or English. Everything that is wrong is collected, with sheet, row and
column, before anything is refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from math import isfinite
from typing import Any

from cloud.inspection.standard import (
    DefectStandard,
    PointOfMeasure,
    StageStandard,
    StitchStandard,
)
from cloud.production.errors import SpreadsheetInvalidError
from cloud.production.ports import Cell, Sheet
from cloud.production.spec import SpecDraft
from cloud.production.work_order import (
    REWORK_LIMIT,
    PieceDraft,
    Stage,
    StepDraft,
    WorkOrderDraft,
)

KOREA = timezone(timedelta(hours=9))


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its field, Korean header, kind of value, and whether every row needs it."""

    name: str
    ko: str
    kind: str = "text"
    is_needed: bool = True
    choices: Mapping[str, str] = field(default_factory=dict)

    @property
    def header(self) -> str:
        """Return the header that the template shows."""
        return f"{self.ko} {self.name}"

    def is_headed(self, text: str) -> bool:
        """Say whether ``text`` heads this column: Korean, English, or both as the template."""
        plain = _plain(text)
        return plain in {_plain(self.ko), _plain(self.name), _plain(self.header)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetForm:
    """A sheet: its names and columns; ``most_rows`` 1 means exactly one row."""

    name: str
    ko: str
    columns: tuple[Column, ...]
    is_needed: bool = True


_YES = {"o": "yes", "예": "yes", "y": "yes", "yes": "yes", "true": "yes", "1": "yes"}
_NO = {"x": "no", "아니오": "no", "n": "no", "no": "no", "false": "no", "0": "no", "": "no"}
_AXES = {"길이": "length", "세로": "length", "length": "length"} | {
    "폭": "width",
    "너비": "width",
    "width": "width",
}
_SIDES = {"위": "top", "오른쪽": "right", "아래": "bottom", "왼쪽": "left"} | {
    side: side for side in ("top", "right", "bottom", "left")
}
_SEVERITIES = {"치명": "critical", "중결함": "major", "경결함": "minor"} | {
    severity: severity for severity in ("critical", "major", "minor")
}
_STAGE = Column(name="stage", ko="단계")
_TOLERANCE = (
    Column(name="lower_mm", ko="하한", kind="number"),
    Column(name="upper_mm", ko="상한", kind="number"),
)
_SEVERITY = Column(name="severity", ko="등급", kind="choice", choices=_SEVERITIES)
_TITLES = (
    Column(name="title_ko", ko="제목", is_needed=False),
    Column(name="title_en", ko="영문제목", is_needed=False),
)

FORMS = (
    SheetForm(
        name="order",
        ko="작업지시",
        columns=(
            Column(name="number", ko="번호"),
            Column(name="title_ko", ko="제목"),
            Column(name="title_en", ko="영문제목"),
            Column(name="style", ko="스타일"),
            Column(name="due_at", ko="납기", kind="date", is_needed=False),
            Column(name="rework_limit", ko="재작업한도", kind="whole", is_needed=False),
        ),
    ),
    SheetForm(
        name="steps",
        ko="공정",
        columns=(
            _STAGE,
            *_TITLES,
            Column(name="quality_check", ko="검사", kind="choice", choices=_YES | _NO),
        ),
    ),
    SheetForm(
        name="points",
        ko="치수",
        is_needed=False,
        columns=(
            _STAGE,
            Column(name="name", ko="이름"),
            *_TITLES,
            Column(name="size", ko="사이즈", is_needed=False),
            Column(name="axis", ko="축", kind="choice", choices=_AXES),
            Column(name="at_ratio", ko="위치", kind="number"),
            Column(name="nominal_mm", ko="기준", kind="number"),
            *_TOLERANCE,
            _SEVERITY,
            Column(name="thickness_mm", ko="두께", kind="number", is_needed=False),
        ),
    ),
    SheetForm(
        name="stitches",
        ko="스티치",
        is_needed=False,
        columns=(
            _STAGE,
            Column(name="seam", ko="솔기"),
            *_TITLES,
            Column(name="side", ko="변", kind="choice", choices=_SIDES),
            Column(name="inset_mm", ko="여백", kind="number"),
            Column(name="pitch_mm", ko="간격", kind="number"),
            *_TOLERANCE,
            Column(name="max_cv_ratio", ko="변동한도", kind="number"),
            Column(name="max_skipped_count", ko="땀빠짐한도", kind="whole"),
            _SEVERITY,
        ),
    ),
    SheetForm(
        name="defects",
        ko="결함",
        is_needed=False,
        columns=(
            _STAGE,
            Column(name="minor_below_mm2", ko="경결함미만", kind="number"),
            Column(name="major_from_mm2", ko="중결함이상", kind="number"),
        ),
    ),
    SheetForm(
        name="pieces",
        ko="피스",
        columns=(
            Column(name="number", ko="번호", kind="whole"),
            Column(name="size", ko="사이즈"),
        ),
    ),
)

Row = dict[str, Any]


@dataclass(slots=True)
class _Problems:
    found: list[dict[str, Any]] = field(default_factory=list)

    def add(self, problem: str, sheet: str, row: int, column: str, value: str = "") -> None:
        self.found.append(
            {"problem": problem, "sheet": sheet, "row": row, "column": column, "value": value}
        )


def read_work_order(sheets: tuple[Sheet, ...], stages: Mapping[str, Stage]) -> WorkOrderDraft:
    """Return the work order that ``sheets`` describe.

    Raises:
        SpreadsheetInvalidError: ``problems`` lists everything that is wrong.
    """
    problems = _Problems()
    tables = {form.name: _table(form, sheets, problems) for form in FORMS}
    _judge_stages(tables, stages, problems)
    if not problems.found and len(tables["order"]) != 1:
        problems.add("ONE_ROW_EXPECTED", "작업지시", 2, "")
    if problems.found:
        raise SpreadsheetInvalidError(
            f"the spreadsheet holds {len(problems.found)} problems", problems=problems.found
        )
    order = tables["order"][0]
    return WorkOrderDraft(
        number=order["number"],
        title_ko=order["title_ko"],
        title_en=order["title_en"],
        style=order["style"],
        due_at=order["due_at"],
        rework_limit=REWORK_LIMIT if order["rework_limit"] is None else order["rework_limit"],
        spec=SpecDraft(stages=_standards(tables)),
        steps=tuple(
            StepDraft(
                stage=row["stage"],
                title_ko=row["title_ko"] or "",
                title_en=row["title_en"] or "",
                requires_quality_check=row["quality_check"] == "yes",
            )
            for row in tables["steps"]
        ),
        pieces=tuple(
            PieceDraft(number=row["number"], size=row["size"]) for row in tables["pieces"]
        ),
    )


def _plain(text: str) -> str:
    return "".join(text.split()).lower()


def _table(form: SheetForm, sheets: tuple[Sheet, ...], problems: _Problems) -> list[Row]:
    names = {_plain(form.name), _plain(form.ko), _plain(f"{form.ko} {form.name}")}
    sheet = next((sheet for sheet in sheets if _plain(sheet.name) in names), None)
    if sheet is None:
        if form.is_needed:
            problems.add("SHEET_MISSING", form.ko, 0, "")
        return []
    filled = [
        (number, row)
        for number, row in enumerate(sheet.rows, start=sheet.first_row)
        if any(_text(cell) for cell in row)
    ]
    if not filled:
        if form.is_needed:
            problems.add("ROWS_MISSING", sheet.name, sheet.first_row, "")
        return []
    heading, header = filled[0]
    places = {
        column.name: place
        for column in form.columns
        for place, cell in enumerate(header)
        if column.is_headed(_text(cell))
    }
    for column in form.columns:
        if column.is_needed and column.name not in places:
            problems.add("COLUMN_MISSING", sheet.name, heading, column.header)
    if form.is_needed and len(filled) == 1:
        problems.add("ROWS_MISSING", sheet.name, heading + 1, "")
    return [
        _row(form, places, cells, (sheet.name, number), problems) for number, cells in filled[1:]
    ]


def _row(
    form: SheetForm,
    places: Mapping[str, int],
    cells: tuple[Cell, ...],
    where: tuple[str, int],
    problems: _Problems,
) -> Row:
    row: Row = {column.name: None for column in form.columns}
    for column in form.columns:
        place = places.get(column.name)
        if place is not None:
            cell = cells[place] if place < len(cells) else None
            row[column.name] = _value(column, cell, where, problems)
    return row | {"sheet": where[0], "row": where[1]}


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _value(column: Column, cell: Cell, place: tuple[str, int], problems: _Problems) -> Any:  # noqa: ANN401
    """Return a cell as its column's kind; a problem is noted and gives None."""
    sheet, row = place
    text = _text(cell)
    if text == "" and "" not in column.choices:
        if column.is_needed:
            problems.add("VALUE_MISSING", sheet, row, column.header)
        return None
    reader = _READERS[column.kind]
    try:
        return reader(column, cell)
    except ValueError:
        problems.add(f"{column.kind.upper()}_EXPECTED", sheet, row, column.header, text)
        return None


def _number(_column: Column, cell: Cell) -> float:
    value = float(_text(cell).replace(",", ""))
    if not isfinite(value):
        raise ValueError("a number ends somewhere")
    return value


def _whole(column: Column, cell: Cell) -> int:
    value = _number(column, cell)
    if not value.is_integer():
        raise ValueError("a whole number has no fraction")
    return int(value)


def _choice(column: Column, cell: Cell) -> str:
    chosen = column.choices.get(_plain(_text(cell)))
    if chosen is None:
        raise ValueError("none of the choices")
    return chosen


def _date(_column: Column, cell: Cell) -> datetime:
    moment = cell if isinstance(cell, datetime) else datetime.fromisoformat(_text(cell))
    return (moment if moment.tzinfo else moment.replace(tzinfo=KOREA)).astimezone(UTC)


_READERS: Mapping[str, Callable[[Column, Cell], Any]] = {
    "text": lambda _column, cell: _text(cell),
    "number": _number,
    "whole": _whole,
    "choice": _choice,
    "date": _date,
}


def _judge_stages(
    tables: Mapping[str, list[Row]], stages: Mapping[str, Stage], problems: _Problems
) -> None:
    """Take a stage by its code or Korean title, and note what is none."""
    by_title = {_plain(stage.title_ko): code for code, stage in stages.items()}
    by_title |= {_plain(code): code for code in stages}
    for table in tables.values():
        for row in table:
            if row.get("stage"):
                code = by_title.get(_plain(row["stage"]))
                if code is None:
                    problems.add(
                        "STAGE_EXPECTED", row["sheet"], row["row"], _STAGE.header, row["stage"]
                    )
                row["stage"] = code


def _standards(tables: Mapping[str, list[Row]]) -> tuple[StageStandard, ...]:
    order = [row["stage"] for name in ("points", "stitches", "defects") for row in tables[name]]
    return tuple(_standard(stage, tables) for stage in dict.fromkeys(order))


def _standard(stage: str, tables: Mapping[str, list[Row]]) -> StageStandard:
    points = tuple(
        PointOfMeasure(
            name=row["name"],
            title_ko=row["title_ko"] or row["name"],
            title_en=row["title_en"] or row["name"],
            size=row["size"] or "",
            axis=row["axis"],
            at_ratio=row["at_ratio"],
            nominal_mm=row["nominal_mm"],
            lower_mm=row["lower_mm"],
            upper_mm=row["upper_mm"],
            severity=row["severity"],
            thickness_mm=row["thickness_mm"],
        )
        for row in tables["points"]
        if row["stage"] == stage
    )
    stitches = tuple(
        StitchStandard(
            seam=row["seam"],
            title_ko=row["title_ko"] or row["seam"],
            title_en=row["title_en"] or row["seam"],
            side=row["side"],
            inset_mm=row["inset_mm"],
            pitch_mm=row["pitch_mm"],
            lower_mm=row["lower_mm"],
            upper_mm=row["upper_mm"],
            max_cv_ratio=row["max_cv_ratio"],
            max_skipped_count=row["max_skipped_count"],
            severity=row["severity"],
        )
        for row in tables["stitches"]
        if row["stage"] == stage
    )
    limits = [
        DefectStandard(minor_below_mm2=row["minor_below_mm2"], major_from_mm2=row["major_from_mm2"])
        for row in tables["defects"]
        if row["stage"] == stage
    ]
    wished: tuple[tuple[Any, bool], ...] = (
        ("measure", bool(points)),
        ("stitches", bool(stitches)),
        ("defects", bool(limits)),
    )
    return StageStandard(
        stage=stage,
        checks=tuple(check for check, is_wished in wished if is_wished),
        points=points,
        stitches=stitches,
        defects=limits[0] if limits else None,
    )
