"""`kyndof quality`: gauge studies, control charts, sampling plans and templates to measure by.

Nothing here needs a database: files are read, judged and answered on the spot. A file is refused
with the line that is wrong. Korean is spoken unless English is asked for.
"""

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from io import StringIO
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from cloud.commands.errors import CommandError

LARGEST_FILE_BYTES = 16 * 1024 * 1024
LARGEST_SHOWN_POINTS = 20

# A spreadsheet's heading, in either language, and what it means.
HEADINGS = {
    "part": "part",
    "부품": "part",
    "제품": "part",
    "시료": "part",
    "person": "person",
    "operator": "person",
    "측정자": "person",
    "작업자": "person",
    "value": "value",
    "value_mm": "value",
    "측정값": "value",
    "subgroup": "subgroup",
    "부분군": "subgroup",
    "trial": "trial",
    "회차": "trial",
}


class TableFileError(Exception):
    """A file cannot be read as a table; ``code`` names the text, ``places`` fill it."""

    def __init__(self, code: str, **places: object) -> None:
        super().__init__(code)
        self.code = code
        self.places = places


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One line of a file: its number, its words and its value in mm."""

    line: int
    part: str = ""
    person: str = ""
    subgroup: str = ""
    value_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanWish:
    """What somebody wants a plan for."""

    lot_count: int
    aql_per_hundred: float
    level: str
    strictness: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateWish:
    """What a style's template is made of; None where the pattern tells it."""

    pattern: Path
    style: str
    piece: str | None
    size: str | None
    unit: str | None
    tech_pack: Path | None
    thickness_mm: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityDoors:
    """What composition hands over; every answer is plain JSON data."""

    study: Callable[[Sequence[TableRow], float | None], dict[str, Any]]
    chart: Callable[[Sequence[TableRow], float | None, float | None], dict[str, Any]]
    plan: Callable[[PlanWish], dict[str, Any]]
    template: Callable[[TemplateWish], dict[str, Any]]


Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
English = Annotated[bool, typer.Option("--english", help="Speak English. 영어로 답합니다.")]
TableFile = Annotated[Path, typer.Argument(help="CSV file. CSV 파일.", metavar="FILE.csv")]


def add_quality(app: typer.Typer, open_doors: Callable[[], QualityDoors]) -> None:
    """Add the `quality` commands."""
    quality = typer.Typer(
        no_args_is_help=True, help="Gauge studies, control charts, sampling plans."
    )
    app.add_typer(quality, name="quality")
    _add_template(quality, open_doors)

    @quality.command("grr")
    def grr(
        file: TableFile,
        tolerance_mm: Annotated[
            float | None, typer.Option(help="Whole width of the tolerance, mm. 공차 전체 폭.")
        ] = None,
        as_json: Json = False,
        english: English = False,
    ) -> None:
        """Study a gauge (GR&R, ANOVA) from columns part, operator and value_mm."""
        with _Refusals(english=english):
            rows = read_table(file, ("part", "person", "value"))
            found = open_doors().study(rows, tolerance_mm)
        _show(found, _study_text(found, english=english), as_json=as_json)

    @quality.command("spc")
    def spc(
        file: TableFile,
        lower_mm: Annotated[float | None, typer.Option(help="Lower limit, mm. 하한.")] = None,
        upper_mm: Annotated[float | None, typer.Option(help="Upper limit, mm. 상한.")] = None,
        as_json: Json = False,
        english: English = False,
    ) -> None:
        """Chart values: X̄-R when the file has a column subgroup, else I-MR."""
        with _Refusals(english=english):
            rows = read_table(file, ("value",))
            found = open_doors().chart(rows, lower_mm, upper_mm)
        _show(found, _chart_text(found, english=english), as_json=as_json)

    @quality.command("plan")
    def plan(
        lot: Annotated[int, typer.Option(help="Pieces in the lot. 로트 크기.")],
        aql: Annotated[float, typer.Option(help="AQL, for example 2.5.")],
        level: Annotated[str, typer.Option(help="I II III S-1 S-2 S-3 S-4. 검사 수준.")] = "II",
        strictness: Annotated[
            str, typer.Option(help="normal, tightened or reduced. 검사 엄격도.")
        ] = "normal",
        as_json: Json = False,
        english: English = False,
    ) -> None:
        """Tell the single sampling plan of a lot by ISO 2859-1."""
        wish = PlanWish(
            lot_count=lot, aql_per_hundred=aql, level=level.upper(), strictness=strictness
        )
        with _Refusals(english=english):
            found = open_doors().plan(wish)
        key = "plan.whole" if found["every_piece"] else "plan.sample"
        names = {**found, "strictness": _say(f"strictness.{strictness}", english=english)}
        _show(found, _say(key, english=english, **names), as_json=as_json)


def _add_template(quality: typer.Typer, open_doors: Callable[[], QualityDoors]) -> None:
    @quality.command("template")
    def template(  # noqa: PLR0913  the command line's options
        pattern: Annotated[
            Path, typer.Argument(help="DXF, AAMA or ASTM. 패턴.", metavar="FILE.dxf")
        ],
        out: Annotated[Path, typer.Option(help="STYLE.template.json to write. 저장할 파일.")],
        style: Annotated[str, typer.Option(help="Style. 스타일.")],
        piece: Annotated[str | None, typer.Option(help="Piece. 조각 이름.")] = None,
        size: Annotated[str | None, typer.Option(help="Size. 사이즈.")] = None,
        unit: Annotated[
            str | None, typer.Option(help="mm or inch, where the file is wrong. 단위.")
        ] = None,
        tech_pack: Annotated[
            Path | None, typer.Option(help="Points of measure, JSON. 테크팩.")
        ] = None,
        thickness_mm: Annotated[
            float | None, typer.Option(help="Of the cloth, mm. 원단 두께.")
        ] = None,
        as_json: Json = False,
        english: English = False,
    ) -> None:
        """Make a style's template from a pattern's piece and a tech pack."""
        wish = TemplateWish(
            pattern=pattern,
            style=style,
            piece=piece,
            size=size,
            unit=unit,
            tech_pack=tech_pack,
            thickness_mm=thickness_mm,
        )
        with _Refusals(english=english):
            found = open_doors().template(wish)
            try:
                out.write_text(found["text"], encoding="utf-8")
            except OSError as error:
                raise TableFileError("file.away", file=out.name, reason=error.strerror) from error
        told = {name: value for name, value in found.items() if name != "text"}
        lines = [_say("template.made", english=english, **{**told, "file": out.name})]
        lines += [_say("template.seams", english=english, **seam) for seam in found["seams"]]
        _show(told, "\n".join(lines), as_json=as_json)


def read_table(file: Path, wanted: tuple[str, ...]) -> list[TableRow]:
    """Return the rows of a CSV file whose first line names its columns.

    Raises:
        TableFileError: the file or a line of it cannot be read; the text names the line.
    """
    lines = csv.reader(StringIO(_text(file)), strict=True)
    columns: list[str] = []
    rows: list[TableRow] = []
    try:
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            if columns:
                rows.append(_row(columns, cells, lines.line_num))
            else:
                columns = _columns(cells, wanted, lines.line_num)
    except csv.Error as error:
        raise TableFileError("file.damaged", line=lines.line_num, reason=error) from error
    if not rows:
        raise TableFileError("file.empty", file=file.name)
    return rows


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > LARGEST_FILE_BYTES:
            raise TableFileError("file.large", file=file.name)
        data = file.read_bytes()
    except OSError as error:
        raise TableFileError("file.away", file=file.name, reason=error.strerror) from error
    for encoding in ("utf-8-sig", "cp949"):  # Korean spreadsheets still save the second
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise TableFileError("file.letters", file=file.name)


def _columns(cells: list[str], wanted: tuple[str, ...], line: int) -> list[str]:
    columns = [HEADINGS.get(cell.strip().lower(), "") for cell in cells]
    absent = [name for name in wanted if name not in columns]
    if absent:
        raise TableFileError("file.column", line=line, name=absent[0], seen=", ".join(cells))
    named = [name for name in columns if name]
    twice = [name for name in named if named.count(name) > 1]
    if twice:
        raise TableFileError("file.twice", line=line, name=twice[0])
    return columns


def _row(columns: list[str], cells: list[str], line: int) -> TableRow:
    if len(cells) != len(columns):
        raise TableFileError("file.width", line=line, found=len(cells), expected=len(columns))
    words = {name: cell.strip() for name, cell in zip(columns, cells, strict=True) if name}
    for name, word in words.items():
        if not word:
            raise TableFileError("file.gap", line=line, name=name)
    try:
        value = float(words["value"])
    except ValueError as error:
        raise TableFileError("file.number", line=line, word=words["value"]) from error
    if not isfinite(value):
        raise TableFileError("file.number", line=line, word=words["value"])
    return TableRow(
        line=line,
        part=words.get("part", ""),
        person=words.get("person", ""),
        subgroup=words.get("subgroup", ""),
        value_mm=value,
    )


def _study_text(found: dict[str, Any], *, english: bool) -> str:
    chosen = found["chosen"]
    lines = [
        _say("grr.head", english=english, **found),
        _say(f"grr.{'pooled' if chosen['pooled'] else 'full'}", english=english, **found),
        _say("grr.columns", english=english),
    ]
    for name in ("repeatability", "person", "interaction", "reproducibility", "gauge", "part",
                 "total"):  # fmt: skip
        spread = chosen[name]
        share = spread["tolerance_ratio"]
        lines.append(
            f"{_say(f'grr.{name}', english=english)}\t{spread['sigma_mm']:.6f}"
            f"\t{spread['contribution_ratio']:.2%}\t{spread['study_ratio']:.2%}"
            f"\t{'–' if share is None else f'{share:.2%}'}"
        )
    count = chosen["categories_count"]
    lines.append(_say("grr.categories", english=english, count="–" if count is None else count))
    lines.append(_say(f"grr.grade.{found['grade']}", english=english))
    return "\n".join(lines)


def _chart_text(found: dict[str, Any], *, english: bool) -> str:
    lines = [_say(f"spc.{found['kind']}", english=english, **found)]
    for part in ("place", "spread"):
        lines.append(_say(f"spc.{part}", english=english, **found[part]))
    for rule, points in found["alarms"].items():
        if points:
            shown = ", ".join(str(point + 1) for point in points[:LARGEST_SHOWN_POINTS])
            more = " …" if len(points) > LARGEST_SHOWN_POINTS else ""
            lines.append(f"{_say(f'spc.rule.{rule}', english=english)}: {shown}{more}")
    if not any(found["alarms"].values()):
        lines.append(_say("spc.calm", english=english))
    if found["spread_alarms"]:
        shown = ", ".join(str(p + 1) for p in found["spread_alarms"][:LARGEST_SHOWN_POINTS])
        lines.append(f"{_say('spc.wide', english=english)}: {shown}")
    for name in ("cp", "cpk", "pp", "ppk"):
        index = (found["capability"] or {}).get(name)
        if index is not None:
            lines.append(
                f"{name.capitalize()} {index['value_ratio']:.3f} "
                f"[{index['lower_ratio']:.3f}, {index['upper_ratio']:.3f}]"
            )
    return "\n".join(lines)


class _Refusals:
    """Turns what is refused within into a sentence on standard error and exit code 1."""

    def __init__(self, *, english: bool) -> None:
        self._english = english

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, TableFileError):
            _fail(_say(error.code, english=self._english, **error.places))
        if isinstance(error, CommandError):
            _fail(f"{_say(error.code, english=self._english)} ({error.code}: {error.message})")


@cache
def texts(language: str) -> dict[str, str]:
    """Return the command line's texts in ``ko`` or ``en``."""
    path = Path(__file__).parent / "texts" / f"{language}.json"
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _say(key: str, *, english: bool, **places: object) -> str:
    known = texts("en" if english else "ko")
    return known.get(key, known["refused"]).format(**places)


def _fail(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)


def _show(data: dict[str, Any], text: str, *, as_json: bool) -> None:
    typer.echo(json.dumps(data, ensure_ascii=False) if as_json else text)
