"""`kyndof train render` writes a set with masks, the same for the same seed, or says why not."""

import csv
import hashlib
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner, Result

from cloud.composition.doors import terminal_doors
from cloud.infrastructure.training.bundle_files import read_bundle
from cloud.interfaces.terminal.app import build_terminal
from edge.infrastructure.onnx_defect_detector import OnnxDefectDetector
from edge.model_bundles.bundle import Bundle

pytestmark = pytest.mark.requirement("DEF", "TER")


def render(*arguments: str) -> Result:
    words = ["train", "render", "--workers", "1", "--side", "64", *arguments]
    return CliRunner().invoke(build_terminal(terminal_doors()), words)


def digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for file in sorted(folder.rglob("*.*")):
        whole.update(file.name.encode() + file.read_bytes())
    return whole.hexdigest()


def test_a_set_has_pictures_masks_an_index_and_an_overview(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    told = render("--out", str(tmp_path / "set"), "--count", "20", "--sheet", str(sheet))
    assert told.exit_code == 0, told.stderr
    assert "타일 20장" in told.stdout
    with (tmp_path / "set" / "index.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 20
    for row in rows:
        picture = cv2.imread(str(tmp_path / "set" / row["picture"]))
        mask = cv2.imread(str(tmp_path / "set" / row["mask"]), cv2.IMREAD_GRAYSCALE)
        assert picture is not None
        assert mask is not None
        assert picture.shape == (64, 64, 3)
        assert int((mask > 0).sum()) == int(row["mask_px"])
        assert (row["label"] == "good") == (row["kind"] == "") == (row["mask_px"] == "0")
    assert cv2.imread(str(sheet)) is not None


def test_the_seed_decides_the_set_and_the_number_of_processes_does_not(tmp_path: Path) -> None:
    arguments = ("--count", "26", "--family", "woven")
    for name, more in {
        "a": ("--seed", "3"),
        "b": ("--seed", "3", "--workers", "2"),
        "c": ("--seed", "4"),
    }.items():
        assert render("--out", str(tmp_path / name), *arguments, *more).exit_code == 0
    digests = [digest(tmp_path / name) for name in "abc"]
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_family_and_kind_are_what_was_asked_for(tmp_path: Path) -> None:
    told = render(
        "--out", str(tmp_path), "--count", "3", "--family", "denim", "--kind", "broken_stitch",
        "--english",
    )  # fmt: skip
    assert told.exit_code == 0, told.stderr
    assert "3 with a defect" in told.stdout
    with (tmp_path / "index.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["family"], row["kind"]) for row in rows} == {("denim", "broken_stitch")}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "--out 폴더나 --sheet 파일"),
        (("--out", "x", "--count", "0"), "--count 0"),
        (("--out", "x", "--seed", "-1"), "--seed -1"),
        (("--out", "x", "--workers", "0"), "--workers 0"),
        (("--out", "x", "--family", "paper"), "paper 원단은 없습니다"),
        (("--out", "x", "--kind", "ghost"), "ghost 결함은 없습니다"),
        (("--out", "x", "--side", "8"), "--side 8"),
        (("--out", "x", "--kind", "missing_bead", "--family", "denim"), "missing_bead"),
    ],
)
def test_what_cannot_be_rendered_is_one_sentence(
    arguments: tuple[str, ...], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = render(*arguments)
    assert told.exit_code == 1
    assert sentence in told.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_in_use_and_one_that_cannot_be_made_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    assert "비어 있지 않습니다" in render("--out", str(tmp_path), "--count", "1").stderr
    below_a_file = str(tmp_path / "notes.txt" / "set")
    assert "저장할 수 없습니다" in render("--out", below_a_file, "--count", "1").stderr


def test_the_base_bundle_refuses_too_little_work(tmp_path: Path) -> None:
    words = ["train", "base", "--out", str(tmp_path), "--styles", "1", "--english"]
    told = CliRunner().invoke(build_terminal(terminal_doors()), words)
    assert told.exit_code == 1
    assert "--styles 1" in told.stderr


def test_without_torch_the_one_command_that_adds_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.composition.training_doors.find_spec", lambda name: None)
    words = ["train", "base", "--out", str(tmp_path)]
    told = CliRunner().invoke(build_terminal(terminal_doors()), words)
    assert told.exit_code == 1
    assert "pip install" in told.stderr


def test_the_base_command_writes_a_bundle_that_opens(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is the extra `train`")
    sizes = ["--styles", "3", "--steps", "3", "--kind-steps", "3"]
    words = ["train", "base", "--out", str(tmp_path), *sizes]
    told = CliRunner().invoke(build_terminal(terminal_doors()), words)
    assert told.exit_code == 0, told.stderr
    names = {entry.name for entry in (tmp_path / "bundle").iterdir()}
    assert {"model.onnx", "judges.onnx", "card.md", "manifest.json"} <= names
    assert "close_kinds.onnx" not in names
    assert "close" not in (tmp_path / "bundle" / "card.md").read_text()
    heads = read_bundle(tmp_path / "bundle")
    words += ["--close-styles", "3", "--close-steps", "3"]
    told = CliRunner().invoke(build_terminal(terminal_doors()), words)
    assert told.exit_code == 0, told.stderr
    both = read_bundle(tmp_path / "bundle")
    assert set(both) - set(heads) == {"close_kinds.onnx"}
    same = {"model.onnx", "judges.onnx", "kinds.onnx", "labels.json"}
    assert {name: both[name] for name in same} == {name: heads[name] for name in same}
    assert "--close-styles 3 --close-steps 3 --seed" in both["card.md"].decode()
    bundle = Bundle(name="base", version="0", digest="", trusted_by="code", files=both)
    assert OnnxDefectDetector(bundle, threads=1).looks_closely


@pytest.mark.parametrize("one", ["--close-styles", "--close-steps"])
def test_a_close_look_wants_styles_and_steps(tmp_path: Path, one: str) -> None:
    words = ["train", "base", "--out", str(tmp_path / "out"), one, "3", "--english"]
    told = CliRunner().invoke(build_terminal(terminal_doors()), words)
    assert told.exit_code == 1
    (other,) = {"--close-styles", "--close-steps"} - {one}
    assert f"{other} 0" in told.stderr
    assert not (tmp_path / "out").exists()


def adapt(*words: str) -> Result:
    given = ["train", "adapt", *words, "--english"]
    return CliRunner().invoke(build_terminal(terminal_doors()), given)


def test_adapting_refuses_too_few_pieces_and_what_is_no_picture(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is the extra `train`")
    render("--out", str(tmp_path / "set"), "--count", "2", "--kind", "good", "--side", "96")
    good = sorted(str(path) for path in (tmp_path / "set" / "pictures").iterdir())
    bank = tmp_path / "style.bank"
    few = adapt("twill", *good, "--out", str(bank))
    assert (few.exit_code, bank.exists()) == (1, False)
    assert "14 good pieces are needed" in few.stderr
    (tmp_path / "text.png").write_text("no picture")
    text = adapt("twill", str(tmp_path / "text.png"), "--out", str(bank))
    assert (text.exit_code, bank.exists()) == (1, False)
    assert "text.png" in text.stderr
    board = adapt("twill", *good, "--out", str(bank), "--board", str(tmp_path / "none.yml"))
    assert "TAG_BOARD_INVALID" in board.stderr


def test_adapting_without_torch_names_the_command_that_adds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.composition.adaptation_door.find_spec", lambda name: None)
    told = adapt("twill", "none.png", "--out", str(tmp_path / "style.bank"))
    assert told.exit_code == 1
    assert "pip install" in told.stderr
