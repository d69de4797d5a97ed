"""Organizations, persons and invitations."""

from collections.abc import Callable
from datetime import datetime

import asyncpg

from cloud.infrastructure.postgres import person_home, sign_in_store, token_store
from cloud.organizations.person import Person
from cloud.organizations.ports import (
    InvitationStore,
    NewInvitation,
    OrganizationStore,
    PersonStore,
)
from cloud.organizations.queries import InvitationView, Me, OrganizationView, PersonView

# A new organization; a taken code inserts nothing.
CREATE_ORGANIZATION = """
INSERT INTO organizations (organization_id, code, name_ko, name_en)
VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"""
RENAME_ORGANIZATION = """
UPDATE organizations SET name_ko = $2, name_en = $3 WHERE organization_id = $1"""
# A new person; a taken login inserts nothing.
ADD_PERSON = """
INSERT INTO persons (organization_id, user_id, login, name_ko, name_en, badge, active,
                     home_organization_id, language)
VALUES ($1, $2, $3, $4, $5, $6, $7, nullif($8, ''), $9)
ON CONFLICT DO NOTHING"""
# The person with this login, active or removed.
PERSON_BY_LOGIN = """
SELECT user_id, login, name_ko, name_en, badge, active, language,
       coalesce(home_organization_id, '') AS home_organization_id
FROM persons WHERE organization_id = $1 AND login = $2"""
# Every active person.
ACTIVE_PERSONS = """
SELECT user_id, login, name_ko, name_en, badge, language FROM persons
WHERE organization_id = $1 AND active ORDER BY login"""
# The person with the organization's names.
ME = """
SELECT p.user_id, p.login, p.name_ko, p.name_en, p.badge, p.language,
       o.organization_id, o.code, o.name_ko AS organization_ko, o.name_en AS organization_en
FROM persons p JOIN organizations o USING (organization_id)
WHERE p.organization_id = $1 AND p.login = $2 AND p.active"""
LOCK_ACTIVE = """
SELECT login FROM persons WHERE organization_id = $1 AND active ORDER BY login
FOR NO KEY UPDATE"""
REVIVE = """
UPDATE persons SET active = true, removed_at = NULL WHERE organization_id = $1 AND login = $2"""
REMOVE = """
UPDATE persons SET active = false, removed_at = $3 WHERE organization_id = $1 AND login = $2"""
RENAME_PERSON = """
UPDATE persons SET name_ko = $3, name_en = $4 WHERE organization_id = $1 AND login = $2"""
SPEAK = "UPDATE persons SET language = $3 WHERE organization_id = $1 AND login = $2"
# An earlier open invitation of the same login is taken back: one link a person.
REPLACE_INVITATION = """
UPDATE invitations SET revoked_at = $3
WHERE organization_id = $1 AND login = $2 AND accepted_at IS NULL AND revoked_at IS NULL"""
ADD_INVITATION = """
INSERT INTO invitations (organization_id, invitation_id, token_hash, login, name_ko, name_en,
                         invited_by, invited_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"""
_INVITATION = "invitation_id, login, name_ko, name_en, invited_by, invited_at, expires_at"
# Two clicks at once: the row is updated once, so one of them gets nothing.
TAKE_INVITATION = f"""
UPDATE invitations SET accepted_at = $3
WHERE organization_id = $1 AND token_hash = $2 AND accepted_at IS NULL AND revoked_at IS NULL
  AND expires_at > $3
RETURNING {_INVITATION}"""  # noqa: S608  names of columns
REVOKE_INVITATION = """
UPDATE invitations SET revoked_at = $3
WHERE organization_id = $1 AND invitation_id = $2 AND accepted_at IS NULL AND revoked_at IS NULL"""
OPEN_INVITATIONS = f"""
SELECT {_INVITATION} FROM invitations
WHERE organization_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $2
ORDER BY invited_at DESC"""  # noqa: S608  names of columns


def _view(row: asyncpg.Record) -> PersonView:
    return PersonView(
        user_id=row["user_id"],
        login=row["login"],
        name_ko=row["name_ko"],
        name_en=row["name_en"],
        badge=row["badge"],
        language=row["language"],
    )


class PostgresOrganizationStore:
    """One organization, in one transaction."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def create(self, code: str, name_ko: str, name_en: str) -> bool:
        """Write it; False when the code is taken."""
        status = await self._connection.execute(
            CREATE_ORGANIZATION, self._organization_id, code, name_ko, name_en
        )
        return bool(status == "INSERT 0 1")

    async def rename(self, name_ko: str, name_en: str) -> None:
        """Give it other names."""
        await self._connection.execute(RENAME_ORGANIZATION, self._organization_id, name_ko, name_en)

    async def of_person(self, user_id: str) -> tuple[OrganizationView, ...]:
        """Return every organization of a person, by code."""
        rows = await self._connection.fetch("SELECT * FROM lookup_memberships($1)", user_id)
        return tuple(OrganizationView(**dict(row)) for row in rows)


class PostgresPersonStore:
    """Persons of one organization, in one transaction."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def add(self, person: Person) -> bool:
        """Store a new person; False when the login is taken."""
        status = await self._connection.execute(
            ADD_PERSON, self._organization_id, person.user_id, person.login, person.name_ko,
            person.name_en, person.badge, person.active, person.home_organization_id,
            person.language,
        )  # fmt: skip
        return bool(status == "INSERT 0 1")

    async def by_login(self, login: str) -> Person | None:
        """Return the active person with this login."""
        person = await self.ever(login)
        return person if person is not None and person.active else None

    async def ever(self, login: str) -> Person | None:
        """Return the person with this login, removed ones too."""
        row = await self._connection.fetchrow(PERSON_BY_LOGIN, self._organization_id, login)
        return Person(**dict(row)) if row else None

    async def list_active(self) -> tuple[PersonView, ...]:
        """Return every active person, by login."""
        rows = await self._connection.fetch(ACTIVE_PERSONS, self._organization_id)
        return tuple(_view(row) for row in rows)

    async def me(self, login: str) -> Me | None:
        """Return the person with the organization's names."""
        row = await self._connection.fetchrow(ME, self._organization_id, login)
        if row is None:
            return None
        return Me(
            organization_id=row["organization_id"],
            organization_code=row["code"],
            organization_name_ko=row["organization_ko"],
            organization_name_en=row["organization_en"],
            person=_view(row),
        )

    async def lock_active(self) -> frozenset[str]:
        """Return the logins of active persons, and let nobody else change them meanwhile."""
        rows = await self._connection.fetch(LOCK_ACTIVE, self._organization_id)
        return frozenset(row["login"] for row in rows)

    async def revive(self, person: Person) -> None:
        """Make a removed person active again."""
        await self._connection.execute(REVIVE, self._organization_id, person.login)

    async def remove(self, login: str, now: datetime) -> None:
        """Make a person inactive."""
        await self._connection.execute(REMOVE, self._organization_id, login, now)

    async def move_home(self, user_id: str) -> None:
        """Let another of the person's organizations keep the password from now on."""
        await person_home.move_home(self._connection, self._organization_id, user_id)

    async def rename(self, login: str, name_ko: str, name_en: str) -> None:
        """Write another name."""
        await self._connection.execute(
            RENAME_PERSON, self._organization_id, login, name_ko, name_en
        )

    async def speak(self, login: str, language: str) -> None:
        """Note the language."""
        await self._connection.execute(SPEAK, self._organization_id, login, language)


class PostgresInvitationStore:
    """Invitations of one organization, in one transaction."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def add(self, invitation: NewInvitation) -> None:
        """Keep one; an earlier open one for the login is taken back."""
        await self._connection.execute(
            REPLACE_INVITATION, self._organization_id, invitation.login, invitation.invited_at
        )
        await self._connection.execute(
            ADD_INVITATION, self._organization_id, invitation.invitation_id, invitation.token_hash,
            invitation.login, invitation.name_ko, invitation.name_en, invitation.invited_by,
            invitation.invited_at, invitation.expires_at,
        )  # fmt: skip

    async def take(self, token_hash: bytes, now: datetime) -> InvitationView | None:
        """Mark it accepted and return it; None when used, taken back or too old."""
        row = await self._connection.fetchrow(
            TAKE_INVITATION, self._organization_id, token_hash, now
        )
        return InvitationView(**dict(row)) if row else None

    async def revoke(self, invitation_id: str, now: datetime) -> bool:
        """Take it back; False when none is open."""
        status = await self._connection.execute(
            REVOKE_INVITATION, self._organization_id, invitation_id, now
        )
        return bool(status == "UPDATE 1")

    async def open(self, now: datetime) -> tuple[InvitationView, ...]:
        """Return what is open, newest first."""
        rows = await self._connection.fetch(OPEN_INVITATIONS, self._organization_id, now)
        return tuple(InvitationView(**dict(row)) for row in rows)


STORES: dict[type, Callable[[asyncpg.Connection, str], object]] = {
    OrganizationStore: PostgresOrganizationStore,
    PersonStore: PostgresPersonStore,
    InvitationStore: PostgresInvitationStore,
    **sign_in_store.STORES,
    **token_store.STORES,
}
