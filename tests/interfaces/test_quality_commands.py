"""`kyndof quality` reads files, answers in Korean or English and names the line that is wrong."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cloud.composition.doors import terminal_doors
from cloud.interfaces.terminal.app import build_terminal
from tests.unit.test_gauge_studies import EXAMPLE

pytestmark = pytest.mark.requirement("TER", "MEA", "VER")


def kyndof(*arguments: str) -> Result:
    return CliRunner().invoke(build_terminal(terminal_doors()), ["quality", *arguments])


@pytest.fixture
def study(tmp_path: Path) -> Path:
    file = tmp_path / "study.csv"
    rows = [
        f"{part},{person},{value}"
        for part, people in enumerate(EXAMPLE.tolist(), start=1)
        for person, values in zip("ABC", people, strict=True)
        for value in values
    ]
    file.write_text("\n".join(["시료,측정자,측정값", *rows]), encoding="cp949")
    return file


def test_a_gauge_study_is_told_in_korean_and_as_json(study: Path) -> None:
    told = kyndof("grr", str(study), "--tolerance-mm", "10")
    assert told.exit_code == 0, told.stderr
    assert "시료 10개, 측정자 3명, 반복 3회" in told.stdout
    assert "0.302372\t7.76%\t27.86%\t18.14%" in told.stdout
    assert "조건부" in told.stdout
    found = json.loads(kyndof("grr", str(study), "--json").stdout)
    assert found["chosen"]["categories_count"] == 4
    assert found["full"]["repeatability"]["sigma_mm"] == pytest.approx(0.214435, abs=1e-6)
    assert "Gauge R&R" in kyndof("grr", str(study), "--english").stdout


def test_a_study_with_a_gap_names_part_and_person(study: Path) -> None:
    text = study.read_text(encoding="cp949").splitlines()
    study.write_text("\n".join(text[:-1]), encoding="utf-8")
    told = kyndof("grr", str(study))
    assert told.exit_code == 1
    assert "STUDY_INCOMPLETE" in told.stderr
    assert "part 10, person C" in told.stderr


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("part,operator,value\n1,A,12\n1,B,zwölf\n", "3번째 줄의 값 'zwölf'"),
        ("part,operator,value\n1,A,nan\n", "2번째 줄의 값 'nan'"),
        ("part,operator,value\n1,A\n", "2번째 줄은 2칸입니다"),
        ("part,operator,value\n1,,12\n", "2번째 줄의 person 칸이 비어"),
        ("part,operator,value,value\n", "value 열이 두 번"),
        ("part,who,value\n1,A,12\n", "person 열이 없습니다"),
        ("part,operator,value\n", "측정값이 없습니다"),
        ('part,operator,value\n1,"A"x,3\n', "2번째 줄이 CSV 형식이 아닙니다"),
        ("", "측정값이 없습니다"),
    ],
)
def test_a_file_with_a_wrong_line_is_refused_with_its_number(
    tmp_path: Path, content: str, sentence: str
) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(content, encoding="utf-8")
    told = kyndof("grr", str(file))
    assert told.exit_code == 1
    assert sentence in told.stderr
    assert "Traceback" not in told.stderr


def test_a_missing_or_unreadable_file_is_a_sentence(tmp_path: Path) -> None:
    assert "읽을 수 없습니다" in kyndof("spc", str(tmp_path / "none.csv")).stderr
    assert "읽을 수 없습니다" in kyndof("spc", str(tmp_path)).stderr
    file = tmp_path / "letters.csv"
    file.write_bytes(b"value\n\xff\xff\xff\n")
    assert "UTF-8" in kyndof("spc", str(file)).stderr


def test_values_are_charted_singly_or_in_subgroups(tmp_path: Path) -> None:
    file = tmp_path / "values.csv"
    file.write_text("value_mm\n" + "\n".join(["10", "10.1", "9.9"] * 8 + ["12"]), encoding="utf-8")
    told = kyndof("spc", str(file), "--lower-mm", "9", "--upper-mm", "11")
    assert "I-MR" in told.stdout
    assert "규칙 1, 3σ 밖의 점: 25" in told.stdout
    assert "Cpk" in told.stdout
    grouped = tmp_path / "grouped.csv"
    rows = [f"{group},{10 + group % 3 / 10 + shift}" for group in range(8) for shift in (0, 0.2)]
    grouped.write_text("\n".join(["subgroup,value", *rows]), encoding="utf-8")
    found = json.loads(kyndof("spc", str(grouped), "--json").stdout)
    assert (found["kind"], found["subgroup_count"]) == ("xbar-r", 2)
    grouped.write_text("\n".join(["subgroup,value", *rows[:-1]]), encoding="utf-8")
    told = kyndof("spc", str(grouped), "--english")
    assert told.exit_code == 1
    assert "line 16: subgroup 7 has 1 values" in told.stderr


def test_a_lot_gets_its_plan(tmp_path: Path) -> None:
    told = kyndof("plan", "--lot", "1000", "--aql", "2.5", "--level", "II")
    assert told.exit_code == 0
    assert "시료 80개, 합격 판정 5, 불합격 판정 6" in told.stdout
    assert "전수 검사" in kyndof("plan", "--lot", "15", "--aql", "2.5").stdout
    found = json.loads(
        kyndof("plan", "--lot", "1000", "--aql", "2.5", "--strictness", "reduced", "--json").stdout
    )
    assert (found["sample_count"], found["accept_count"]) == (32, 3)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--lot", "0", "--aql", "2.5"), "SAMPLING_REFUSED"),
        (("--lot", "100", "--aql", "3"), "SAMPLING_REFUSED"),
        (("--lot", "100", "--aql", "2.5", "--level", "IV"), "SAMPLING_REFUSED"),
        (("--lot", "100", "--aql", "2.5", "--strictness", "lax"), "SAMPLING_REFUSED"),
    ],
)
def test_a_plan_that_no_table_has_is_refused(arguments: tuple[str, ...], code: str) -> None:
    told = kyndof("plan", *arguments)
    assert told.exit_code == 1
    assert code in told.stderr
