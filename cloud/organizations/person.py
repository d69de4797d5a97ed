"""Persons, what proves who they are, and what a login or a name may look like."""

import hashlib
import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import timedelta

from cloud.organizations.errors import LoginInvalidError, NameInvalidError

LOGIN_LINK_LIFETIME = timedelta(minutes=15)
PASSWORD_LINK_LIFETIME = timedelta(hours=24)
INVITATION_LIFETIME = timedelta(days=7)
LONGEST_LOGIN = 200
LONGEST_NAME = 100
# No colon: `station:…` is a machine. No space, no second @.
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._%+'-]*@[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_CODE = re.compile(r"[a-z0-9-]{2,30}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A member of one organization; ``badge`` is the ULID in the badge's code.

    ``home_organization_id`` is empty where the person is at home, else it names the organization
    that keeps the password.
    """

    user_id: str
    login: str
    name_ko: str
    name_en: str
    badge: str
    active: bool
    home_organization_id: str = ""
    language: str = "ko"


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Whom a secret proved: a login in an organization, and by what.

    ``session_id`` names the web session, the key or the token family; ``proof`` says what opened
    it (``link``, ``password``, ``oidc``; empty for a key). ``scopes`` None: not narrowed.
    """

    organization_id: str
    login: str
    user_id: str = ""
    home_organization_id: str = ""
    session_id: str = ""
    proof: str = ""
    scopes: frozenset[str] | None = None


def new_secret() -> str:
    """Return 256 random bits as text; only its hash is ever stored."""
    return secrets.token_urlsafe(32)


def secret_hash(secret: str) -> bytes:
    """Return the SHA-256 by which a random secret is found again.

    A slow hash is for passwords; these secrets carry 256 bits of their own.
    """
    return hashlib.sha256(secret.encode(errors="replace")).digest()


def plain_login(text: str) -> str:
    """Return a login as it is stored: lower case, no spaces around it.

    Raises:
        LoginInvalidError: it does not look like an address of plain letters.
    """
    login = text.strip().lower()
    if len(login) > LONGEST_LOGIN or not _LOGIN.fullmatch(login):
        raise LoginInvalidError("a login looks like name@company.example, in plain letters")
    return login


def plain_name(text: str, field: str) -> str:
    """Return a name as it is stored.

    Raises:
        NameInvalidError: it is empty, too long or holds what cannot be seen.
    """
    name = unicodedata.normalize("NFC", text).strip()
    unseen = any(unicodedata.category(one) in {"Cc", "Cf", "Cs", "Co"} for one in name)
    if not name or len(name) > LONGEST_NAME or unseen:
        raise NameInvalidError(
            f"{field}: a name has 1 to {LONGEST_NAME} visible letters", field=field
        )
    return name


def plain_code(text: str) -> str:
    """Return an organization's short code.

    Raises:
        NameInvalidError: it is not 2 to 30 small letters, digits and hyphens.
    """
    if not _CODE.fullmatch(text):
        raise NameInvalidError("a code has 2 to 30 of a-z, 0-9 and -", field="code")
    return text
