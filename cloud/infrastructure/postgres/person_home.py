"""Moves a person's home, and with it the password, when the membership there ends.

A password belongs to the person: it is kept by one of the organizations the person is in, and
goes on to another when that one lets the person go. It is the one act that writes in several
organizations, each under its own row-level security, in one transaction.
"""

import asyncpg

_SET_ORGANIZATION = "SELECT set_config('kyndof.organization', $1, true)"
_TAKE = """
DELETE FROM passwords WHERE organization_id = $1 AND user_id = $2 RETURNING hash, changed_at"""
_CLOSE_LINKS = """
UPDATE password_links SET used_at = now()
WHERE organization_id = $1 AND user_id = $2 AND used_at IS NULL"""
# Somebody who is let go here at this moment is not at home here.
_BECOME_HOME = """
UPDATE persons SET home_organization_id = NULL
WHERE organization_id = $1 AND user_id = $2 AND active RETURNING true"""
_KEEP = """
INSERT INTO passwords (organization_id, user_id, hash, changed_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (organization_id, user_id)
DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at"""
_POINT_TO_HOME = """
UPDATE persons SET home_organization_id = $3 WHERE organization_id = $1 AND user_id = $2"""


async def move_home(connection: asyncpg.Connection, organization_id: str, user_id: str) -> None:
    """Let another organization of the person keep the password; nothing when there is none."""
    rows = await connection.fetch("SELECT organization_id FROM lookup_memberships($1)", user_id)
    others = [row[0] for row in rows if row[0] != organization_id]
    try:
        home = await _new_home(connection, others, user_id)
        if home is None:
            return
        await connection.execute(_SET_ORGANIZATION, organization_id)
        password = await connection.fetchrow(_TAKE, organization_id, user_id)
        await connection.execute(_CLOSE_LINKS, organization_id, user_id)
        if password is not None:
            await connection.execute(_SET_ORGANIZATION, home)
            await connection.execute(_KEEP, home, user_id, password["hash"], password["changed_at"])
        for other in (organization_id, *(one for one in others if one != home)):
            await connection.execute(_SET_ORGANIZATION, other)
            await connection.execute(_POINT_TO_HOME, other, user_id, home)
    finally:
        if not connection.is_closed():
            await connection.execute(_SET_ORGANIZATION, organization_id)


async def _new_home(connection: asyncpg.Connection, others: list[str], user_id: str) -> str | None:
    for other in others:
        await connection.execute(_SET_ORGANIZATION, other)
        if await connection.fetchval(_BECOME_HOME, other, user_id):
            return other
    return None
