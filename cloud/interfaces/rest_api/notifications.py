"""What the asker was told, and how the asker wants to be told."""

from dataclasses import dataclass, replace

from fastapi import APIRouter, Request

from cloud.commands.bus import CommandBus
from cloud.interfaces.rest_api.access import Asker
from cloud.interfaces.rest_api.errors import language_of
from cloud.interfaces.rest_api.notices import digest_message
from cloud.interfaces.rest_api.pages import Paged
from cloud.notifications.commands import ChangeNotificationWishes, MarkNotificationsRead
from cloud.notifications.queries import (
    DigestView,
    FindNotificationWishes,
    ListDigests,
    ListNotifications,
    MarkedRead,
    NotificationPage,
    WishesView,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """Which were read; none means all."""

    notification_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestMessage:
    """A digest with its message, in the asker's language."""

    digest: DigestView
    message: str


def router(bus: CommandBus) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["notifications"])

    @routes.get("/notifications")
    async def notifications(
        context: Asker, turn: Paged, *, unread_only: bool = False
    ) -> NotificationPage:
        """Return what the asker was told, newest first."""
        query = ListNotifications(limit=turn.one_more, before=turn.after, unread_only=unread_only)
        page: NotificationPage = await bus.ask(query, context)
        found = turn.begun(page.notifications, lambda one: one.notification_id)
        return replace(page, notifications=tuple(found))

    @routes.get("/notifications/digests")
    async def digests(context: Asker, request: Request, turn: Paged) -> tuple[DigestMessage, ...]:
        """Return what was gathered and told together, each with a message that lists it."""
        query = ListDigests(limit=turn.one_more, before=turn.after)
        found = turn.begun(await bus.ask(query, context), lambda one: one.digest)
        language = language_of(request)
        return tuple(
            DigestMessage(digest=one, message=digest_message(one, language)) for one in found
        )

    @routes.post("/notifications/read")
    async def read(body: ReadRequest, context: Asker) -> MarkedRead:
        """Note that these were read."""
        command = MarkNotificationsRead(notification_ids=body.notification_ids)
        marked: MarkedRead = await bus.send(command, context)
        return marked

    @routes.get("/notifications/wishes")
    async def wishes(context: Asker) -> WishesView:
        """Return how the asker wants to be told."""
        found: WishesView = await bus.ask(FindNotificationWishes(), context)
        return found

    @routes.post("/notifications/wishes")
    async def change(body: ChangeNotificationWishes, context: Asker) -> WishesView:
        """Say how the asker wants to be told."""
        changed: WishesView = await bus.send(body, context)
        return changed

    return routes
