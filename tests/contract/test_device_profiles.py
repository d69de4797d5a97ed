"""Profiles of computers, cameras, scanners and lights against their schemas; the printed sheet."""

import json
import re
import tomllib
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
import zxingcpp
from jsonschema import Draft202012Validator
from pypdf import PdfReader
from typer.testing import CliRunner

from edge.__main__ import app
from edge.infrastructure.device_profiles import SCHEMAS, read_scanner_profile
from edge.infrastructure.scanner_sheet import TRIAL
from edge.scanning.address import parse_scanner
from edge.scanning.errors import ScannerProfileError

FOLDER = Path(__file__).parents[2] / "firmware-config"
FILES = {
    "computer": "boards/computers/*.yml",
    "camera": "cameras/*.toml",
    "scanner": "scanners/*.yml",
    "light": "lights/*.yml",
}
CODES = [
    {"ko": "기본값", "en": "Factory defaults", "symbology": "data_matrix", "text": "SET.DEFAULT"},
    {"ko": "US 배열", "en": "US layout", "symbology": "code_128", "text": "LAYOUT-US"},
    {"ko": "Enter", "en": "Enter after each code", "symbology": "qr", "text": "SUFFIX=CR"},
]


def content(path: Path) -> dict[str, object]:
    text = path.read_text("utf-8")
    return tomllib.loads(text) if path.suffix == ".toml" else yaml.safe_load(text)


@pytest.mark.requirement("CAP", "SCN")
def test_every_profile_keeps_its_schema_and_every_schema_is_fresh() -> None:
    for name, kind in SCHEMAS.items():
        stored = FOLDER / "schemas" / f"{name}.schema.json"
        schema = json.loads(stored.read_text("utf-8"))
        assert schema == kind.model_json_schema(), f"{stored.name} is stale"
        files = sorted(FOLDER.glob(FILES[name]))
        assert files
        for path in files:
            wrong = [
                error.message for error in Draft202012Validator(schema).iter_errors(content(path))
            ]
            assert not wrong, f"{path.name}: {wrong}"
            kind.model_validate(content(path))


@pytest.mark.requirement("SCN")
def test_every_scanner_has_an_address_that_the_station_understands() -> None:
    for path in FOLDER.glob("scanners/*.yml"):
        profile = read_scanner_profile(FOLDER, path.stem)
        assert parse_scanner(profile.address).kind == profile.kind


def profile_in(folder: Path, **changes: object) -> None:
    (folder / "scanners").mkdir(exist_ok=True)
    given = content(FOLDER / "scanners" / "hid-generic.yml") | changes
    (folder / "scanners" / "ours.yml").write_text(yaml.safe_dump(given, allow_unicode=True))


def sheet(folder: Path, *arguments: str):
    environment = {"KYNDOF_FIRMWARE_CONFIG": str(folder)}
    return CliRunner().invoke(app, ["scanner-codes", *arguments], env=environment)


def printed(pdf: Path, dots_per_mm: int = 10) -> list[np.ndarray]:
    """Pages as a printer would lay them down: every rectangle black on white, (H, W) uint8."""
    pages = []
    for page in PdfReader(pdf).pages:
        paper = np.full((297 * dots_per_mm, 210 * dots_per_mm), 255, np.uint8)
        for found in re.finditer(r"^([\d. ]+) re$", page.get_contents().get_data().decode(), re.M):
            left, top, wide, high = (float(part) * dots_per_mm for part in found[1].split())
            corner, opposite = (
                (round(left), round(top)),
                (round(left + wide) - 1, round(top + high) - 1),
            )
            cv2.rectangle(paper, corner, opposite, 0, -1)
        pages.append(paper)
    return pages


@pytest.mark.requirement("SCN")
def test_the_printed_codes_of_a_profile_are_read_back(tmp_path: Path) -> None:
    profile_in(tmp_path, set_up_codes=CODES)
    out = tmp_path / "sheet.pdf"
    assert sheet(tmp_path, "ours", "-o", str(out)).exit_code == 0
    read = {code.text for page in printed(out) for code in zxingcpp.read_barcodes(page)}
    assert read == {str(code["text"]) for code in CODES} | {TRIAL}


@pytest.mark.requirement("SCN")
def test_many_codes_fill_further_pages_and_none_is_cut(tmp_path: Path) -> None:
    many = [dict(CODES[2], text=f"CODE-{number:02}") for number in range(11)]
    profile_in(tmp_path, set_up_codes=many)
    out = tmp_path / "sheet.pdf"
    assert sheet(tmp_path, "ours", "-o", str(out)).exit_code == 0
    pages = printed(out)
    read = {code.text for page in pages for code in zxingcpp.read_barcodes(page)}
    assert len(pages) > 1
    assert read == {str(code["text"]) for code in many} | {TRIAL}


@pytest.mark.requirement("SCN")
def test_a_profile_without_codes_says_so_in_both_languages(tmp_path: Path) -> None:
    out = tmp_path / "sheet.pdf"
    assert sheet(FOLDER, "hid-generic", "-o", str(out)).exit_code == 0
    words = PdfReader(out).pages[0].get_contents().get_data().decode().lower()
    assert "제조사 설정 코드가 없습니다".encode("utf-16-be").hex() in words
    assert "holds no set-up codes".encode("utf-16-be").hex() in words


@pytest.mark.requirement("SCN")
def test_a_wrong_profile_is_refused_with_its_reason(tmp_path: Path) -> None:
    profile_in(tmp_path, kind="telepathy")
    with pytest.raises(ScannerProfileError, match="kind"):
        read_scanner_profile(tmp_path, "ours")
    profile_in(tmp_path, kind="serial")
    with pytest.raises(ScannerProfileError, match="address"):
        read_scanner_profile(tmp_path, "ours")
    told = sheet(tmp_path, "absent", "-o", str(tmp_path / "x.pdf"))
    assert told.exit_code == 2
    assert "there are: ours" in told.stderr
    assert "스캐너" in told.stderr
