"""The command line's own sentences, in the language of the terminal."""

import json
import locale
from functools import cache, cached_property
from pathlib import Path


class _Say:
    """Returns a sentence by its key."""

    @cached_property
    def language(self) -> str:
        """Return ``en`` in a terminal that speaks English, ``ko`` otherwise."""
        return "en" if (locale.getlocale()[0] or "").lower().startswith("en") else "ko"

    def speak(self, language: str) -> None:
        """Speak this language from now on, ``ko`` or ``en``."""
        self.__dict__["language"] = language

    def __call__(self, key: str, **places: object) -> str:
        return _texts(self.language)[key].format_map(places)


@cache
def _texts(language: str) -> dict[str, str]:
    file = Path(__file__).parent / "texts" / f"{language}.json"
    found: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return found


say = _Say()
