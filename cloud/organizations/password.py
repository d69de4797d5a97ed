"""Which passwords are taken. Length is what counts; rules about signs make nothing safer."""

import unicodedata

from cloud.organizations.errors import PasswordWeakError

SHORTEST = 10
LONGEST = 128
_FEWEST_DIFFERENT = 5
_GUESSED_FIRST = (
    "1234567890", "0123456789", "qwertyuiop", "password", "passw0rd", "iloveyou", "letmein",
    "welcome", "administrator", "kyndof",
)  # fmt: skip


def plain_password(text: str) -> str:
    """Return ``text`` in the one form in which Hangul is hashed, however a keyboard composed it."""
    return unicodedata.normalize("NFKC", text)


def check_new(password: str, login: str) -> str:
    """Return a new password in its plain form.

    Raises:
        PasswordWeakError: too short, too long, or among the first that anybody would try.
    """
    plain = plain_password(password)
    if not SHORTEST <= len(plain) <= LONGEST:
        raise PasswordWeakError(
            f"a password has {SHORTEST} to {LONGEST} letters", shortest=SHORTEST, longest=LONGEST
        )
    small = plain.lower()
    for word in (*_GUESSED_FIRST, login.partition("@")[0]):
        small = small.replace(word, "")
    if len(set(small)) < _FEWEST_DIFFERENT:
        raise PasswordWeakError(
            "this password would be guessed soon", shortest=SHORTEST, longest=LONGEST
        )
    return plain


def is_possible(password: str) -> bool:
    """Say whether ``password`` could be anybody's; longer ones are not worth hashing."""
    return 0 < len(password) <= LONGEST * 4 and len(plain_password(password)) <= LONGEST
