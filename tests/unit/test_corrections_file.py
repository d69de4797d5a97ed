"""A file of corrections comes back as it was written, or a named error says what is wrong."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cloud.infrastructure.training.corrections import (
    CELLS,
    Corrections,
    CorrectionsEmptyError,
    CorrectionsImpossibleError,
    CorrectionsOfAnotherBundleError,
    CorrectionsOneSidedError,
    CorrectionsRefusedError,
    CorrectionsUnreadableError,
    StyleWithoutGoodError,
    read_corrections,
    write_corrections,
)
from cloud.infrastructure.training.golden_bank import CHANNELS

pytestmark = pytest.mark.requirement("TRN")
DIGEST = "d" * 64


def some(good: int = 6, flawed: int = 4) -> Corrections:
    words = np.array([""] * good + ["moth_hole"] * flawed, dtype="U64")
    masks = np.zeros((len(words), CELLS, CELLS), bool)
    masks[words != "", 3:5, 3:5] = True
    departures = np.random.default_rng(1).normal(size=(len(words), CELLS, CELLS, CHANNELS))
    return Corrections(
        bundle_digest=DIGEST,
        styles=np.full(len(words), "blouse"),
        pieces=np.array([f"P{number}" for number in range(len(words))], dtype="U64"),
        words=words,
        departures=departures.astype(np.float16),
        masks=masks,
    )


def written(folder: Path, corrections: Corrections) -> Path:
    path = folder / "corrections.npz"
    write_corrections(path, corrections)
    return path


def test_corrections_come_back_as_they_were(tmp_path: Path) -> None:
    before = some()
    after = read_corrections(written(tmp_path, before), DIGEST)
    assert after.bundle_digest == DIGEST
    for name in ("styles", "pieces", "words", "departures", "masks"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_file_that_is_cut_off_is_unreadable(tmp_path: Path, share: float) -> None:
    path = written(tmp_path, some())
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(CorrectionsUnreadableError):
        read_corrections(path, DIGEST)


def test_a_file_with_a_changed_byte_is_unreadable(tmp_path: Path) -> None:
    path = written(tmp_path, some())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(CorrectionsUnreadableError):
        read_corrections(path, DIGEST)


def test_what_is_no_file_of_corrections_is_unreadable(tmp_path: Path) -> None:
    other = tmp_path / "other.npz"
    np.savez(other, format=np.array("kyndof-corrections-9"))
    for path in (other, tmp_path / "absent.npz", tmp_path):
        with pytest.raises(CorrectionsUnreadableError):
            read_corrections(path, DIGEST)


def test_parts_that_do_not_fit_each_other_are_unreadable(tmp_path: Path) -> None:
    for wrong in (
        {"masks": some().masks[1:]},
        {"departures": some().departures[:, :, :, :7]},
        {"departures": some().departures.astype(np.float64)},
        {"words": np.zeros(10)},
    ):
        path = written(tmp_path, replace(some(), **wrong))
        with pytest.raises(CorrectionsUnreadableError):
            read_corrections(path, DIGEST)


def with_a_number_that_is_none() -> Corrections:
    found = some()
    found.departures[2, 1, 1, 1] = np.nan
    return found


def without_a_place() -> Corrections:
    found = some()
    found.masks[-1] = False
    return found


def good_with_a_place() -> Corrections:
    found = some()
    found.masks[0, 1, 1] = True
    return found


def with_a_word_that_is_none() -> Corrections:
    found = some()
    found.words[-1] = "<b>"
    return found


def without_a_piece() -> Corrections:
    found = some()
    found.pieces[0] = ""
    return found


@pytest.mark.parametrize(
    ("made", "error"),
    [
        (lambda: some(0, 0), CorrectionsEmptyError),
        (lambda: some(6, 0), CorrectionsOneSidedError),
        (lambda: some(0, 4), CorrectionsOneSidedError),
        (lambda: some(3, 4), StyleWithoutGoodError),
        (lambda: replace(some(), bundle_digest="e" * 64), CorrectionsOfAnotherBundleError),
        (with_a_number_that_is_none, CorrectionsImpossibleError),
        (without_a_place, CorrectionsImpossibleError),
        (good_with_a_place, CorrectionsImpossibleError),
        (with_a_word_that_is_none, CorrectionsImpossibleError),
        (without_a_piece, CorrectionsImpossibleError),
    ],
)
def test_what_nothing_can_be_learned_from_is_refused_by_name(
    tmp_path: Path, made: Callable[[], Corrections], error: type[CorrectionsRefusedError]
) -> None:
    with pytest.raises(error):
        read_corrections(written(tmp_path, made()), DIGEST)
