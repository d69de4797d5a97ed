"""Notifications and how persons want to be told."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import asyncpg

from cloud.notifications.notification import Channel, Wishes
from cloud.notifications.ports import NewNotification, NotificationStore
from cloud.notifications.queries import (
    DigestView,
    KindCount,
    ListDigests,
    ListNotifications,
    NotificationPage,
    NotificationView,
)

# Two that tell the same person wait for each other; else both could be the first to say a thing.
HOLD = """
SELECT pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 8)) FROM persons
WHERE organization_id = $1 AND login = $2 AND active"""
WISHES = """
SELECT channels, muted_letters, quiet_from, quiet_until, time_zone, digest_min
FROM notification_wishes WHERE organization_id = $1 AND login = $2"""
KEEP_WISHES = """
INSERT INTO notification_wishes (organization_id, login, channels, muted_letters, quiet_from,
                                 quiet_until, time_zone, digest_min, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (organization_id, login) DO UPDATE
  SET channels = excluded.channels, muted_letters = excluded.muted_letters,
      quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until,
      time_zone = excluded.time_zone, digest_min = excluded.digest_min,
      changed_at = excluded.changed_at"""
REPEAT = """
UPDATE notifications SET repeats = repeats + 1
WHERE organization_id = $1 AND notification_id = (
  SELECT notification_id FROM notifications
  WHERE organization_id = $1 AND login = $2 AND kind = $3 AND subject = $4 AND details = $5::jsonb
    AND occurred_at > $6
  ORDER BY occurred_at DESC LIMIT 1)
RETURNING true"""
ADD = """
INSERT INTO notifications (organization_id, notification_id, event_id, login, kind, letter, subject,
                           details, occurred_at, told_at, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10, $11)"""
PAGE = """
SELECT notification_id, kind, letter, subject, details, repeats, occurred_at, told_at, read_at,
       digest
FROM notifications
WHERE organization_id = $1 AND login = $2 AND told_at <= $3 AND (NOT $5 OR read_at IS NULL)
  AND ($6 = '' OR (told_at, notification_id) < (
    SELECT told_at, notification_id FROM notifications
    WHERE organization_id = $1 AND login = $2 AND notification_id = $6))
ORDER BY told_at DESC, notification_id DESC LIMIT $4"""
UNREAD = """
SELECT count(*) FROM notifications
WHERE organization_id = $1 AND login = $2 AND told_at <= $3 AND read_at IS NULL"""
# A repeat was said too: it counts.
DIGESTS = """
WITH newest AS (
  SELECT digest, max(told_at) AS told_at FROM notifications
  WHERE organization_id = $1 AND login = $2 AND told_at <= $3 AND digest <> ''
  GROUP BY digest
  HAVING $5 = '' OR (max(told_at), digest) < (
    SELECT max(told_at), $5 FROM notifications
    WHERE organization_id = $1 AND login = $2 AND told_at <= $3 AND digest = $5)
  ORDER BY 2 DESC, 1 DESC LIMIT $4)
SELECT n.digest, d.told_at, n.kind, sum(1 + n.repeats)::bigint AS count,
       count(*) FILTER (WHERE n.read_at IS NULL) AS unread
FROM notifications n JOIN newest d USING (digest)
WHERE n.organization_id = $1 AND n.login = $2 AND n.told_at <= $3
GROUP BY 1, 2, 3 ORDER BY d.told_at DESC, n.digest DESC, count DESC, n.kind"""
NEWEST = """
SELECT notification_id, kind, letter, subject, details, repeats, occurred_at, told_at, read_at,
       digest
FROM (SELECT *, row_number() OVER (PARTITION BY digest
                                   ORDER BY occurred_at DESC, notification_id DESC) AS place
      FROM notifications
      WHERE organization_id = $1 AND login = $2 AND told_at <= $3 AND digest = ANY ($4::text[])) n
WHERE place <= $5 ORDER BY occurred_at DESC, notification_id DESC"""
MARK_READ = """
UPDATE notifications SET read_at = $4
WHERE organization_id = $1 AND login = $2 AND read_at IS NULL AND told_at <= $4
  AND (cardinality($3::text[]) = 0 OR notification_id = ANY ($3))"""


def _view(row: Any) -> NotificationView:  # noqa: ANN401  a record of the driver
    return NotificationView(**{**row, "details": json.loads(row["details"])})


def _digest(kinds: list[Any], newest: list[Any]) -> DigestView:
    return DigestView(
        digest=kinds[0]["digest"],
        told_at=kinds[0]["told_at"],
        count=sum(row["count"] for row in kinds),
        unread=sum(row["unread"] for row in kinds),
        kinds=tuple(KindCount(kind=row["kind"], count=row["count"]) for row in kinds),
        newest=tuple(_view(row) for row in newest),
    )


class PostgresNotificationStore:
    """Notifications of one organization, in one transaction."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def hold(self, login: str) -> bool:
        """Let nobody else tell this person until the end of the transaction."""
        rows = await self._connection.fetch(HOLD, self._organization_id, login)
        return bool(rows)

    async def wishes(self, login: str) -> Wishes:
        """Return a person's wishes; the usual ones when none were said."""
        row = await self._connection.fetchrow(WISHES, self._organization_id, login)
        if row is None:
            return Wishes()
        return Wishes(
            channels=tuple(Channel(name) for name in row["channels"]),
            muted_letters=tuple(row["muted_letters"]),
            quiet_from=row["quiet_from"],
            quiet_until=row["quiet_until"],
            time_zone=row["time_zone"],
            digest_min=row["digest_min"],
        )

    async def keep_wishes(self, login: str, wishes: Wishes, at: datetime) -> None:
        """Store a person's wishes."""
        await self._connection.execute(
            KEEP_WISHES, self._organization_id, login,
            [channel.value for channel in wishes.channels], list(wishes.muted_letters),
            wishes.quiet_from, wishes.quiet_until, wishes.time_zone, wishes.digest_min, at,
        )  # fmt: skip

    async def repeat(self, new: NewNotification, since: datetime) -> bool:
        """Count the same thing told since then once more; False when it was not told."""
        return bool(
            await self._connection.fetchval(
                REPEAT, self._organization_id, new.login, new.kind, new.subject,
                json.dumps(new.details), since,
            )
        )  # fmt: skip

    async def add(self, new: NewNotification) -> None:
        """Store what is told."""
        await self._connection.execute(
            ADD, self._organization_id, new.notification_id, new.event_id, new.login, new.kind,
            new.letter, new.subject, json.dumps(new.details), new.occurred_at, new.told_at,
            new.digest,
        )  # fmt: skip

    async def page(self, login: str, now: datetime, asked: ListNotifications) -> NotificationPage:
        """Return what a person was told until ``now``, newest first."""
        rows = await self._connection.fetch(
            PAGE,
            self._organization_id,
            login,
            now,
            asked.limit,
            asked.unread_only,
            asked.before,
        )
        unread = await self._connection.fetchval(UNREAD, self._organization_id, login, now)
        return NotificationPage(notifications=tuple(_view(row) for row in rows), unread=int(unread))

    async def digests(
        self, login: str, now: datetime, asked: ListDigests, newest_count: int
    ) -> tuple[DigestView, ...]:
        """Return what was gathered and told until ``now``, newest first."""
        rows = await self._connection.fetch(
            DIGESTS, self._organization_id, login, now, asked.limit, asked.before
        )
        names = list(dict.fromkeys(row["digest"] for row in rows))
        newest = await self._connection.fetch(
            NEWEST, self._organization_id, login, now, names, newest_count
        )
        return tuple(
            _digest(
                [row for row in rows if row["digest"] == name],
                [row for row in newest if row["digest"] == name],
            )
            for name in names
        )

    async def mark_read(self, login: str, ids: tuple[str, ...], now: datetime) -> int:
        """Mark these, or all that were told, and return how many were unread."""
        status = await self._connection.execute(
            MARK_READ, self._organization_id, login, list(ids), now
        )
        return int(status.rsplit(" ", 1)[-1])


STORES: dict[type, Callable[[asyncpg.Connection, str], object]] = {
    NotificationStore: PostgresNotificationStore
}
