"""A text that is never shown, logged, pickled or written as JSON."""

import hashlib
import hmac
from typing import NoReturn

LONGEST_SECRET_COUNT = 65_536


class Secret:
    """Holds a secret on its way; only ``reveal`` gives it out, and one can search for that word.

    It has no JSON form, so a command that carries one can be neither held for an approval nor
    recorded in an event; it cannot be copied or pickled, and prints as dots.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if not isinstance(text, str) or not 0 < len(text) <= LONGEST_SECRET_COUNT:
            raise ValueError(f"a secret is a text of 1 to {LONGEST_SECRET_COUNT} characters")
        self._text = text

    def reveal(self) -> str:
        """Return the text."""
        return self._text

    def fingerprint(self) -> str:
        """Return a hash, in hex, that tells two secrets apart and is slow to guess from."""
        salt = b"kyndof secret fingerprint"
        return hashlib.scrypt(self._text.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32).hex()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "Secret(…)"

    def __format__(self, _: str) -> str:
        return repr(self)

    def __reduce_ex__(self, _: object) -> NoReturn:
        raise TypeError("a secret is neither copied nor pickled")

    def __init_subclass__(cls) -> None:
        raise TypeError("a secret has no kinds")

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, handler: object) -> dict[str, object]:
        # Plain dictionaries: this room knows no library. A border reads text and keeps it opaque.
        return {
            "type": "function-after",
            "function": {"type": "no-info", "function": cls},
            "schema": {"type": "str", "min_length": 1, "max_length": LONGEST_SECRET_COUNT},
            "metadata": {"pydantic_js_updates": {"format": "password", "writeOnly": True}},
        }
