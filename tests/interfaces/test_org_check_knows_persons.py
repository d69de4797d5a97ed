"""`kyndof org check` and the running registry compare holders with the organizations' members."""

import asyncio
import shutil
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from cloud.composition.doors import terminal_doors
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres.demo_organizations import load_demo_organizations
from cloud.infrastructure.postgres.pool import open_pool
from cloud.infrastructure.postgres.registry_store import PostgresRegistryStore
from cloud.infrastructure.registry_files.org_registry import OrgRegistry
from cloud.interfaces.terminal.app import build_terminal
from cloud.interfaces.terminal.words import say
from tests.fakes.core import DEMO

REGISTRY = Path(__file__).parents[2] / "registry"


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    copied = tmp_path / "registry"
    shutil.copytree(REGISTRY, copied)
    monkeypatch.setenv("KYNDOF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KYNDOF_REGISTRY", str(copied))
    monkeypatch.delenv("KYNDOF_DATABASE_URL", raising=False)
    return copied


async def kyndof(*arguments: str) -> Result:
    # The command line has an event loop of its own.
    terminal = build_terminal(terminal_doors())
    return await asyncio.to_thread(CliRunner().invoke, terminal, list(arguments))


async def with_demo(database: DatabaseUrls) -> None:
    pool = await open_pool(database.app, largest_count=2)
    await load_demo_organizations(pool)
    await pool.close()


def name_a_stranger(folder: Path) -> None:
    file = folder / "org" / "jobs.yml"
    text = file.read_text(encoding="utf-8")
    changed = text.replace("owner@demo.example", "stranger@demo.example", 1)
    assert changed != text
    file.write_text(changed, encoding="utf-8")


@pytest.mark.requirement("RAB", "TER")
async def test_a_holder_who_is_no_member_is_found_where_a_database_is_known(
    database: DatabaseUrls, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = await kyndof("org", "check", "--database", database.app)
    assert empty.exit_code == 0
    assert say("HOLDERS_NO_ORGANIZATION") in empty.stdout
    await with_demo(database)
    whole = await kyndof("org", "check", "--database", database.app)
    assert whole.exit_code == 0
    assert say("HOLDERS_COMPARED", organizations=2, persons=8) in whole.stdout
    name_a_stranger(folder)
    blind = await kyndof("org", "check")
    assert (blind.exit_code, say("HOLDERS_NO_DATABASE") in blind.stdout) == (0, True)
    for arguments in (("org", "check"), ("registry", "check")):
        told = await kyndof(*arguments, "--database", database.app)
        assert told.exit_code == 1
        assert "jobs.yml" in told.stderr
        assert "PERSON_UNKNOWN" in told.stderr
        assert "stranger@demo.example" in told.stderr
    monkeypatch.setenv("KYNDOF_DATABASE_URL", database.app)
    configured = await kyndof("org", "check")
    assert (configured.exit_code, "PERSON_UNKNOWN" in configured.stderr) == (1, True)


@pytest.mark.requirement("RAB", "TER")
async def test_a_database_that_was_named_and_is_away_is_no_clean_check(folder: Path) -> None:
    told = await kyndof("org", "check", "--database", "postgresql://nobody@127.0.0.1:1/none")
    assert told.exit_code == 1
    assert "no database answers" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.requirement("RAB", "REG")
async def test_a_reload_with_a_stranger_keeps_the_last_good_matrix_and_says_why(
    database: DatabaseUrls, folder: Path
) -> None:
    pool = await open_pool(database.app, largest_count=2)
    try:
        await load_demo_organizations(pool)
        registry = OrgRegistry(folder, PostgresRegistryStore(pool))
        await registry.start()
        before = registry.matrix(DEMO, "jobs")
        name_a_stranger(folder)
        await registry.look()
        (problem,) = registry.problems(DEMO)
        assert (problem.code, problem.serving) == ("PERSON_UNKNOWN", "last_good")
        assert "stranger@demo.example" in problem.reason
        assert registry.matrix(DEMO, "jobs") == before
        # The person comes, and the file is right without being touched again.
        connection = await asyncpg.connect(database.owner)
        try:
            await connection.execute("SELECT set_config('kyndof.organization', $1, false)", DEMO)
            await connection.execute(
                "UPDATE persons SET login = 'stranger@demo.example'"
                " WHERE login = 'designer@demo.example'"
            )
        finally:
            await connection.close()
        await registry.look()
        assert {one.code for one in registry.problems(DEMO)} <= {"PERSON_UNKNOWN"}
        assert "org/jobs.yml" not in {one.file for one in registry.problems(DEMO)}
        assert registry.matrix(DEMO, "jobs") != before
    finally:
        await pool.close()
