"""Every sentence of the kiosk, Korean and English."""

import json
from collections.abc import Mapping
from importlib.resources import files

LANGUAGES = ("ko", "en")


def _load(language: str) -> dict[str, str]:
    content: dict[str, str] = json.loads(
        files(__name__).joinpath(f"{language}.json").read_text(encoding="utf-8")
    )
    return content


TEXTS = {language: _load(language) for language in LANGUAGES}


class _Kept(dict[str, str]):
    """Leaves out what a sentence asks for and nobody knows."""

    def __missing__(self, key: str) -> str:
        return "–"


def say(key: str, language: str, details: Mapping[str, str] | None = None) -> str:
    """Return a sentence with its placeholders filled; the bare code where none is written."""
    sentence = TEXTS[language].get(key, key.partition(".")[2])
    return sentence.format_map(_Kept(details or {}))


def is_said(key: str) -> bool:
    """Say whether somebody wrote a sentence for a key."""
    return key in TEXTS[LANGUAGES[0]]


def say_both(key: str, details: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a sentence in both languages."""
    return {language: say(key, language, details) for language in LANGUAGES}
