"""`kyndof train retrain` says what the gate said, and names what is wrong with its file."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from cloud.composition.doors import terminal_doors
from cloud.infrastructure.training.corrections import CELLS, Corrections, write_corrections
from cloud.infrastructure.training.golden_bank import CHANNELS
from cloud.interfaces.terminal.app import build_terminal
from cloud.interfaces.terminal.quality import texts
from cloud.interfaces.terminal.retrain import RetrainOutcome, RetrainWish
from cloud.learning.promotion import Refusal
from edge.infrastructure.onnx_bundle_folder import OnnxBundleFolders

pytestmark = pytest.mark.requirement("TRN", "GAT", "TER")
FIGURES = ("accuracy", "old_auroc", "kind_accuracy", "overkill")
ESCAPES = ("escape_known_kinds", "escape_new_kinds")


def retrain(*words: str) -> Result:
    given = ["train", "retrain", *words, "--english"]
    return CliRunner().invoke(build_terminal(terminal_doors()), given)


def written(folder: Path, digest: str, flawed: int = 4) -> Path:
    words = np.array([""] * 6 + ["moth_hole"] * flawed, dtype="U64")
    masks = np.zeros((len(words), CELLS, CELLS), bool)
    masks[6:, 2, 2] = True
    path = folder / "corrections.npz"
    write_corrections(
        path,
        Corrections(
            bundle_digest=digest,
            styles=np.full(len(words), "blouse"),
            pieces=np.array([f"P{number}" for number in range(len(words))]),
            words=words,
            departures=np.zeros((len(words), CELLS, CELLS, CHANNELS), np.float16),
            masks=masks,
        ),
    )
    return path


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda folder: folder / "absent.npz", "cannot be read"),
        (lambda folder: written(folder, "d" * 64), "another bundle (dddddddddddd"),
        (lambda folder: written(folder, base_digest(), flawed=0), "0 of 6 corrections are flaws"),
    ],
)
def test_a_file_that_cannot_be_learned_from_is_one_sentence(
    made: Callable[[Path], Path], sentence: str, tmp_path: Path
) -> None:
    pytest.importorskip("torch", reason="PyTorch is the extra `train`")
    told = retrain(str(made(tmp_path)), "--out", str(tmp_path / "work"))
    assert told.exit_code == 1
    assert sentence in told.stderr
    assert not (tmp_path / "work").exists()


def base_digest() -> str:
    files = OnnxBundleFolders("").base().files
    return hashlib.sha256(files["manifest.json"]).hexdigest()


def test_a_folder_without_a_bundle_is_named(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is the extra `train`")
    words = (str(written(tmp_path, "d" * 64)), "--out", str(tmp_path / "work"))
    told = retrain(*words, "--base", str(tmp_path))
    assert told.exit_code == 1
    assert "No bundle can be read" in told.stderr


def test_without_torch_the_command_that_adds_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.composition.retraining_door.find_spec", lambda name: None)
    told = retrain("none.npz", "--out", str(tmp_path))
    assert told.exit_code == 1
    assert "pip install" in told.stderr


def outcome(refusals: tuple[str, ...]) -> RetrainOutcome:
    return RetrainOutcome(
        bundle=None if refusals else Path("work/candidate"),
        digest="" if refusals else "c" * 64,
        refusals=refusals,
        figures=dict.fromkeys((*FIGURES, *ESCAPES), (0.8, 0.9)),
        report=Path("work/gate.json"),
        learned_count=225,
        picture_count=1355,
    )


def answered(refusals: tuple[str, ...], *words: str) -> Result:
    """Run the command with a door that answers at once."""

    def door(wish: RetrainWish, told: Callable[[int, int], None]) -> RetrainOutcome:
        told(3, 4)
        told(4, 4)
        return outcome(refusals)

    doors = replace(terminal_doors(), retrain=lambda: door)
    given = ["train", "retrain", "c.npz", "--out", "work", *words]
    return CliRunner().invoke(build_terminal(doors), given)


def test_a_promoted_candidate_is_named_with_its_figures() -> None:
    told = answered((), "--english")
    assert told.exit_code == 0, told.stderr
    assert "right verdicts: 80.0% → 90.0%" in told.stdout
    assert "work/candidate (digest cccccccccccc…)" in told.stdout


@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_reason_against_a_candidate_is_told_in_both_languages(language: str) -> None:
    every = tuple(refusal.value for refusal in Refusal)
    told = answered(every, *(["--english"] if language == "en" else []))
    assert told.exit_code == 1
    for code in every:
        assert f"- {texts(language)[f'gate.{code}']}" in told.stderr
    assert "work/gate.json" in told.stderr
