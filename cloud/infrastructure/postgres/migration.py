"""Migrations run in code: alembic's `Config()` without a file."""

import asyncio

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, pool
from sqlalchemy.engine import make_url

from cloud.infrastructure.postgres.revision import MIGRATIONS


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def _upgrade(connection: Connection, revision: str) -> str:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    return MigrationContext.configure(connection).get_current_revision() or ""


def _run(owner_url: str, until: str) -> str:
    # psycopg comes with BullMQ's PostgreSQL backend; asyncpg refuses several statements at once.
    url = make_url(owner_url).set(drivername="postgresql+psycopg")
    engine = create_engine(url, poolclass=pool.NullPool)
    try:
        with engine.connect() as connection:
            # Two starters may migrate at once: the second waits and finds nothing to do.
            connection.exec_driver_sql("SELECT pg_advisory_lock(720001)")
            revision = _upgrade(connection, until)
            connection.commit()
            return revision
    finally:
        engine.dispose()


async def migrate(owner_url: str, until: str = "head") -> str:
    """Bring the database to the newest revision and return it; safe to call at every start."""
    return await asyncio.to_thread(_run, owner_url, until)
