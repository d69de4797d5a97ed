"""Keys, tokens, devices, and the list of everything by which one comes in."""

from dataclasses import dataclass, field
from datetime import datetime

from fastapi import APIRouter, Request

from cloud.commands.bus import CommandBus
from cloud.interfaces.rest_api.access import (
    REFRESH_PREFIX,
    Asker,
    doorkeeper_of,
    refuse_foreign,
    stranger_context,
)
from cloud.interfaces.rest_api.doorstep import DeviceRequest, Proven, refuse_hasty
from cloud.interfaces.rest_api.pages import Paged
from cloud.organizations.commands import (
    CreateApiKey,
    CreateOwnApiKey,
    DecideDevice,
    EndOwnAccess,
    IssueTokens,
    RefreshTokens,
    RevokeApiKey,
    RevokeTokens,
    TakeDeviceTokens,
)
from cloud.organizations.errors import (
    DeviceDeniedError,
    DeviceExpiredError,
    DevicePendingError,
    DeviceSlowDownError,
    NameInvalidError,
    RefreshTokenInvalidError,
    RefreshTokenReusedError,
    ScopeUnknownError,
    TokenKindWrongError,
)
from cloud.organizations.queries import (
    ApiKeyView,
    DescribeDevice,
    DeviceView,
    IssuedApiKey,
    ListApiKeys,
    ListMyAccess,
    MyAccess,
    Refreshed,
    TokenPair,
)

_LONGEST_CLIENT = 100
_MOST_SCOPES = 100
_JWT_DOTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRequest:
    """A refresh token."""

    refresh_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCodeRequest:
    """What asks for a login, and for what; no scopes: everything that the person may do."""

    client: str
    scopes: list[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCodes:
    """What the device shows, and what it keeps for itself."""

    device_code: str
    user_code: str
    verification_path: str
    expires_in_s: float
    interval_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTokenRequest:
    """The device's own code."""

    device_code: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnKeyRequest:
    """What the key is for, what it may do, and until when."""

    name: str
    scopes: list[str] | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """Whose key it is, what it is for, what it may do, and until when."""

    login: str
    name: str
    scopes: list[str] | None = None
    expires_at: datetime | None = None


def router(bus: CommandBus) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["keys and tokens"])
    _add_keys(routes, bus)
    _add_tokens(routes, bus)
    _add_devices(routes, bus)
    _add_device_questions(routes, bus)
    return routes


def _tuple(scopes: list[str] | None) -> tuple[str, ...] | None:
    return None if scopes is None else tuple(scopes)


def _add_keys(routes: APIRouter, bus: CommandBus) -> None:
    @routes.get("/me/access")
    async def mine(context: Asker) -> MyAccess:
        """Return everything by which the asker comes in, without secrets."""
        found: MyAccess = await bus.ask(ListMyAccess(), context)
        return found

    @routes.post("/me/access/{access_id}/end", status_code=204)
    async def end(access_id: str, context: Asker) -> None:
        """End one of the asker's sessions, token sign-ins or keys."""
        await bus.send(EndOwnAccess(access_id=access_id), context)

    @routes.post("/me/keys", status_code=201)
    async def make_own(body: OwnKeyRequest, context: Asker) -> IssuedApiKey:
        """Make a key that acts as the asker; it is shown once."""
        command = CreateOwnApiKey(
            name=body.name, scopes=_tuple(body.scopes), expires_at=body.expires_at
        )
        issued: IssuedApiKey = await bus.send(command, context)
        return issued

    @routes.get("/keys")
    async def keys(context: Asker, turn: Paged) -> list[ApiKeyView]:
        """Return every key of the organization, without secrets, oldest first."""
        return turn.page(await bus.ask(ListApiKeys(), context), lambda one: one.key_id)

    @routes.post("/keys", status_code=201)
    async def make(body: KeyRequest, context: Asker) -> IssuedApiKey:
        """Make a key that acts as a person; it is shown once."""
        command = CreateApiKey(
            login=body.login,
            name=body.name,
            scopes=_tuple(body.scopes),
            expires_at=body.expires_at,
        )
        issued: IssuedApiKey = await bus.send(command, context)
        return issued

    @routes.post("/keys/{key_id}/revocation", status_code=204)
    async def revoke(key_id: str, context: Asker) -> None:
        """End a key."""
        await bus.send(RevokeApiKey(key_id=key_id), context)


def _add_tokens(routes: APIRouter, bus: CommandBus) -> None:
    @routes.post("/tokens", status_code=201)
    async def issue(body: IssueTokens, context: Asker) -> TokenPair:
        """Begin a program's sign-in from a web session."""
        pair: TokenPair = await bus.send(body, context)
        return pair

    @routes.post("/tokens/refresh")
    async def refresh(body: RefreshRequest, request: Request) -> TokenPair:
        """Exchange a refresh token for the next pair, once."""
        member = await _holder(body, request)
        if member is None:
            raise RefreshTokenInvalidError("this refresh token opens nothing")
        found: Refreshed = await bus.send(
            RefreshTokens(refresh_token=body.refresh_token), stranger_context(request, member)
        )
        if found.pair is None:
            raise RefreshTokenReusedError("this token came before; its sign-in was ended")
        return found.pair

    @routes.post("/tokens/revocation", status_code=204)
    async def revoke(body: RefreshRequest, request: Request) -> None:
        """End the sign-in of a refresh token; an unknown one is as good as ended."""
        member = await _holder(body, request)
        if member is not None:
            await bus.send(
                RevokeTokens(refresh_token=body.refresh_token), stranger_context(request, member)
            )


async def _holder(body: RefreshRequest, request: Request) -> Proven | None:
    token = body.refresh_token
    if token.count(".") == _JWT_DOTS and not token.startswith(REFRESH_PREFIX):
        raise TokenKindWrongError("an access token brings no other")
    doorstep = doorkeeper_of(request).doorstep
    return await doorstep.lookups.refresh(token)


def _add_devices(routes: APIRouter, bus: CommandBus) -> None:
    @routes.post("/device/codes", status_code=201)
    async def ask(body: DeviceCodeRequest, request: Request) -> DeviceCodes:
        """Let a device wait for a person; nothing is anybody's yet."""
        counted = doorkeeper_of(request).doorstep.counted
        await refuse_hasty(counted, request)
        client = body.client.strip()
        if not 0 < len(client) <= _LONGEST_CLIENT or not client.isprintable():
            raise NameInvalidError("a client says in plain letters what it is", field="client")
        scopes = _wished(body.scopes)
        address = request.client.host if request.client else ""
        found: DeviceRequest = await counted.ask_for_device(client, address, scopes)
        return DeviceCodes(
            device_code=found.device_code,
            user_code=found.user_code,
            verification_path=f"/device?code={found.user_code}",
            expires_in_s=found.expires_in_s,
            interval_s=found.interval_s,
        )

    @routes.post("/device/tokens")
    async def take(body: DeviceTokenRequest, request: Request) -> TokenPair:
        """Give an approved device its tokens, once; until then say how it stands."""
        standing = await doorkeeper_of(request).doorstep.counted.poll_device(body.device_code)
        if standing.status == "pending":
            raise DevicePendingError("nobody has decided yet")
        if standing.status == "slow_down":
            raise DeviceSlowDownError("wait longer between two questions")
        if standing.status == "denied":
            raise DeviceDeniedError("the person said no")
        if standing.member is None:
            raise DeviceExpiredError("the code was used or is too old")
        pair: TokenPair = await bus.send(
            TakeDeviceTokens(device_code=body.device_code),
            stranger_context(request, standing.member),
        )
        return pair


def _wished(scopes: list[str] | None) -> tuple[str, ...] | None:
    """Return what a device wishes for; what the words mean is judged when somebody approves."""
    if scopes is None:
        return None
    good = all(len(one) <= _LONGEST_CLIENT and one.isascii() for one in scopes)
    if not 0 < len(scopes) <= _MOST_SCOPES or not good or "\x00" in "".join(scopes):
        raise ScopeUnknownError("there is no such scope", scopes=[])
    return tuple(sorted(set(scopes)))


def _add_device_questions(routes: APIRouter, bus: CommandBus) -> None:
    @routes.get("/device/{user_code}")
    async def describe(user_code: str, request: Request, context: Asker) -> DeviceView:
        """Return which device shows a code."""
        await refuse_hasty(doorkeeper_of(request).doorstep.counted, request)
        found: DeviceView = await bus.ask(DescribeDevice(user_code=user_code), context)
        return found

    @routes.post("/device/decisions")
    async def decide(body: DecideDevice, request: Request, context: Asker) -> DeviceView:
        """Let a device act as the asker, or not."""
        refuse_foreign(request)
        await refuse_hasty(doorkeeper_of(request).doorstep.counted, request)
        found: DeviceView = await bus.send(body, context)
        return found
