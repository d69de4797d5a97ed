"""API keys, and everything by which one comes in."""

from dataclasses import replace
from datetime import datetime, timedelta

from cloud.commands.errors import NotFoundError
from cloud.commands.ports import UnitOfWork
from cloud.organizations.asker import active, asker, noted, session_proof
from cloud.organizations.commands import (
    CreateApiKey,
    CreateOwnApiKey,
    LinkSlackAccount,
    Noted,
    RevokeApiKey,
    UnlinkSlackAccount,
)
from cloud.organizations.errors import (
    ExpiryInvalidError,
    ProviderRefusedError,
    SlackAccountTakenError,
)
from cloud.organizations.events import SlackAccountLinked
from cloud.organizations.person import new_secret, plain_name, secret_hash
from cloud.organizations.ports import (
    NewKey,
    OutsideAccountStore,
    PasswordStore,
    ScopeWords,
    SecretStore,
    TokenStore,
)
from cloud.organizations.queries import (
    ApiKeyView,
    IssuedApiKey,
    ListApiKeys,
    ListMyAccess,
    MyAccess,
    SlackAccountView,
)
from cloud.organizations.scope import checked
from cloud.organizations.token import KEY_PREFIX

LONGEST_LIFE = timedelta(days=731)


async def create_api_key(command: CreateApiKey, unit: UnitOfWork) -> IssuedApiKey:
    """Make a key.

    Raises PersonUnknownError, ScopeUnknownError, ScopeWidenedError and ExpiryInvalidError.
    """
    return await _make(command, (await active(command.login, unit)).login, unit)


async def create_own_api_key(command: CreateOwnApiKey, unit: UnitOfWork) -> IssuedApiKey:
    """Make a key for the asker; raises SessionNeededError and what ``create_api_key`` raises."""
    session_proof(unit)
    return await _make(command, (await asker(unit)).login, unit)


async def _make(
    command: CreateApiKey | CreateOwnApiKey, login: str, unit: UnitOfWork
) -> IssuedApiKey:
    scopes = checked(command.scopes, unit.store(ScopeWords).words, unit.context.scopes)
    now, secret = unit.clock.now(), f"{KEY_PREFIX}{new_secret()}"
    key = NewKey(
        key_id=unit.ids.new("key"),
        key_hash=secret_hash(secret),
        name=plain_name(command.name, "name"),
        login=login,
        created_at=now,
        scopes=scopes,
        expires_at=_end(command.expires_at, now),
    )
    await unit.store(SecretStore).add_api_key(key)
    return IssuedApiKey(
        key_id=key.key_id,
        key=secret,
        login=login,
        name=key.name,
        scopes=scopes,
        expires_at=key.expires_at,
    )


def _end(expires_at: datetime | None, now: datetime) -> datetime | None:
    if expires_at is not None and not now < expires_at <= now + LONGEST_LIFE:
        raise ExpiryInvalidError("a key ends in the future, within two years")
    return expires_at


async def revoke_api_key(command: RevokeApiKey, unit: UnitOfWork) -> None:
    """End a key; raises NotFoundError."""
    if not await unit.store(SecretStore).revoke_api_key(command.key_id, unit.clock.now()):
        raise NotFoundError("no such key", key_id=command.key_id[:200])


async def list_api_keys(query: ListApiKeys, unit: UnitOfWork) -> tuple[ApiKeyView, ...]:
    """Return every key in use, newest first."""
    return await unit.store(SecretStore).keys()


async def list_my_access(query: ListMyAccess, unit: UnitOfWork) -> MyAccess:
    """Return everything by which the asker comes in."""
    person, now = await asker(unit), unit.clock.now()
    secrets, here = unit.store(SecretStore), noted(unit, Noted.SESSION_ID)
    sessions = await secrets.sessions(person.login, now)
    return MyAccess(
        has_password=await unit.store(PasswordStore).has(person.user_id),
        password_is_here=not person.home_organization_id,
        sessions=tuple(replace(one, here=one.access_id == here) for one in sessions),
        token_sign_ins=await unit.store(TokenStore).living(person.login, now),
        keys=await secrets.keys(person.login),
        slack_accounts=await unit.store(OutsideAccountStore).slack_accounts(person.user_id),
    )


async def link_slack_account(command: LinkSlackAccount, unit: UnitOfWork) -> SlackAccountView:
    """Note a Slack account.

    Raises ProviderRefusedError, SlackAccountTakenError and SessionNeededError.
    """
    session_proof(unit)
    if noted(unit, Noted.PROVEN) != f"slack {command.team_id} {command.slack_user_id}":
        raise ProviderRefusedError("Slack did not say so")
    person = await asker(unit)
    account = SlackAccountView(
        team_id=command.team_id,
        slack_user_id=command.slack_user_id,
        team_name=command.team_name[:200],
        linked_at=unit.clock.now(),
    )
    if not await unit.store(OutsideAccountStore).link_slack(account, person.user_id):
        raise SlackAccountTakenError("somebody else has linked this Slack account")
    unit.record(
        SlackAccountLinked(
            login=person.login, team_id=account.team_id, slack_user_id=account.slack_user_id
        )
    )
    return account


async def unlink_slack_account(command: UnlinkSlackAccount, unit: UnitOfWork) -> None:
    """Forget a Slack account of one's own; raises NotFoundError and SessionNeededError."""
    session_proof(unit)
    forgotten = await unit.store(OutsideAccountStore).unlink_slack(
        command.team_id, command.slack_user_id, (await asker(unit)).user_id
    )
    if not forgotten:
        raise NotFoundError("no such Slack account of yours")
