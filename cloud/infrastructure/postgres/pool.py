"""The application's connections: a role that row-level security binds, or no start."""

import asyncpg

_WHO = """
SELECT current_user AS role, r.rolsuper, r.rolbypassrls,
       EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid
               AND c.relnamespace = 'public'::regnamespace) AS owns
FROM pg_roles r WHERE r.rolname = current_user
"""
_PATIENCE_S = 30.0
DATABASE_AWAY = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # What the driver says of itself when the server dies in the middle of an answer.
    asyncpg.InternalClientError,
)
"""Whatever a question to a database that has just died, or is not there, may raise."""


class DatabaseRoleError(Exception):
    """The database URL names a role that row-level security does not bind."""


class DatabaseAwayError(Exception):
    """No database answers at the URL that is set."""


class PlainConnection(asyncpg.Connection):
    """A connection whose return to the pool needs no round trip.

    Nothing outlives a transaction here: the organization is set locally, no session setting,
    lock, cursor or LISTEN is used on pooled connections.
    """

    def get_reset_query(self) -> str:
        """Return nothing to run."""
        return ""


async def open_pool(url: str, *, largest_count: int = 20) -> asyncpg.Pool:
    """Open the pool and make sure that its role is bound by row-level security.

    Raises:
        DatabaseAwayError: no database answers there.
        DatabaseRoleError: the role is a superuser, has BYPASSRLS or owns tables.
    """
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=largest_count,
            command_timeout=_PATIENCE_S,
            connection_class=PlainConnection,
            server_settings={"application_name": "kyndof", "timezone": "UTC"},
        )
    except DATABASE_AWAY as error:
        raise DatabaseAwayError(
            f"no database answers ({error}); start everything with `make up`, or look at "
            "KYNDOF_DATABASE_URL"
        ) from error
    try:
        await _refuse_strong_role(pool)
    except BaseException:
        await pool.close()
        raise
    return pool


async def _refuse_strong_role(pool: asyncpg.Pool) -> None:
    who = await pool.fetchrow(_WHO)
    if who is None or who["rolsuper"] or who["rolbypassrls"] or who["owns"]:
        role = "unknown" if who is None else who["role"]
        raise DatabaseRoleError(
            f"KYNDOF_DATABASE_URL signs in as {role}, which sees every organization; "
            "use a role without SUPERUSER and BYPASSRLS that owns no table, such as kyndof_app"
        )
