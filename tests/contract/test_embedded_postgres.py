"""The embedded PostgreSQL and its migrations."""

import os
import signal
from pathlib import Path

import asyncpg
import pytest

from cloud.infrastructure.embedded.postgres import (
    DatabaseUrls,
    EmbeddedPostgres,
    EmbeddedPostgresError,
)
from cloud.infrastructure.postgres.revision import current_revision, head_revision


@pytest.mark.requirement("DBS")
async def test_the_application_role_is_bound_by_row_level_security(database: DatabaseUrls) -> None:
    connection = await asyncpg.connect(database.app)
    try:
        bypass = await connection.fetchrow(
            "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        assert bypass is not None
        assert not bypass["rolsuper"]
        assert not bypass["rolbypassrls"]
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("CREATE TABLE public.mine (id int)")
    finally:
        await connection.close()


@pytest.mark.requirement("DBS")
async def test_every_table_of_an_organization_forces_row_level_security(
    database: DatabaseUrls,
) -> None:
    connection = await asyncpg.connect(database.owner)
    try:
        rows = await connection.fetch(
            """SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS guarded,
                 EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid
                         AND a.attname = 'organization_id') AS owned
               FROM pg_class c WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
                 AND c.relnamespace = 'public'::regnamespace"""
        )
    finally:
        await connection.close()
    unguarded = {row["relname"] for row in rows if not row["guarded"]}
    assert unguarded == {"organizations", "alembic_version"}
    assert {row["relname"] for row in rows if not row["owned"]} == {"alembic_version"}


@pytest.mark.requirement("DEP")
async def test_a_server_that_ends_at_its_start_says_why(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "data", durable=False)
    await server.start()
    await server.stop()
    (tmp_path / "data" / "postgresql.auto.conf").write_text("nonsense = 1\n")
    with pytest.raises(EmbeddedPostgresError, match="nonsense"):
        await EmbeddedPostgres(tmp_path / "data", durable=False).start()


@pytest.mark.requirement("DEP")
async def test_a_server_left_by_a_killed_starter_is_ended_and_its_data_kept(tmp_path: Path) -> None:
    first = EmbeddedPostgres(tmp_path / "a folder" / "postgres", durable=False)
    await first.start()
    await first.ensure_database("kept")
    # The starter dies without stopping its server; a new one comes for the same folder.
    second = EmbeddedPostgres(tmp_path / "a folder" / "postgres", durable=False)
    await second.start()
    try:
        connection = await asyncpg.connect(second.url("kyndof_owner", "kept"))
        await connection.close()
    finally:
        await second.stop()
        await first.stop()


@pytest.mark.requirement("DEP")
async def test_a_stale_pid_of_a_stranger_is_left_alone(tmp_path: Path) -> None:
    first = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    await first.start()
    os.kill(first.pid, signal.SIGKILL)
    await first.stop()
    stale = (tmp_path / "postgres" / "postmaster.pid").read_text().splitlines()
    stale[0] = str(os.getpid())
    (tmp_path / "postgres" / "postmaster.pid").write_text("\n".join(stale) + "\n")
    second = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    await second.start()
    await second.stop()


@pytest.mark.requirement("DBS")
async def test_the_revision_by_file_name_is_the_one_that_alembic_reaches(
    database: DatabaseUrls,
) -> None:
    assert await current_revision(database.owner) == head_revision()
