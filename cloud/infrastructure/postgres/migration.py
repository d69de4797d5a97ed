"""Migrations run in code: alembic's `Config()` without a file."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, pool
from sqlalchemy.engine import make_url

MIGRATIONS = Path(__file__).parents[2] / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def head_revision() -> str:
    """Return the newest revision in the package."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise FileNotFoundError(f"no migrations under {MIGRATIONS}")
    return head


def _upgrade(connection: Connection) -> str:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return MigrationContext.configure(connection).get_current_revision() or ""


def _run(owner_url: str) -> str:
    # psycopg comes with BullMQ's PostgreSQL backend; asyncpg refuses several statements at once.
    url = make_url(owner_url).set(drivername="postgresql+psycopg")
    engine = create_engine(url, poolclass=pool.NullPool)
    try:
        with engine.connect() as connection:
            # Two starters may migrate at once: the second waits and finds nothing to do.
            connection.exec_driver_sql("SELECT pg_advisory_lock(720001)")
            revision = _upgrade(connection)
            connection.commit()
            return revision
    finally:
        engine.dispose()


async def migrate(owner_url: str) -> str:
    """Bring the database to the newest revision and return it; safe to call at every start."""
    return await asyncio.to_thread(_run, owner_url)
