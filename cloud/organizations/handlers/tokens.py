"""Access and refresh tokens, and devices that wait for them."""

from cloud.commands.ports import AuditEntry, AuditTrail, UnitOfWork
from cloud.organizations.asker import active, asker, session_proof
from cloud.organizations.commands import (
    DecideDevice,
    IssueTokens,
    RefreshTokens,
    RevokeTokens,
    TakeDeviceTokens,
)
from cloud.organizations.device_login import plain_user_code
from cloud.organizations.errors import (
    DeviceCodeUnknownError,
    DeviceExpiredError,
    RefreshTokenInvalidError,
)
from cloud.organizations.events import DeviceDecided, TokenReuseFound
from cloud.organizations.person import new_secret, plain_name, secret_hash
from cloud.organizations.ports import (
    AccessTokenIssuer,
    DeviceStore,
    Family,
    PersonStore,
    ScopeWords,
    TokenStore,
    WaitingDevice,
)
from cloud.organizations.queries import DescribeDevice, DeviceView, Refreshed, TokenPair
from cloud.organizations.scope import checked
from cloud.organizations.token import (
    ACCESS_LIFETIME,
    FAMILY_LIFETIME,
    REFRESH_LIFETIME,
    REFRESH_PREFIX,
    AccessClaims,
)


async def issue_tokens(command: IssueTokens, unit: UnitOfWork) -> TokenPair:
    """Begin a program's sign-in; raises SessionNeededError, ScopeUnknownError, NameInvalidError."""
    proof = session_proof(unit)
    person, now = await asker(unit), unit.clock.now()
    family = Family(
        family_id=unit.ids.new("fam"),
        user_id=person.user_id,
        login=person.login,
        client=plain_name(command.client, "client"),
        scopes=checked(command.scopes, unit.store(ScopeWords).words, unit.context.scopes),
        proof=proof,
        created_at=now,
        expires_at=now + FAMILY_LIFETIME,
    )
    await unit.store(TokenStore).begin(family)
    return await _pair(family, unit)


async def _pair(family: Family, unit: UnitOfWork) -> TokenPair:
    now, secret = unit.clock.now(), f"{REFRESH_PREFIX}{new_secret()}"
    refresh_until = min(now + REFRESH_LIFETIME, family.expires_at)
    access_until = min(now + ACCESS_LIFETIME, family.expires_at)
    await unit.store(TokenStore).add_refresh(
        secret_hash(secret), family.family_id, now, refresh_until
    )
    claims = AccessClaims(
        token_id=unit.ids.new("tok"),
        family_id=family.family_id,
        organization_id=unit.context.organization_id,
        user_id=family.user_id,
        login=family.login,
        issued_at=now,
        expires_at=access_until,
        scopes=family.scopes,
    )
    return TokenPair(
        access_token=unit.store(AccessTokenIssuer).issue(claims),
        refresh_token=secret,
        access_expires_at=access_until,
        refresh_expires_at=refresh_until,
        organization_id=unit.context.organization_id,
        login=family.login,
        scopes=family.scopes,
    )


async def refresh_tokens(command: RefreshTokens, unit: UnitOfWork) -> Refreshed:
    """Give the next pair, once; raises RefreshTokenInvalidError.

    A token that comes twice means a copy: its sign-in ends here and now, and this commits, so
    that it is answered and not raised.
    """
    tokens, now = unit.store(TokenStore), unit.clock.now()
    token_hash = secret_hash(command.refresh_token)
    family = await tokens.use_refresh(token_hash, now)
    if family is not None:
        if await unit.store(PersonStore).by_login(family.login) is None:
            raise RefreshTokenInvalidError("this person is not active")
        return Refreshed(pair=await _pair(family, unit))
    copied = await tokens.family_of_used(token_hash)
    if copied is None:
        raise RefreshTokenInvalidError("this refresh token opens nothing")
    await tokens.end(copied.family_id, copied.login, now, "a refresh token came twice")
    unit.record(TokenReuseFound(login=copied.login, family_id=copied.family_id))
    await unit.store(AuditTrail).append(
        AuditEntry(
            action="token_reuse_found",
            resource=copied.family_id,
            outcome="done",
            metadata={"client": copied.client, "login": copied.login},
        ),
        unit,
    )
    return Refreshed(pair=None)


async def revoke_tokens(command: RevokeTokens, unit: UnitOfWork) -> None:
    """End the sign-in of a refresh token; one that opens nothing is as good as ended."""
    tokens = unit.store(TokenStore)
    family = await tokens.family_of(secret_hash(command.refresh_token))
    if family is not None:
        await tokens.end(family.family_id, family.login, unit.clock.now(), "revoked by its holder")


async def _waiting(user_code: str, unit: UnitOfWork) -> WaitingDevice:
    letters = plain_user_code(user_code)
    devices = unit.store(DeviceStore)
    device = None if letters is None else await devices.by_user_code(letters, unit.clock.now())
    if device is None:
        raise DeviceCodeUnknownError("no device waits with this code")
    return device


async def describe_device(query: DescribeDevice, unit: UnitOfWork) -> DeviceView:
    """Return which device shows a code; raises DeviceCodeUnknownError."""
    device = await _waiting(query.user_code, unit)
    return DeviceView(
        client=device.client,
        address=device.address,
        scopes=device.scopes,
        expires_at=device.expires_at,
    )


async def decide_device(command: DecideDevice, unit: UnitOfWork) -> DeviceView:
    """Keep what the asker says.

    Raises DeviceCodeUnknownError, ScopeUnknownError and SessionNeededError.
    """
    proof = session_proof(unit)
    person, device = await asker(unit), await _waiting(command.user_code, unit)
    checked(device.scopes, unit.store(ScopeWords).words, unit.context.scopes)
    kept = await unit.store(DeviceStore).decide(
        device.device_hash, person.user_id, proof, unit.clock.now(), approved=command.approve
    )
    if not kept:
        raise DeviceCodeUnknownError("somebody has decided about this device")
    unit.record(DeviceDecided(login=person.login, client=device.client, approved=command.approve))
    return DeviceView(
        client=device.client,
        address=device.address,
        scopes=device.scopes,
        expires_at=device.expires_at,
    )


async def take_device_tokens(command: TakeDeviceTokens, unit: UnitOfWork) -> TokenPair:
    """Give an approved device its tokens, once; raises DeviceExpiredError."""
    devices, now = unit.store(DeviceStore), unit.clock.now()
    device = await devices.by_device_code(command.device_code)
    taken = None if device is None else await devices.take(device.device_hash, now)
    if device is None or taken is None or device.expires_at <= now:
        raise DeviceExpiredError("the code was used or is too old")
    user_id, proof = taken
    person = await active(unit.context.user, unit)
    if person.user_id != user_id:
        raise DeviceExpiredError("another person approved this device")
    family = Family(
        family_id=unit.ids.new("fam"),
        user_id=person.user_id,
        login=person.login,
        client=device.client,
        scopes=device.scopes,
        proof=proof,
        created_at=now,
        expires_at=now + FAMILY_LIFETIME,
    )
    await unit.store(TokenStore).begin(family)
    return await _pair(family, unit)
