"""Links, passwords, outside providers; sessions and their ends."""

from cloud.commands.errors import NotFoundError
from cloud.commands.ports import UnitOfWork
from cloud.organizations.asker import (
    active,
    asker,
    noted,
    own_proof,
    refuse_narrowed,
    refuse_uncounted,
    session_proof,
)
from cloud.organizations.commands import (
    ChangePassword,
    CreateLoginLink,
    CreatePasswordLink,
    EndEverySession,
    EndOwnAccess,
    EndSession,
    Noted,
    Proof,
    SignInWithPassword,
    SignInWithProvider,
    SwitchOrganization,
    UseLoginLink,
    UsePasswordLink,
)
from cloud.organizations.errors import (
    LoginLinkInvalidError,
    PasswordLinkInvalidError,
    PasswordNotHereError,
    ProviderRefusedError,
    SignInRefusedError,
)
from cloud.organizations.events import PasswordChanged
from cloud.organizations.handlers.opening import open_session
from cloud.organizations.password import check_new, is_possible, plain_password
from cloud.organizations.person import (
    LOGIN_LINK_LIFETIME,
    PASSWORD_LINK_LIFETIME,
    Person,
    new_secret,
    secret_hash,
)
from cloud.organizations.ports import (
    OutsideAccountStore,
    PasswordHasher,
    PasswordStore,
    PersonStore,
    SecretStore,
    TokenStore,
)
from cloud.organizations.queries import LoginLink, SessionOpened


async def create_login_link(command: CreateLoginLink, unit: UnitOfWork) -> LoginLink:
    """Make a one-time link; raises PersonUnknownError and ScopeWidenedError."""
    refuse_narrowed(unit)
    person = await active(command.login, unit)
    token, expires_at = new_secret(), unit.clock.now() + LOGIN_LINK_LIFETIME
    await unit.store(SecretStore).add_login_link(secret_hash(token), person.login, expires_at)
    return LoginLink(token=token, login=person.login, expires_at=expires_at)


async def use_login_link(command: UseLoginLink, unit: UnitOfWork) -> SessionOpened:
    """Open a web session for the link's person, once; raises LoginLinkInvalidError."""
    login = await unit.store(SecretStore).use_login_link(
        secret_hash(command.token), unit.clock.now()
    )
    person = None if login is None else await unit.store(PersonStore).by_login(login)
    if person is None:
        raise LoginLinkInvalidError("this link was used or is older than 15 minutes")
    return await open_session(person, Proof.LINK, command.session_h, unit)


async def sign_in_with_password(command: SignInWithPassword, unit: UnitOfWork) -> SessionOpened:
    """Open a web session for the context's person; raises SignInRefusedError, whatever is wrong."""
    refuse_uncounted(unit)
    person = await unit.store(PersonStore).by_login(unit.context.user)
    await _prove(person, command.password, unit)
    if person is None:
        raise SignInRefusedError("login and password do not belong together")
    return await open_session(person, Proof.PASSWORD, command.session_h, unit)


async def _prove(person: Person | None, password: str, unit: UnitOfWork) -> None:
    """Compare a password; an unknown person costs the same time.

    Raises:
        SignInRefusedError: it does not fit, or there is nobody or nothing to fit.
    """
    passwords, hasher = unit.store(PasswordStore), unit.store(PasswordHasher)
    stored = None if person is None else await passwords.hash_of(person.user_id)
    possible = password if is_possible(password) else ""
    found = await hasher.verify(stored, plain_password(possible))
    if person is None or not found.fits:
        raise SignInRefusedError("login and password do not belong together")
    if found.renewed is not None:
        await passwords.set(person.user_id, found.renewed, unit.clock.now())


async def sign_in_with_provider(command: SignInWithProvider, unit: UnitOfWork) -> SessionOpened:
    """Open a web session for whom a provider proved; raises ProviderRefusedError."""
    if noted(unit, Noted.PROVEN) != f"{command.issuer} {command.subject}":
        raise ProviderRefusedError("no provider proved this")
    person = await asker(unit)
    linked = await unit.store(OutsideAccountStore).link_provider(
        command.issuer, command.subject, person.user_id, unit.clock.now()
    )
    if not linked:
        raise ProviderRefusedError("this person has another account at the provider")
    return await open_session(person, Proof.OIDC, command.session_h, unit)


async def switch_organization(command: SwitchOrganization, unit: UnitOfWork) -> SessionOpened:
    """Open a session here for who has one elsewhere; raises OwnProofNeededError."""
    proof = own_proof(unit)
    person = await asker(unit)
    if person.user_id != noted(unit, Noted.USER_ID):
        raise SignInRefusedError("this is another person")
    return await open_session(person, proof, command.session_h, unit)


async def end_session(command: EndSession, unit: UnitOfWork) -> None:
    """Sign out."""
    await unit.store(SecretStore).end_session(secret_hash(command.session), unit.clock.now())


async def end_own_access(command: EndOwnAccess, unit: UnitOfWork) -> None:
    """End one of one's own; raises NotFoundError for what is not."""
    login, now, name = unit.context.user, unit.clock.now(), command.access_id
    if name.startswith("web_"):
        ended = await unit.store(SecretStore).end_own_session(name, login, now)
    elif name.startswith("fam_"):
        ended = await unit.store(TokenStore).end(name, login, now, "ended by its person")
    else:
        ended = await unit.store(SecretStore).revoke_api_key(name, now, login)
    if not ended:
        raise NotFoundError("nothing of yours is called this", access_id=name[:200])


async def end_every_session(command: EndEverySession, unit: UnitOfWork) -> None:
    """Sign out everywhere."""
    await _end_others(unit.context.user, "", unit)


async def _end_others(login: str, keep: str, unit: UnitOfWork) -> None:
    now = unit.clock.now()
    await unit.store(SecretStore).end_sessions(login, now, keep)
    await unit.store(TokenStore).end_all(login, now, "signed out everywhere")


async def change_password(command: ChangePassword, unit: UnitOfWork) -> None:
    """Set the asker's password; other sessions end.

    Raises SignInRefusedError when the current one does not fit, PasswordWeakError,
    PasswordNotHereError and SessionNeededError.
    """
    refuse_uncounted(unit)
    session_proof(unit)
    person = _at_home(await asker(unit))
    passwords = unit.store(PasswordStore)
    if await passwords.has(person.user_id):
        await _prove(person, command.current_password, unit)
    await _set(person, command.new_password, unit)
    await _end_others(person.login, noted(unit, Noted.SESSION_ID), unit)


async def create_password_link(command: CreatePasswordLink, unit: UnitOfWork) -> LoginLink:
    """Make a link; raises PersonUnknownError, PasswordNotHereError and ScopeWidenedError."""
    refuse_narrowed(unit)
    person = _at_home(await active(command.login, unit))
    token, expires_at = new_secret(), unit.clock.now() + PASSWORD_LINK_LIFETIME
    await unit.store(PasswordStore).add_link(secret_hash(token), person.user_id, expires_at)
    return LoginLink(token=token, login=person.login, expires_at=expires_at)


async def use_password_link(command: UsePasswordLink, unit: UnitOfWork) -> SessionOpened:
    """Set a password by a link, once; raises PasswordLinkInvalidError and PasswordWeakError."""
    person = await unit.store(PersonStore).by_login(unit.context.user)
    user_id = await unit.store(PasswordStore).use_link(secret_hash(command.token), unit.clock.now())
    if person is None or user_id != person.user_id:
        raise PasswordLinkInvalidError("this link was used or is older than a day")
    await _set(person, command.password, unit)
    await _end_others(person.login, "", unit)
    return await open_session(person, Proof.PASSWORD, command.session_h, unit)


def _at_home(person: Person) -> Person:
    if person.home_organization_id:
        raise PasswordNotHereError("another organization keeps this person's password")
    return person


async def _set(person: Person, password: str, unit: UnitOfWork) -> None:
    plain = check_new(password, person.login)
    hashed = await unit.store(PasswordHasher).hash(plain)
    await unit.store(PasswordStore).set(person.user_id, hashed, unit.clock.now())
    unit.record(PasswordChanged(login=person.login))
