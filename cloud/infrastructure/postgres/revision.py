"""Which revision a database is at, and which one the program brings; without loading alembic."""

from pathlib import Path

import asyncpg

MIGRATIONS = Path(__file__).parents[2] / "migrations"


def head_revision() -> str:
    """Return the newest revision in the package: files are named ``NNNN_what_it_does.py``."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


async def current_revision(owner_url: str) -> str:
    """Return the database's revision; empty before the first migration."""
    connection = await asyncpg.connect(owner_url)
    try:
        if not await connection.fetchval("SELECT to_regclass('public.alembic_version')"):
            return ""
        return str(await connection.fetchval("SELECT version_num FROM alembic_version") or "")
    finally:
        await connection.close()
