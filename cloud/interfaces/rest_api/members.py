"""The organization's people: invited, renamed, removed."""

from dataclasses import dataclass

from fastapi import APIRouter

from cloud.commands.bus import CommandBus
from cloud.interfaces.rest_api.access import Asker
from cloud.interfaces.rest_api.pages import Paged
from cloud.organizations.commands import (
    AddPerson,
    ChangeLanguage,
    CreateLoginLink,
    CreatePasswordLink,
    InvitePerson,
    LeaveOrganization,
    RemoveMember,
    RenameOrganization,
    RenamePerson,
    RevokeInvitation,
)
from cloud.organizations.queries import (
    InvitationMade,
    InvitationView,
    ListInvitations,
    LoginLink,
    PersonView,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveRequest:
    """Whose membership ends, and why."""

    login: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonRequest:
    """Why."""

    reason: str


def router(bus: CommandBus) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["people"])
    _add_organization(routes, bus)
    _add_people(routes, bus)
    _add_own(routes, bus)
    return routes


def _add_organization(routes: APIRouter, bus: CommandBus) -> None:
    @routes.post("/organization", status_code=204)
    async def rename(body: RenameOrganization, context: Asker) -> None:
        """Give the organization other names."""
        await bus.send(body, context)

    @routes.get("/invitations")
    async def invitations(context: Asker, turn: Paged) -> list[InvitationView]:
        """Return the open invitations, oldest first."""
        found = await bus.ask(ListInvitations(), context)
        return turn.page(found, lambda one: one.invitation_id)

    @routes.post("/invitations", status_code=201)
    async def invite(body: InvitePerson, context: Asker) -> InvitationMade:
        """Invite somebody; the token is told once, hand it on."""
        made: InvitationMade = await bus.send(body, context)
        return made

    @routes.post("/invitations/{invitation_id}/revocation", status_code=204)
    async def take_back(invitation_id: str, context: Asker) -> None:
        """Take an invitation back."""
        await bus.send(RevokeInvitation(invitation_id=invitation_id), context)


def _add_people(routes: APIRouter, bus: CommandBus) -> None:
    @routes.post("/persons", status_code=201)
    async def add(body: AddPerson, context: Asker) -> PersonView:
        """Make a person known without an invitation."""
        person: PersonView = await bus.send(body, context)
        return person

    @routes.post("/persons/names")
    async def rename(body: RenamePerson, context: Asker) -> PersonView:
        """Write a member's name otherwise."""
        person: PersonView = await bus.send(body, context)
        return person

    @routes.post("/persons/removal", status_code=204)
    async def remove(body: RemoveRequest, context: Asker) -> None:
        """End a membership."""
        await bus.send(RemoveMember(login=body.login, reason=body.reason), context)

    @routes.post("/persons/login-links", status_code=201)
    async def login_link(body: CreateLoginLink, context: Asker) -> LoginLink:
        """Make a one-time sign-in link for a person."""
        link: LoginLink = await bus.send(body, context)
        return link

    @routes.post("/persons/password-links", status_code=201)
    async def password_link(body: CreatePasswordLink, context: Asker) -> LoginLink:
        """Make a one-time link with which a person sets a new password."""
        link: LoginLink = await bus.send(body, context)
        return link


def _add_own(routes: APIRouter, bus: CommandBus) -> None:
    @routes.post("/me/language")
    async def language(body: ChangeLanguage, context: Asker) -> PersonView:
        """Say in which language one is spoken to."""
        person: PersonView = await bus.send(body, context)
        return person

    @routes.post("/me/leave", status_code=204)
    async def leave(body: ReasonRequest, context: Asker) -> None:
        """End one's own membership."""
        await bus.send(LeaveOrganization(reason=body.reason), context)
