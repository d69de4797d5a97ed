"""What can be read of organizations."""

from dataclasses import dataclass
from datetime import datetime

from cloud.commands.command import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoAmI(Query):
    """The asker as the organization knows him or her."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPersons(Query):
    """Every active person of the organization."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    """A person."""

    user_id: str
    login: str
    name_ko: str
    name_en: str
    badge: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """The asker."""

    organization_id: str
    organization_code: str
    organization_name_ko: str
    organization_name_en: str
    person: PersonView


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginLink:
    """A one-time token and until when it opens."""

    token: str
    login: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened:
    """A session that began; ``session`` is the cookie's secret, told once."""

    session: str
    login: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedApiKey:
    """A key, shown once."""

    key_id: str
    key: str
    login: str
    name: str
