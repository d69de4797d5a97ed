"""Migrations give one schema, from nothing as from every schema that was ever delivered."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres.migration import migrate
from cloud.infrastructure.postgres.revision import current_revision, head_revision
from tests.postgres import PostgresForTests
from tests.schema import KEPT, dump, load


@pytest.fixture
async def empty_database(postgres: PostgresForTests) -> AsyncIterator[DatabaseUrls]:
    """A database with nothing in it."""
    urls = await postgres.server.ensure_database("test_empty")
    yield urls
    await postgres.server.drop_database("test_empty")


def as_superuser(url: str) -> str:
    return url.replace("kyndof_owner@", "postgres@")


@pytest.mark.requirement("DBS")
@pytest.mark.parametrize("file", sorted(KEPT.glob("*.sql")), ids=lambda file: file.stem)
async def test_a_delivered_schema_migrates_to_the_same_as_an_empty_database(
    file: Path, database: DatabaseUrls, empty_database: DatabaseUrls
) -> None:
    load(as_superuser(empty_database.owner), file)
    assert await current_revision(empty_database.owner) == file.stem
    assert await migrate(empty_database.owner) == head_revision()
    delivered = dump(as_superuser(empty_database.owner))
    assert delivered == dump(as_superuser(database.owner))


@pytest.mark.requirement("DBS")
async def test_migrating_twice_changes_nothing(database: DatabaseUrls) -> None:
    before = dump(as_superuser(database.owner))
    assert await migrate(database.owner) == head_revision()
    assert dump(as_superuser(database.owner)) == before


@pytest.mark.requirement("DBS")
async def test_a_schema_is_kept_of_what_was_delivered_first() -> None:
    assert (KEPT / "0001.sql").exists()


@pytest.mark.requirement("DBS")
async def test_the_database_takes_no_schema_that_is_broken_half_way(
    empty_database: DatabaseUrls,
) -> None:
    """A migration is one transaction: what cannot be finished leaves nothing behind."""
    connection = await asyncpg.connect(empty_database.owner)
    try:
        await connection.execute("CREATE TABLE events (stranger int)")
        with pytest.raises(Exception, match="events"):
            await migrate(empty_database.owner)
        tables = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p')"
        )
    finally:
        await connection.close()
    assert {row["relname"] for row in tables} <= {"events", "alembic_version"}
