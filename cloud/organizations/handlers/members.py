"""Organizations, their people, and how somebody becomes one of them or stops."""

from cloud.commands.errors import NotFoundError
from cloud.commands.ports import UnitOfWork
from cloud.organizations.asker import active, asker, noted, own_proof
from cloud.organizations.commands import (
    AcceptInvitation,
    AddPerson,
    ChangeLanguage,
    CreateOrganization,
    InvitePerson,
    LeaveOrganization,
    Noted,
    Proof,
    RemoveMember,
    RenameOrganization,
    RenamePerson,
    RevokeInvitation,
)
from cloud.organizations.errors import (
    InvitationForAnotherError,
    InvitationInvalidError,
    LastOwnerError,
    NotSignedInError,
    OrganizationCodeTakenError,
    PersonExistsError,
)
from cloud.organizations.events import (
    MemberRemoved,
    OrganizationCreated,
    OrganizationRenamed,
    PersonAdded,
    PersonChanged,
    PersonInvited,
)
from cloud.organizations.handlers.opening import open_session
from cloud.organizations.password import check_new
from cloud.organizations.person import (
    INVITATION_LIFETIME,
    PASSWORD_LINK_LIFETIME,
    Person,
    new_secret,
    plain_code,
    plain_login,
    plain_name,
    secret_hash,
)
from cloud.organizations.ports import (
    InvitationStore,
    NewInvitation,
    OrganizationStore,
    OwnerRegister,
    PasswordHasher,
    PasswordStore,
    PersonStore,
    SecretStore,
    TokenStore,
)
from cloud.organizations.queries import (
    InvitationMade,
    InvitationView,
    ListInvitations,
    ListMyOrganizations,
    ListPersons,
    Me,
    OrganizationMade,
    OrganizationView,
    PersonView,
    SessionOpened,
    WhoAmI,
)


def _view(person: Person) -> PersonView:
    return PersonView(
        user_id=person.user_id,
        login=person.login,
        name_ko=person.name_ko,
        name_en=person.name_en,
        badge=person.badge,
        language=person.language,
    )


async def _add(person: Person, unit: UnitOfWork) -> Person:
    if not await unit.store(PersonStore).add(person):
        raise PersonExistsError("this login is taken", login=person.login)
    unit.record(PersonAdded(user_id=person.user_id, login=person.login))
    return person


def _new_badge(unit: UnitOfWork) -> str:
    return unit.ids.new("badge").removeprefix("badge_")


async def create_organization(command: CreateOrganization, unit: UnitOfWork) -> OrganizationMade:
    """Write the organization of the context and its first person.

    Answers a link with which that person sets a password; raises OrganizationCodeTakenError,
    NameInvalidError and LoginInvalidError.
    """
    code = plain_code(command.code)
    made = await unit.store(OrganizationStore).create(
        code, plain_name(command.name_ko, "name_ko"), plain_name(command.name_en, "name_en")
    )
    if not made:
        raise OrganizationCodeTakenError("this code is taken", code=code)
    owner = await _add(
        Person(
            user_id=unit.ids.new("usr"),
            login=plain_login(command.owner_login),
            name_ko=plain_name(command.owner_name_ko, "owner_name_ko"),
            name_en=plain_name(command.owner_name_en, "owner_name_en"),
            badge=_new_badge(unit),
            active=True,
        ),
        unit,
    )
    unit.record(OrganizationCreated(code=code, owner_login=owner.login))
    token, expires_at = new_secret(), unit.clock.now() + PASSWORD_LINK_LIFETIME
    await unit.store(PasswordStore).add_link(secret_hash(token), owner.user_id, expires_at)
    organization_id = unit.context.organization_id
    return OrganizationMade(
        organization_id=organization_id,
        token=token,
        login=owner.login,
        expires_at=expires_at,
        owner_has_position=owner.login in unit.store(OwnerRegister).owners(organization_id),
    )


async def rename_organization(command: RenameOrganization, unit: UnitOfWork) -> None:
    """Give the organization other names; raises NameInvalidError."""
    name_ko = plain_name(command.name_ko, "name_ko")
    name_en = plain_name(command.name_en, "name_en")
    await unit.store(OrganizationStore).rename(name_ko, name_en)
    unit.record(OrganizationRenamed(name_ko=name_ko, name_en=name_en))


async def add_person(command: AddPerson, unit: UnitOfWork) -> PersonView:
    """Make a person known; raises PersonExistsError, LoginInvalidError and NameInvalidError."""
    person = Person(
        user_id=unit.ids.new("usr"),
        login=plain_login(command.login),
        name_ko=plain_name(command.name_ko, "name_ko"),
        name_en=plain_name(command.name_en, "name_en"),
        badge=_new_badge(unit),
        active=True,
    )
    return _view(await _add(person, unit))


async def invite_person(command: InvitePerson, unit: UnitOfWork) -> InvitationMade:
    """Make an invitation; raises PersonExistsError, LoginInvalidError and NameInvalidError."""
    login, now, token = plain_login(command.login), unit.clock.now(), new_secret()
    if await unit.store(PersonStore).by_login(login) is not None:
        raise PersonExistsError("this person is a member", login=login)
    invitation = NewInvitation(
        invitation_id=unit.ids.new("inv"),
        token_hash=secret_hash(token),
        login=login,
        name_ko=plain_name(command.name_ko, "name_ko"),
        name_en=plain_name(command.name_en, "name_en"),
        invited_by=unit.context.user,
        invited_at=now,
        expires_at=now + INVITATION_LIFETIME,
    )
    await unit.store(InvitationStore).add(invitation)
    unit.record(PersonInvited(invitation_id=invitation.invitation_id, login=login))
    return InvitationMade(
        invitation_id=invitation.invitation_id,
        login=login,
        expires_at=invitation.expires_at,
        token=token,
    )


async def revoke_invitation(command: RevokeInvitation, unit: UnitOfWork) -> None:
    """Take an invitation back; raises NotFoundError."""
    now = unit.clock.now()
    if not await unit.store(InvitationStore).revoke(command.invitation_id, now):
        raise NotFoundError("no such open invitation", invitation_id=command.invitation_id[:200])


async def accept_invitation(command: AcceptInvitation, unit: UnitOfWork) -> SessionOpened:
    """Become a member and come in.

    Raises InvitationInvalidError; InvitationForAnotherError when another login is signed in;
    PersonExistsError; PasswordWeakError; OwnProofNeededError when a link opened the session.
    """
    now = unit.clock.now()
    invitation = await unit.store(InvitationStore).take(secret_hash(command.token), now)
    if invitation is None:
        raise InvitationInvalidError("this invitation was used, taken back or is too old")
    account = noted(unit, Noted.USER_ID)
    proof = own_proof(unit) if account else Proof.PASSWORD
    if account and noted(unit, Noted.ACCOUNT_LOGIN) != invitation.login:
        raise InvitationForAnotherError("the invitation names another login")
    password = "" if account else check_new(command.password, invitation.login)
    member = await _joined(invitation, account, noted(unit, Noted.HOME), unit)
    if password:
        hashed = await unit.store(PasswordHasher).hash(password)
        await unit.store(PasswordStore).set(member.user_id, hashed, now)
    return await open_session(member, proof, command.session_h, unit)


async def _joined(invitation: InvitationView, account: str, home: str, unit: UnitOfWork) -> Person:
    before = await unit.store(PersonStore).ever(invitation.login)
    if before is None:
        return await _add(
            Person(
                user_id=account or unit.ids.new("usr"),
                login=invitation.login,
                name_ko=invitation.name_ko,
                name_en=invitation.name_en,
                badge=_new_badge(unit),
                active=True,
                home_organization_id="" if home == unit.context.organization_id else home,
            ),
            unit,
        )
    if before.active or (account and account != before.user_id):
        raise PersonExistsError("this login is taken", login=invitation.login)
    if not account and before.home_organization_id:
        raise InvitationForAnotherError("sign in at your own organization first")
    await unit.store(PersonStore).revive(before)
    unit.record(PersonAdded(user_id=before.user_id, login=before.login))
    return before


async def remove_member(command: RemoveMember, unit: UnitOfWork) -> None:
    """End a membership; raises PersonUnknownError and LastOwnerError."""
    await _end_membership(await active(command.login, unit), unit)


async def leave_organization(command: LeaveOrganization, unit: UnitOfWork) -> None:
    """End one's own membership; raises LastOwnerError and SessionNeededError."""
    own_proof(unit)
    await _end_membership(await asker(unit), unit)


async def _end_membership(person: Person, unit: UnitOfWork) -> None:
    persons, now = unit.store(PersonStore), unit.clock.now()
    # Under the lock: two owners who remove each other at once do not both succeed.
    members = await persons.lock_active()
    owners = unit.store(OwnerRegister).owners(unit.context.organization_id)
    if not (members - {person.login}) & owners:
        raise LastOwnerError("nobody would be left who manages people", login=person.login)
    await persons.remove(person.login, now)
    if not person.home_organization_id:
        await persons.move_home(person.user_id)
    secrets = unit.store(SecretStore)
    await secrets.end_sessions(person.login, now)
    await secrets.revoke_keys(person.login, now)
    await unit.store(TokenStore).end_all(person.login, now, "membership ended")
    unit.record(MemberRemoved(user_id=person.user_id, login=person.login))


async def rename_person(command: RenamePerson, unit: UnitOfWork) -> PersonView:
    """Write a name otherwise; raises PersonUnknownError and NameInvalidError."""
    person = await active(command.login, unit)
    name_ko = plain_name(command.name_ko, "name_ko")
    name_en = plain_name(command.name_en, "name_en")
    await unit.store(PersonStore).rename(person.login, name_ko, name_en)
    unit.record(PersonChanged(user_id=person.user_id, login=person.login))
    return _view(await active(person.login, unit))


async def change_language(command: ChangeLanguage, unit: UnitOfWork) -> PersonView:
    """Note the asker's language."""
    person = await asker(unit)
    await unit.store(PersonStore).speak(person.login, command.language)
    unit.record(PersonChanged(user_id=person.user_id, login=person.login))
    return _view(await asker(unit))


async def who_am_i(query: WhoAmI, unit: UnitOfWork) -> Me:
    """Return the asker; raises NotSignedInError for somebody no longer active."""
    me = await unit.store(PersonStore).me(unit.context.user)
    if me is None:
        raise NotSignedInError("this person is not active", login=unit.context.user)
    return me


async def list_persons(query: ListPersons, unit: UnitOfWork) -> tuple[PersonView, ...]:
    """Return every active person."""
    return await unit.store(PersonStore).list_active()


async def list_my_organizations(
    query: ListMyOrganizations, unit: UnitOfWork
) -> tuple[OrganizationView, ...]:
    """Return the asker's organizations, by code."""
    return await unit.store(OrganizationStore).of_person((await asker(unit)).user_id)


async def list_invitations(query: ListInvitations, unit: UnitOfWork) -> tuple[InvitationView, ...]:
    """Return what is open, newest first."""
    return await unit.store(InvitationStore).open(unit.clock.now())
