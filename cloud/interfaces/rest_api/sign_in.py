"""Sign in by link or password, who am I, sign out; who else is here."""

from dataclasses import dataclass, field

from fastapi import APIRouter, Request, Response

from cloud.commands.bus import CommandBus
from cloud.commands.command import CommandContext
from cloud.interfaces.rest_api.access import (
    COOKIE,
    Asker,
    doorkeeper_of,
    refuse_foreign,
    stranger_context,
)
from cloud.interfaces.rest_api.doorstep import Home, Proven, refuse_hasty
from cloud.interfaces.rest_api.pages import Paged
from cloud.organizations.commands import (
    AcceptInvitation,
    ChangePassword,
    EndEverySession,
    EndSession,
    Noted,
    SignInWithPassword,
    SwitchOrganization,
    UseLoginLink,
    UsePasswordLink,
)
from cloud.organizations.errors import (
    InvitationInvalidError,
    MembershipUnknownError,
    NotSignedInError,
    OrganizationNeededError,
    PasswordLinkInvalidError,
    SignInRefusedError,
)
from cloud.organizations.queries import (
    ListMyOrganizations,
    ListPersons,
    Me,
    OrganizationView,
    PersonView,
    SessionOpened,
    WhoAmI,
)

#: More homes than this one login does not have; nobody's time is spent on more.
_MOST_HOMES = 4
_LONGEST_LOGIN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRequest:
    """The token after ``/login#``."""

    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRequest:
    """Login and password; the organization's short code when both fit in several."""

    login: str
    password: str = field(repr=False)
    organization: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPasswordRequest:
    """The token after ``/password#`` and the new password."""

    token: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptRequest:
    """The token after ``/invitation#``; a password for whoever has no account yet."""

    token: str = field(repr=False)
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A token that came in a link."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationDescription:
    """To what one is invited, and as whom."""

    login: str
    organization_name_ko: str
    organization_name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePasswordRequest:
    """The current password, empty for whoever has none, and the new one."""

    current_password: str = field(repr=False)
    new_password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchRequest:
    """Where to go on."""

    organization_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInMethods:
    """Which ways in there are; ``openid`` is what the button says, empty without one."""

    password: bool
    openid: str
    slack: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookies:
    """How a session's cookie is given; ``session_h`` in hours."""

    session_h: float
    secure: bool

    def give(self, response: Response, opened: SessionOpened) -> None:
        """Put a session's secret where scripts do not see it."""
        response.set_cookie(
            COOKIE, opened.session, max_age=int(self.session_h * 3600), httponly=True,
            samesite="strict", secure=self.secure, path="/",
        )  # fmt: skip


def router(bus: CommandBus, *, session_h: float, secure_cookie: bool) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["sign-in"])
    cookies = Cookies(session_h=session_h, secure=secure_cookie)
    _add_ways_in(routes, bus, cookies)
    _add_links(routes, bus, cookies)
    _add_sessions(routes, bus, cookies)
    _add_reading(routes, bus)
    return routes


def _add_ways_in(routes: APIRouter, bus: CommandBus, cookies: Cookies) -> None:
    @routes.get("/login/methods")
    async def methods(request: Request) -> SignInMethods:
        """Return which ways in there are."""
        doorstep = doorkeeper_of(request).doorstep
        return SignInMethods(
            password=True, openid=doorstep.openid.name, slack=doorstep.slack.configured
        )

    @routes.post("/login")
    async def login(body: LoginRequest, request: Request, response: Response) -> Me:
        """Exchange a one-time link for a session cookie."""
        context = await doorkeeper_of(request).link_context(request, body.token)
        opened: SessionOpened = await bus.send(
            UseLoginLink(token=body.token, session_h=cookies.session_h), context
        )
        return await _in(bus, context, response, cookies, opened)

    @routes.post("/login/password")
    async def password(body: PasswordRequest, request: Request, response: Response) -> Me:
        """Exchange login and password for a session cookie."""
        refuse_foreign(request)
        opened, context = None, None
        for member in await _candidates(request, body):
            tried = stranger_context(request, member, **{Noted.LIMITED.value: "password"})
            try:
                found: SessionOpened = await bus.send(
                    SignInWithPassword(password=body.password, session_h=cookies.session_h), tried
                )
            except SignInRefusedError:
                continue
            if opened is not None:
                raise OrganizationNeededError("this login is at home in several organizations")
            opened, context = found, tried
        if opened is None or context is None:
            raise SignInRefusedError("login and password do not belong together")
        await doorkeeper_of(request).doorstep.counted.forgive_account(_plain(body.login))
        return await _in(bus, context, response, cookies, opened)


async def _candidates(request: Request, body: PasswordRequest) -> list[Proven]:
    """Return whom the login may mean, counting the try; nobody costs as much time as somebody."""
    doorstep, login = doorkeeper_of(request).doorstep, _plain(body.login)
    await refuse_hasty(doorstep.counted, request, login)
    known = len(login) <= _LONGEST_LOGIN and "\x00" not in login and login.isascii()
    homes = await doorstep.lookups.homes(login) if known else ()
    found = [home.member for home in homes if _may_be(home, body.organization)][:_MOST_HOMES]
    if not found:
        await doorstep.passwords.verify(None, "nobody's password")
    return found


def _may_be(home: Home, organization: str) -> bool:
    return home.has_password and organization.strip().lower() in {"", home.code}


def _plain(login: str) -> str:
    return login.strip().lower()


async def _in(
    bus: CommandBus,
    context: CommandContext,
    response: Response,
    cookies: Cookies,
    opened: SessionOpened,
) -> Me:
    cookies.give(response, opened)
    me: Me = await bus.ask(WhoAmI(), context)
    return me


def _add_links(routes: APIRouter, bus: CommandBus, cookies: Cookies) -> None:
    @routes.post("/password/link")
    async def set_password(body: NewPasswordRequest, request: Request, response: Response) -> Me:
        """Set a new password by a one-time link and sign in."""
        refuse_foreign(request)
        doorstep = doorkeeper_of(request).doorstep
        await refuse_hasty(doorstep.counted, request)
        member = await doorstep.lookups.password_link(body.token)
        if member is None:
            raise PasswordLinkInvalidError("this link was used or is older than a day")
        context = stranger_context(request, member)
        opened: SessionOpened = await bus.send(
            UsePasswordLink(token=body.token, password=body.password, session_h=cookies.session_h),
            context,
        )
        return await _in(bus, context, response, cookies, opened)

    @routes.post("/invitations/description")
    async def describe(body: TokenRequest, request: Request) -> InvitationDescription:
        """Say to what a token invites; nothing changes, the token is not for an address."""
        doorstep = doorkeeper_of(request).doorstep
        await refuse_hasty(doorstep.counted, request)
        found = await doorstep.lookups.invitation(body.token)
        if found is None:
            raise InvitationInvalidError("there is no such invitation")
        member, name_ko, name_en = found
        return InvitationDescription(
            login=member.login, organization_name_ko=name_ko, organization_name_en=name_en
        )

    @routes.post("/invitations/acceptance")
    async def accept(body: AcceptRequest, request: Request, response: Response) -> Me:
        """Become a member, with the account that is signed in or with a new password."""
        refuse_foreign(request)
        context = await _invited(request, body)
        opened: SessionOpened = await bus.send(
            AcceptInvitation(token=body.token, password=body.password, session_h=cookies.session_h),
            context,
        )
        return await _in(bus, context, response, cookies, opened)


async def _invited(request: Request, body: AcceptRequest) -> CommandContext:
    """Return the context at the inviting organization; who is signed in brings the account."""
    doorkeeper = doorkeeper_of(request)
    await refuse_hasty(doorkeeper.doorstep.counted, request)
    found = await doorkeeper.doorstep.lookups.invitation(body.token)
    if found is None:
        raise InvitationInvalidError("there is no such invitation")
    account: dict[str, str] = {}
    if not body.password:
        account = (await doorkeeper.context(request)).metadata
    return stranger_context(request, found[0], **account)


def _add_sessions(routes: APIRouter, bus: CommandBus, cookies: Cookies) -> None:
    @routes.post("/logout", status_code=204)
    async def logout(request: Request, response: Response, context: Asker) -> None:
        """End the session of this cookie."""
        await bus.send(EndSession(session=request.cookies.get(COOKIE, "")), context)
        response.delete_cookie(COOKIE, path="/")

    @routes.post("/logout/everywhere", status_code=204)
    async def everywhere(response: Response, context: Asker) -> None:
        """End every session and every token of the asker."""
        await bus.send(EndEverySession(), context)
        response.delete_cookie(COOKIE, path="/")

    @routes.post("/me/password", status_code=204)
    async def change(body: ChangePasswordRequest, request: Request, context: Asker) -> None:
        """Set the asker's password; other sessions end."""
        counted = doorkeeper_of(request).doorstep.counted
        await refuse_hasty(counted, request, context.user)
        context.metadata[Noted.LIMITED.value] = "password"
        await bus.send(
            ChangePassword(current_password=body.current_password, new_password=body.new_password),
            context,
        )
        await counted.forgive_account(context.user)

    @routes.post("/me/organization")
    async def switch(
        body: SwitchRequest, request: Request, response: Response, context: Asker
    ) -> Me:
        """Go on in another organization of the asker's; the session here ends."""
        there = await _elsewhere(request, context, body.organization_id)
        opened: SessionOpened = await bus.send(
            SwitchOrganization(session_h=cookies.session_h), there
        )
        await _leave(bus, request, context)
        return await _in(bus, there, response, cookies, opened)


async def _elsewhere(
    request: Request, context: CommandContext, organization_id: str
) -> CommandContext:
    user_id = context.metadata.get(Noted.USER_ID.value, "")
    if not user_id:
        raise NotSignedInError("nobody is signed in")
    lookups = doorkeeper_of(request).doorstep.lookups
    storable = "\x00" not in organization_id and organization_id.isascii()
    member = await lookups.membership(user_id, organization_id) if storable else None
    if member is None:
        raise MembershipUnknownError("you are no member there")
    return stranger_context(request, member, **context.metadata)


async def _leave(bus: CommandBus, request: Request, context: CommandContext) -> None:
    await bus.send(EndSession(session=request.cookies.get(COOKIE, "")), context)


def _add_reading(routes: APIRouter, bus: CommandBus) -> None:
    @routes.get("/me")
    async def me(context: Asker) -> Me:
        """Return who is signed in."""
        found: Me = await bus.ask(WhoAmI(), context)
        return found

    @routes.get("/me/organizations")
    async def organizations(context: Asker, turn: Paged) -> list[OrganizationView]:
        """Return the organizations that the asker may switch between, by code."""
        return turn.page(await bus.ask(ListMyOrganizations(), context), lambda one: one.code)

    @routes.get("/persons")
    async def persons(context: Asker, turn: Paged) -> list[PersonView]:
        """Return the organization's people, by login."""
        return turn.page(await bus.ask(ListPersons(), context), lambda person: person.login)
