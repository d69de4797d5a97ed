"""Every error code has its text in Korean and English; no text is left without a speaker."""

import ast
import json
import re
from pathlib import Path

import pytest

from tests.architecture.rooms import refusals
from tests.architecture.tree import ROOT, text_of, tracked

CODE = re.compile(r"^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$")
HANGUL = re.compile(r"[\uac00-\ud7a3]")
TEXTS = {
    "cloud": "cloud/interfaces/rest_api/texts",
    "notices": "cloud/interfaces/rest_api/texts/notices",
    "terminal": "cloud/interfaces/terminal/texts",
    "kiosk": "edge/interfaces/kiosk/texts",
    "offline": "edge/interfaces/texts",
    "dashboard": "cloud/dashboard/texts",
}


def texts(folder: str, language: str) -> dict[str, str]:
    found: dict[str, str] = flat(
        json.loads((ROOT / folder / f"{language}.json").read_text(encoding="utf-8"))
    )
    return found


def flat(tree: dict[str, object], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in tree.items():
        name = f"{prefix}.{key}" if prefix else key
        found |= flat(value, name) if isinstance(value, dict) else {name: str(value)}
    return found


def places(text: str) -> set[str]:
    # `{step_ko}` in one language is `{step_en}` in the other.
    return {re.sub(r"_(ko|en)$", "", name) for name in re.findall(r"\{\{?\s*(\w+)", text)}


@pytest.fixture(params=[f for f in TEXTS.values() if (ROOT / f / "ko.json").exists()])
def folder(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_korean_and_english_have_the_same_keys(folder: str) -> None:
    assert texts(folder, "ko").keys() == texts(folder, "en").keys()


def test_no_text_is_empty_and_both_languages_fill_the_same_places(folder: str) -> None:
    korean, english = texts(folder, "ko"), texts(folder, "en")
    assert not [key for key in korean if not korean[key].strip() or not english[key].strip()]
    assert not [key for key in korean if places(korean[key]) != places(english[key])]


def test_every_code_is_written_in_capitals_and_means_one_thing() -> None:
    kinds = refusals()
    assert len(kinds) > 30
    assert not [kind.__name__ for kind in kinds if not CODE.match(kind.code)]
    own = [kind for kind in kinds if "code" in vars(kind)]
    twice = {k.code for k in own if sum(other.code == k.code for other in own) > 1}
    assert not twice


@pytest.mark.requirement("API")
def test_every_refusal_of_the_cloud_has_a_korean_and_an_english_sentence() -> None:
    korean, english = texts(TEXTS["cloud"], "ko"), texts(TEXTS["cloud"], "en")
    codes = {kind.code for kind in refusals()}
    assert not codes - korean.keys()
    assert not codes - english.keys()
    assert not [code for code in codes if not HANGUL.search(korean[code])]
    assert not [code for code in codes if HANGUL.search(english[code])]


def test_no_text_of_the_cloud_is_without_a_speaker() -> None:
    spoken = {kind.code for kind in refusals()}
    for name in tracked():
        if name.startswith("cloud/") and name.endswith(".py"):
            spoken |= {
                node.value
                for node in ast.walk(ast.parse(text_of(name) or ""))
                if isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and CODE.match(node.value)
            }
    # A part of a text's key after the dot is a code inside another refusal's details.
    keys = texts(TEXTS["cloud"], "ko").keys()
    spoken |= {f"{kind}_EXPECTED" for kind in ("CHOICE", "DATE", "NUMBER", "WHOLE")}  # made of two
    assert not [key for key in keys if key.rpartition(".")[2] not in spoken]


def test_there_are_texts_wherever_people_are_spoken_to() -> None:
    for name in ("cloud", "kiosk", "offline"):
        assert Path(ROOT / TEXTS[name] / "ko.json").exists()
