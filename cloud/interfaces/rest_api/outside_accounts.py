"""Sign in through an OpenID provider; link a Slack account.

The provider sends the browser back to a page of ours, and the page sends what it got here: the
session's cookie never has to travel with a request that another site began.
"""

import secrets
from dataclasses import dataclass, field

from fastapi import APIRouter, Request, Response

from cloud.commands.bus import CommandBus
from cloud.commands.command import CommandContext
from cloud.interfaces.rest_api.access import (
    Asker,
    doorkeeper_of,
    refuse_foreign,
    stranger_context,
)
from cloud.interfaces.rest_api.doorstep import Doorstep, Proven, ProvenAccount, Trip, refuse_hasty
from cloud.interfaces.rest_api.sign_in import Cookies
from cloud.organizations.commands import (
    LinkSlackAccount,
    Noted,
    SignInWithProvider,
    UnlinkSlackAccount,
)
from cloud.organizations.errors import (
    OrganizationNeededError,
    ProviderPersonUnknownError,
    ProviderRefusedError,
)
from cloud.organizations.queries import Me, SessionOpened, SlackAccountView, WhoAmI

BROWSER_COOKIE = "kyndof_trip"
OPENID_PAGE = "/login/openid"
SLACK_PAGE = "/account/slack"
_TRIP_S = 600
_LONGEST = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """Where the browser goes now."""

    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What the provider sent the browser back with; an organization's code where several fit."""

    code: str = field(repr=False)
    state: str = field(repr=False)
    organization: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where we are to be found; ``own`` empty: as the browser says."""

    own: str
    secure: bool

    def page(self, request: Request, path: str) -> str:
        """Return the address of one of our pages."""
        own = self.own or f"{request.url.scheme}://{request.headers.get('host', '')}"
        return f"{own.rstrip('/')}{path}"

    def remember(self, request: Request, response: Response) -> str:
        """Return the browser's own secret, given to it now if it had none."""
        known = request.cookies.get(BROWSER_COOKIE, "")
        browser = known if known and len(known) < _LONGEST else secrets.token_urlsafe(32)
        response.set_cookie(
            BROWSER_COOKIE, browser, max_age=_TRIP_S, httponly=True, samesite="strict",
            secure=self.secure, path="/api/v1",
        )  # fmt: skip
        return browser


def router(bus: CommandBus, *, cookies: Cookies, own_address: str) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["outside accounts"])
    addresses = Addresses(own=own_address, secure=cookies.secure)
    _add_openid(routes, bus, cookies, addresses)
    _add_slack(routes, bus, addresses)
    return routes


def _add_openid(routes: APIRouter, bus: CommandBus, cookies: Cookies, addresses: Addresses) -> None:
    @routes.post("/login/openid/departure")
    async def depart(request: Request, response: Response) -> Departure:
        """Say where the provider is; keep state, nonce and code verifier for the return."""
        refuse_foreign(request)
        doorstep = doorkeeper_of(request).doorstep
        doorstep.openid.check_settings()
        await refuse_hasty(doorstep.counted, request)
        browser = addresses.remember(request, response)
        state, trip = await doorstep.counted.set_out("oidc", browser)
        back = addresses.page(request, OPENID_PAGE)
        return Departure(url=await doorstep.openid.address(back, state, trip))

    @routes.post("/login/openid")
    async def arrive(body: Arrival, request: Request, response: Response) -> Me:
        """Exchange the provider's code for a session cookie."""
        refuse_foreign(request)
        doorstep = doorkeeper_of(request).doorstep
        await refuse_hasty(doorstep.counted, request)
        trip = await _trip(doorstep, "oidc", body, request)
        back = addresses.page(request, OPENID_PAGE)
        account = await doorstep.openid.prove(back, body.code, trip)
        context = await _member(doorstep, account, body.organization, request)
        opened: SessionOpened = await bus.send(
            SignInWithProvider(
                issuer=account.issuer, subject=account.subject, session_h=cookies.session_h
            ),
            context,
        )
        cookies.give(response, opened)
        me: Me = await bus.ask(WhoAmI(), context)
        return me


async def _trip(doorstep: Doorstep, kind: str, body: Arrival, request: Request) -> Trip:
    browser = request.cookies.get(BROWSER_COOKIE, "")
    fits = browser and max(len(body.state), len(body.code), len(browser)) < _LONGEST
    trip = await doorstep.counted.come_back(kind, browser, body.state) if fits else None
    if trip is None:
        raise ProviderRefusedError("this return belongs to no departure of this browser")
    return trip


async def _member(
    doorstep: Doorstep, account: ProvenAccount, organization: str, request: Request
) -> CommandContext:
    """Return the context of whom the provider proved: by an earlier link, else by the address."""
    found: list[Proven] = list(
        await doorstep.lookups.provider_account(account.issuer, account.subject)
    )
    if not found and account.verified_login:
        homes = await doorstep.lookups.homes(account.verified_login)
        code = organization.strip().lower()
        found = [home.member for home in homes if code in {"", home.code}]
    if not found:
        raise ProviderPersonUnknownError("no organization here knows this person")
    if len(found) > 1:
        raise OrganizationNeededError("this person is at home in several organizations")
    proven = f"{account.issuer} {account.subject}"
    return stranger_context(request, found[0], **{Noted.PROVEN.value: proven})


def _add_slack(routes: APIRouter, bus: CommandBus, addresses: Addresses) -> None:
    @routes.post("/me/slack/departure")
    async def depart(request: Request, response: Response, context: Asker) -> Departure:
        """Say where Slack is; keep the state for the return."""
        doorstep = doorkeeper_of(request).doorstep
        doorstep.slack.check_settings()
        await refuse_hasty(doorstep.counted, request)
        browser = addresses.remember(request, response)
        state, trip = await doorstep.counted.set_out("slack", _bound(browser, context))
        back = addresses.page(request, SLACK_PAGE)
        return Departure(url=doorstep.slack.address(back, state, trip))

    @routes.post("/me/slack", status_code=201)
    async def arrive(body: Arrival, request: Request, context: Asker) -> SlackAccountView:
        """Link the Slack account that Slack's code proves."""
        doorstep = doorkeeper_of(request).doorstep
        await refuse_hasty(doorstep.counted, request)
        browser = request.cookies.get(BROWSER_COOKIE, "")
        fits = browser and max(len(body.state), len(body.code), len(browser)) < _LONGEST
        kept = _bound(browser, context)
        trip = await doorstep.counted.come_back("slack", kept, body.state) if fits else None
        if trip is None:
            raise ProviderRefusedError("this return belongs to no departure of this person")
        person = await doorstep.slack.prove(addresses.page(request, SLACK_PAGE), body.code, trip)
        context.metadata[Noted.PROVEN.value] = f"slack {person.team_id} {person.slack_user_id}"
        linked: SlackAccountView = await bus.send(
            LinkSlackAccount(
                team_id=person.team_id,
                slack_user_id=person.slack_user_id,
                team_name=person.team_name,
            ),
            context,
        )
        return linked

    @routes.post("/me/slack/{team_id}/{slack_user_id}/removal", status_code=204)
    async def forget(team_id: str, slack_user_id: str, context: Asker) -> None:
        """Forget a Slack account of the asker's."""
        await bus.send(UnlinkSlackAccount(team_id=team_id, slack_user_id=slack_user_id), context)


def _bound(browser: str, context: CommandContext) -> str:
    """Return what the trip is bound to: this browser and this person, not one of them."""
    return f"{browser} {context.organization_id} {context.user}"
