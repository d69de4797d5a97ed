"""The command line's own sentences, in the language of the terminal."""

import json
import locale
from functools import cached_property
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
        self.__dict__.pop("_texts", None)

    @cached_property
    def _texts(self) -> dict[str, str]:
        file = Path(__file__).parent / "texts" / f"{self.language}.json"
        found: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
        return found

    def __call__(self, key: str, **places: object) -> str:
        return self._texts[key].format_map(places)


say = _Say()
