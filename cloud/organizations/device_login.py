"""The code that a person reads on a device and types at a screen."""

import secrets
import unicodedata
from datetime import timedelta

LIFETIME = timedelta(minutes=10)
INTERVAL_S = 5
#: No vowels, so that no word comes out; nothing that looks like another.
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
LENGTH = 8


def new_user_code() -> str:
    """Return a code such as ``WDJB-MJHT``: 20^8 of them, ten minutes, limited guesses."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return f"{letters[:4]}-{letters[4:]}"


def plain_user_code(text: str) -> str | None:
    """Return what was typed as it is hashed; None when no device can have shown it."""
    if len(text) > 4 * LENGTH:
        return None
    typed = unicodedata.normalize("NFKC", text).upper()
    letters = "".join(one for one in typed if one.isalnum())
    good = len(letters) == LENGTH and set(letters) <= set(ALPHABET)
    return letters if good else None
