"""Telling persons, as they wish and once."""

from dataclasses import fields, replace

from cloud.commands.command import Command, Query
from cloud.commands.errors import PayloadInvalidError
from cloud.commands.ports import Handler, UnitOfWork
from cloud.notifications.commands import (
    ChangeNotificationWishes,
    MarkNotificationsRead,
    RaiseNotifications,
)
from cloud.notifications.errors import ChannelNotConfiguredError, NotificationWishesInvalidError
from cloud.notifications.events import NotificationRaised, NotificationWishesChanged
from cloud.notifications.notification import (
    DEDUPE_FOR,
    Wishes,
    is_muted,
    told_at,
    wishes_problem,
)
from cloud.notifications.ports import Channels, NewNotification, NotificationStore
from cloud.notifications.queries import (
    DigestView,
    FindNotificationWishes,
    ListDigests,
    ListNotifications,
    MarkedRead,
    NotificationPage,
    Raised,
    WishesView,
)

# One more than the largest page of an interface, which so knows whether there is a next one.
_LARGEST_PAGE_COUNT = 501
_LARGEST_MARKED_COUNT = 500
_LARGEST_DIGESTS_COUNT = 50
_NAMED_COUNT = 3


async def raise_notifications(command: RaiseNotifications, unit: UnitOfWork) -> Raised:
    """Tell each person once; a muted letter, and a person who is gone, are passed over."""
    told = repeated = muted = 0
    store, now = unit.store(NotificationStore), unit.clock.now()
    for login in sorted(set(command.logins)):
        if not await store.hold(login):
            continue
        wishes = await store.wishes(login)
        if is_muted(command.letter, wishes):
            muted += 1
            continue
        due = told_at(now, wishes)
        new = NewNotification(
            notification_id=unit.ids.new("ntf"),
            event_id=command.event_id,
            login=login,
            kind=command.kind,
            letter=command.letter,
            subject=command.subject,
            details=command.details,
            occurred_at=now,
            told_at=due,
            digest=due.isoformat() if wishes.digest_min else "",
        )
        if await store.repeat(new, now - DEDUPE_FOR):
            repeated += 1
            continue
        await store.add(new)
        unit.record(
            NotificationRaised(notification_id=new.notification_id, login=login, told_at=due)
        )
        told += 1
    return Raised(told=told, repeated=repeated, muted=muted)


async def change_notification_wishes(
    command: ChangeNotificationWishes, unit: UnitOfWork
) -> WishesView:
    """Keep the asker's wishes; raises NotificationWishesInvalidError, ChannelNotConfiguredError."""
    wishes = Wishes(**{field.name: getattr(command, field.name) for field in fields(Wishes)})
    problem = wishes_problem(wishes)
    if problem:
        raise NotificationWishesInvalidError(problem)
    for channel in wishes.channels:
        setting = unit.store(Channels).missing_setting(channel)
        if setting:
            raise ChannelNotConfiguredError(
                f"nothing can be sent by {channel.value}: set {setting}",
                channel=channel.value,
                setting=setting,
            )
    user = unit.context.user
    await unit.store(NotificationStore).keep_wishes(user, wishes, unit.clock.now())
    unit.record(NotificationWishesChanged(login=user))
    return _view(wishes)


async def mark_notifications_read(command: MarkNotificationsRead, unit: UnitOfWork) -> MarkedRead:
    """Mark the asker's own; another's are passed over. Raises PayloadInvalidError."""
    if len(command.notification_ids) > _LARGEST_MARKED_COUNT:
        raise PayloadInvalidError(
            f"at most {_LARGEST_MARKED_COUNT} at a time", field="notification_ids"
        )
    count = await unit.store(NotificationStore).mark_read(
        unit.context.user, command.notification_ids, unit.clock.now()
    )
    return MarkedRead(count=count)


async def list_notifications(query: ListNotifications, unit: UnitOfWork) -> NotificationPage:
    """Return what the asker was told; raises PayloadInvalidError."""
    if not 1 <= query.limit <= _LARGEST_PAGE_COUNT:
        raise PayloadInvalidError(f"a page has 1 to {_LARGEST_PAGE_COUNT} rows", field="limit")
    store, user, now = unit.store(NotificationStore), unit.context.user, unit.clock.now()
    page = await store.page(user, now, query)
    came = {told.digest for told in page.notifications if told.digest}
    if not came:
        return page
    digests = await store.digests(
        user, now, ListDigests(limit=_LARGEST_DIGESTS_COUNT), _NAMED_COUNT
    )
    return replace(page, digests=tuple(one for one in digests if one.digest in came))


async def list_digests(query: ListDigests, unit: UnitOfWork) -> tuple[DigestView, ...]:
    """Return what was gathered for the asker; raises PayloadInvalidError."""
    if not 1 <= query.limit <= _LARGEST_PAGE_COUNT:
        raise PayloadInvalidError(f"a page has 1 to {_LARGEST_PAGE_COUNT} rows", field="limit")
    return await unit.store(NotificationStore).digests(
        unit.context.user, unit.clock.now(), query, _NAMED_COUNT
    )


async def find_notification_wishes(query: FindNotificationWishes, unit: UnitOfWork) -> WishesView:
    """Return the asker's wishes."""
    return _view(await unit.store(NotificationStore).wishes(unit.context.user))


def _view(wishes: Wishes) -> WishesView:
    return WishesView(
        channels=tuple(channel.value for channel in wishes.channels),
        muted_letters=wishes.muted_letters,
        quiet_from=wishes.quiet_from,
        quiet_until=wishes.quiet_until,
        time_zone=wishes.time_zone,
        digest_min=wishes.digest_min,
    )


COMMANDS: dict[type[Command], Handler] = {
    RaiseNotifications: raise_notifications,
    ChangeNotificationWishes: change_notification_wishes,
    MarkNotificationsRead: mark_notifications_read,
}
QUERIES: dict[type[Query], Handler] = {
    ListNotifications: list_notifications,
    ListDigests: list_digests,
    FindNotificationWishes: find_notification_wishes,
}
