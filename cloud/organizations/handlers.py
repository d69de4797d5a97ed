"""People, sign-in links, sessions and keys."""

from datetime import timedelta

from cloud.commands.command import Command, Query
from cloud.commands.errors import NotFoundError
from cloud.commands.ports import Handler, UnitOfWork
from cloud.organizations.commands import (
    AddPerson,
    CreateApiKey,
    CreateLoginLink,
    EndSession,
    RevokeApiKey,
    UseLoginLink,
)
from cloud.organizations.errors import (
    LoginLinkInvalidError,
    NotSignedInError,
    PersonExistsError,
    PersonUnknownError,
)
from cloud.organizations.events import PersonAdded, SignedIn
from cloud.organizations.person import LOGIN_LINK_LIFETIME, Person, new_secret, secret_hash
from cloud.organizations.ports import PersonStore, SecretStore
from cloud.organizations.queries import (
    IssuedApiKey,
    ListPersons,
    LoginLink,
    Me,
    PersonView,
    SessionOpened,
    WhoAmI,
)


async def add_person(command: AddPerson, unit: UnitOfWork) -> PersonView:
    """Make a person known; raises PersonExistsError."""
    person = Person(
        user_id=unit.ids.new("usr"),
        login=command.login,
        name_ko=command.name_ko,
        name_en=command.name_en,
        badge=unit.ids.new("badge").removeprefix("badge_"),
        active=True,
    )
    if not await unit.store(PersonStore).add(person):
        raise PersonExistsError("this login is taken", login=command.login)
    unit.record(PersonAdded(user_id=person.user_id, login=person.login))
    return PersonView(
        user_id=person.user_id,
        login=person.login,
        name_ko=person.name_ko,
        name_en=person.name_en,
        badge=person.badge,
    )


async def _known(login: str, unit: UnitOfWork) -> Person:
    person = await unit.store(PersonStore).by_login(login)
    if person is None:
        raise PersonUnknownError("no such person in this organization", login=login)
    return person


async def create_login_link(command: CreateLoginLink, unit: UnitOfWork) -> LoginLink:
    """Make a one-time link; raises PersonUnknownError."""
    person = await _known(command.login, unit)
    token, expires_at = new_secret(), unit.clock.now() + LOGIN_LINK_LIFETIME
    await unit.store(SecretStore).add_login_link(secret_hash(token), person.login, expires_at)
    return LoginLink(token=token, login=person.login, expires_at=expires_at)


async def use_login_link(command: UseLoginLink, unit: UnitOfWork) -> SessionOpened:
    """Open a web session for the link's person, once; raises LoginLinkInvalidError."""
    now, secrets = unit.clock.now(), unit.store(SecretStore)
    login = await secrets.use_login_link(secret_hash(command.token), now)
    if login is None:
        raise LoginLinkInvalidError("this link was used or is older than 15 minutes")
    session, expires_at = new_secret(), now + timedelta(hours=command.session_h)
    await secrets.open_session(secret_hash(session), login, now, expires_at)
    unit.record(SignedIn(login=login))
    return SessionOpened(session=session, login=login, expires_at=expires_at)


async def end_session(command: EndSession, unit: UnitOfWork) -> None:
    """Sign out."""
    await unit.store(SecretStore).end_session(secret_hash(command.session), unit.clock.now())


async def create_api_key(command: CreateApiKey, unit: UnitOfWork) -> IssuedApiKey:
    """Make a key; raises PersonUnknownError."""
    person = await _known(command.login, unit)
    key_id, key = unit.ids.new("key"), f"kyndof_{new_secret()}"
    await unit.store(SecretStore).add_api_key(
        key_id, secret_hash(key), command.name, person.login, unit.clock.now()
    )
    return IssuedApiKey(key_id=key_id, key=key, login=person.login, name=command.name)


async def revoke_api_key(command: RevokeApiKey, unit: UnitOfWork) -> None:
    """End a key; raises NotFoundError."""
    if not await unit.store(SecretStore).revoke_api_key(command.key_id, unit.clock.now()):
        raise NotFoundError("no such key", key_id=command.key_id)


async def who_am_i(query: WhoAmI, unit: UnitOfWork) -> Me:
    """Return the asker; raises NotSignedInError for somebody no longer active."""
    me = await unit.store(PersonStore).me(unit.context.user)
    if me is None:
        raise NotSignedInError("this person is not active", login=unit.context.user)
    return me


async def list_persons(query: ListPersons, unit: UnitOfWork) -> tuple[PersonView, ...]:
    """Return every active person."""
    return await unit.store(PersonStore).list_active()


COMMANDS: dict[type[Command], Handler] = {
    AddPerson: add_person,
    CreateLoginLink: create_login_link,
    UseLoginLink: use_login_link,
    EndSession: end_session,
    CreateApiKey: create_api_key,
    RevokeApiKey: revoke_api_key,
}
QUERIES: dict[type[Query], Handler] = {WhoAmI: who_am_i, ListPersons: list_persons}
