"""Stages from the registry, also when somebody breaks the file."""

import os
from pathlib import Path

import pytest

from cloud.infrastructure.registry_files.stage_files import StageFileError, StageFiles

GOOD = """stages:
  - code: CUT
    title: {ko: 재단, en: Cutting}
    guide: [{ko: 자르세요, en: Cut, picture: cut.svg}]
"""
pytestmark = pytest.mark.requirement("REG")


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    (tmp_path / "standards" / "pictures").mkdir(parents=True)
    (tmp_path / "standards" / "pictures" / "cut.svg").write_text("<svg/>")
    return tmp_path


def write(registry: Path, text: str, moment: int) -> None:
    file = registry / "standards" / "stages.yml"
    file.write_text(text, encoding="utf-8")
    os.utime(file, (moment, moment))


def test_the_shipped_stages_stand_in_their_order_with_pictures() -> None:
    files = StageFiles.of_checkout()
    assert list(files.stages()) == [
        "MAT", "SPR", "CUT", "SEW", "BEAD", "FIN", "QC", "FIT", "ALT", "PACK",
    ]  # fmt: skip
    for stage in files.stages().values():
        assert files.picture(stage.guide[0].picture).startswith(b"<svg")


def test_a_changed_file_counts_at_once_and_a_broken_one_never(registry: Path) -> None:
    files = StageFiles(registry)
    write(registry, GOOD, 1_000)
    assert list(files.stages()) == ["CUT"]
    write(registry, GOOD.replace("CUT", "SEW"), 2_000)
    assert list(files.stages()) == ["SEW"]
    write(registry, "stages: {", 3_000)
    assert list(files.stages()) == ["SEW"]
    (registry / "standards" / "stages.yml").unlink()
    assert list(files.stages()) == ["SEW"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("stages: {", "stages.yml:1"),
        ("[]", "stages"),
        (GOOD.replace("CUT", "cut"), "stages[0].code"),
        (GOOD.replace("ko: 재단, ", ""), "stages[0].title"),
        (GOOD.replace("ko: 자르세요, ", ""), "stages[0].guide[0]"),
        (GOOD.replace("cut.svg", "none.svg"), "stages[0].guide[0].picture"),
        (GOOD + GOOD.split("\n", 1)[1], "stages[1].code"),
    ],
)
def test_a_broken_first_file_is_refused_with_its_place(
    registry: Path, text: str, place: str
) -> None:
    write(registry, text, 1_000)
    with pytest.raises(StageFileError) as refusal:
        StageFiles(registry).stages()
    assert "stages.yml" in str(refusal.value)
    assert place in str(refusal.value)


def test_the_line_of_the_wrong_stage_is_told(registry: Path) -> None:
    write(registry, GOOD + GOOD.replace("CUT", "sew").split("\n", 1)[1], 1_000)
    with pytest.raises(StageFileError, match=r"standards/stages\.yml:[3-9]: stages\[1\]\.code"):
        StageFiles(registry).stages()


def test_an_earlier_version_serves_while_the_file_is_broken_and_the_problem_is_told(
    registry: Path,
) -> None:
    files = StageFiles(registry)
    write(registry, "stages: {", 1_000)
    files.revive(GOOD)
    (problem,) = files.problems()
    assert (problem.file, problem.serving) == ("standards/stages.yml", "last_good")
    assert list(files.stages()) == ["CUT"]
    write(registry, GOOD.replace("CUT", "SEW"), 2_000)
    assert files.problems() == ()
    assert list(files.stages()) == ["SEW"]


def test_a_picture_outside_its_folder_is_none(registry: Path) -> None:
    (registry / "standards" / "secret.svg").write_text("x")
    assert StageFiles(registry).picture("../secret.svg") == b""
