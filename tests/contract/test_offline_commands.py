"""scan, inspect, teach and self-test, as a person types them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from edge.__main__ import app
from edge.infrastructure.qr_readers import code_picture
from edge.inspection.style_bank import StyleBank

RUNNER = CliRunner()


def kyndof_edge(*arguments: str | Path) -> Result:
    return RUNNER.invoke(app, [str(a) for a in arguments], env={"KYNDOF_LANGUAGE": "en"})


def cloth(seed: int) -> np.ndarray:
    weave = 15 * np.sin(np.arange(300) * 2 * np.pi / 6)
    noise = 6 * np.random.default_rng(seed).standard_normal((300, 300))
    return np.clip(130 + weave[:, None] + weave + noise, 0, 255).astype(np.uint8)


def lines(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.requirement("SCN")
@pytest.mark.parametrize("kind", ["grey.png", "colour.jpg", "small.webp", "alpha.png", "deep.png"])
def test_scan_reads_any_kind_of_picture(tmp_path: Path, kind: str) -> None:
    picture = code_picture("KY1:P:A:B")
    if kind == "grey.png":
        picture = picture[..., 0]
    elif kind == "alpha.png":
        picture = np.dstack([np.zeros_like(picture), 255 - picture[..., :1]])
    elif kind == "deep.png":
        picture = picture[..., 0].astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / kind), picture)
    result = kyndof_edge("scan", tmp_path / kind)
    assert result.exit_code == 0
    (line,) = lines(result)
    assert line["text"] == "KY1:P:A:B"
    assert set(line) == {"picture", "codes", "text", "elapsed_ms"}
    assert set(line["codes"][0]) == {"text", "format", "corners_px", "reader"}


def test_scan_says_which_picture_cannot_be_read_and_reads_the_others(tmp_path: Path) -> None:
    whole = tmp_path / "whole.png"
    cv2.imwrite(str(whole), code_picture("KY1:P:A:B"))
    cut = tmp_path / "cut.png"
    cut.write_bytes(whole.read_bytes()[:200])
    (tmp_path / "empty.png").write_bytes(b"")
    result = kyndof_edge("scan", cut, tmp_path / "empty.png", tmp_path / "none.png", whole)
    assert result.exit_code == 2
    assert [line["text"] for line in lines(result)] == ["KY1:P:A:B"]
    for name in ("cut.png", "empty.png", "none.png"):
        assert name in result.stderr


def test_scan_of_a_picture_without_a_code_succeeds(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "cloth.png"), cloth(0))
    result = kyndof_edge("scan", tmp_path / "cloth.png")
    assert result.exit_code == 0
    assert lines(result)[0]["codes"] == []


@pytest.mark.requirement("DEF")
def test_a_style_is_taught_and_a_flaw_is_found(tmp_path: Path) -> None:
    good = []
    for seed in range(14):
        good.append(tmp_path / f"good-{seed}.png")
        cv2.imwrite(str(good[-1]), cloth(seed))
    bank = tmp_path / "style.bank"
    taught = kyndof_edge("teach", "twill", *good, "--out", bank)
    assert taught.exit_code == 0, taught.stderr
    assert bank.stat().st_size <= 10 * 1024
    flawed = cloth(9)
    flawed[100:120, 180:200] //= 2
    cv2.imwrite(str(tmp_path / "flawed.png"), flawed)
    cv2.imwrite(str(tmp_path / "clean.png"), cloth(10))
    result = kyndof_edge(
        "inspect", "--style-bank", bank, "--overlay", tmp_path / "seen", "--bundle", "base",
        tmp_path / "flawed.png", tmp_path / "clean.png",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    bad, clean = lines(result)
    assert bad["findings"][0]["class"] == "unknown_anomaly"
    assert bad["verdict"] == "REVIEW"
    assert (clean["verdict"], clean["findings"], clean["style"]) == ("PASS", [], "twill")
    assert len(list((tmp_path / "seen").glob("*.png"))) == 2
    untaught = kyndof_edge("inspect", tmp_path / "clean.png")
    assert lines(untaught)[0]["verdict"] == "REVIEW"


def test_bad_pictures_are_left_out_of_teaching_and_named(tmp_path: Path) -> None:
    good = [tmp_path / f"good-{seed}.png" for seed in range(5)]
    said = ("--few", "--overkill", "0.05", "--out")
    for seed, path in enumerate(good):
        cv2.imwrite(str(path), cloth(seed))
    white, text = tmp_path / "white.png", tmp_path / "text.png"
    cv2.imwrite(str(white), np.full((300, 400, 3), 255, dtype=np.uint8))
    text.write_text("no picture")
    taught = kyndof_edge("teach", "twill", *good, white, text, *said, tmp_path / "a.bank")
    assert taught.exit_code == 0, taught.stderr
    assert "14 to 30" in taught.stderr
    bank = StyleBank.from_bytes((tmp_path / "a.bank").read_bytes())
    assert (bank.piece_count, round(bank.overkill_ratio, 6)) == (5, 0.05)
    assert "white.png" in taught.stderr
    assert "text.png" in taught.stderr
    for pictures, words in (
        ((*good[:4], white, "--few"), "5 good pieces are needed"),
        (good, "14 good pieces are needed"),
    ):
        few = kyndof_edge("teach", "twill", *pictures, "--out", tmp_path / "b.bank")
        assert (few.exit_code, (tmp_path / "b.bank").exists()) == (1, False)
        assert words in few.stderr


def test_wrong_banks_and_bundles_are_refused_in_one_sentence(tmp_path: Path) -> None:
    picture = tmp_path / "cloth.png"
    cv2.imwrite(str(picture), cloth(0))
    (tmp_path / "broken.bank").write_bytes(b"nonsense")
    for arguments, word in (
        (("--style-bank", tmp_path / "broken.bank"), "STYLE_BANK_CORRUPT"),
        (("--bundle", tmp_path), "BUNDLE_KEY_MISSING"),
        (("--board", tmp_path / "none.yml"), "TAG_BOARD_INVALID"),
    ):
        result = kyndof_edge("inspect", *arguments, picture)
        assert result.exit_code == 1
        assert word in result.stderr
        assert result.stdout == ""
    few = kyndof_edge("teach", "x", picture, "--out", tmp_path / "x.bank")
    assert (few.exit_code, (tmp_path / "x.bank").exists()) == (1, False)


@pytest.mark.requirement("DEF")
def test_self_test_passes() -> None:
    result = kyndof_edge("self-test")
    assert result.exit_code == 0, result.stdout
    assert len(result.stdout.splitlines()) == 4
