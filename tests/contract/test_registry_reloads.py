"""Registry files change while everything runs, seen by two registries on one database."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from cloud.commands.errors import ForbiddenError
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres.registry_store import PostgresRegistryStore
from cloud.infrastructure.postgres.registry_watch import RegistryWatch
from cloud.infrastructure.registry_files.org_registry import OrgRegistry, RegistryRefusedError
from cloud.infrastructure.registry_files.plugin_files import PluginFiles, check_plugin_files
from tests.fakes.core import DEMO, context_of
from tests.fakes.office import (
    BUYER,
    OFFICE,
    BuyCloth,
    Office,
    found_office,
    office_over,
    write_registry,
)

SKILL = """\
type: skill
name: {name}
version: 1.0.0
category: skill
enabled: {enabled}
config: {{instructions: sew well}}
"""


def write_skill(folder: Path, name: str, *, enabled: str = "true") -> Path:
    (folder / "skills").mkdir(exist_ok=True)
    file = folder / "skills" / f"{name}.yml"
    file.write_text(SKILL.format(name=name, enabled=enabled), encoding="utf-8")
    return file


def copy_schemas(folder: Path) -> None:
    (folder / "schemas").mkdir(exist_ok=True)
    for schema in Path("registry/schemas").glob("*.json"):
        (folder / "schemas" / schema.name).write_bytes(schema.read_bytes())


@pytest.fixture
async def office(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[Office]:
    write_registry(tmp_path)
    copy_schemas(tmp_path)
    await found_office(database.owner)
    async with office_over(database.app, tmp_path) as opened:
        yield opened


async def plugins_of(office: Office, folder: Path) -> PluginFiles:
    plugins = PluginFiles(folder, PostgresRegistryStore(office.core.pool))
    await plugins.start()
    return plugins


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110  a folder tells nobody
            await asyncio.sleep(0.02)


@pytest.mark.requirement("REG")
async def test_a_hundred_reloads_under_load_lose_no_request(office: Office, tmp_path: Path) -> None:
    file, done, stopped = tmp_path / "org" / "office.yml", 0, False

    async def load() -> None:
        nonlocal done
        while not stopped:
            await office.bus.send(BuyCloth(amount_krw=1), context_of(BUYER))
            done += 1

    workers = [asyncio.create_task(load()) for _ in range(3)]
    versions = set()
    for number in range(100):
        text = OFFICE.replace("amount_krw, above: 100000", f"amount_krw, above: {number + 1}")
        file.write_text("roles: [" if number % 10 == 9 else text, encoding="utf-8")
        await office.registry.look()
        versions.add(office.registry.version(DEMO))
        await asyncio.sleep(0)
    stopped = True
    await asyncio.gather(*workers)
    assert len(versions) == 90
    assert done > 0
    assert len(await office.traded()) == done


@pytest.mark.requirement("REG")
async def test_one_process_hears_what_another_noticed(
    office: Office, database: DatabaseUrls, tmp_path: Path
) -> None:
    """The second never looks by itself within this test: only the notification can wake it."""
    other = OrgRegistry(tmp_path, PostgresRegistryStore(office.core.pool))
    await other.start()
    first = RegistryWatch(office.core.pool, database.app, [office.registry.look], poll_s=0.05)
    looked = 0

    async def look() -> bool:
        nonlocal looked
        looked += 1
        return await other.look()

    second = RegistryWatch(office.core.pool, database.app, [look], poll_s=3600)
    tasks = [asyncio.create_task(watch.run()) for watch in (second, first)]
    try:
        # Its first look comes when it has begun to listen.
        await until(lambda: looked > 0)
        (tmp_path / "org" / "office.yml").unlink()
        await until(lambda: other.matrix(DEMO, "office") is None)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    with pytest.raises(ForbiddenError, match="no valid matrix"):
        await office.bus.send(BuyCloth(amount_krw=1), context_of(BUYER))


@pytest.mark.requirement("REG")
async def test_a_plugin_is_disabled_broken_and_removed_live(office: Office, tmp_path: Path) -> None:
    file = write_skill(tmp_path, "pressing")
    plugins = await plugins_of(office, tmp_path)
    assert [one.name for one in plugins.enabled("skill")] == ["pressing"]
    file.write_text(SKILL.format(name="pressing", enabled="perhaps"), encoding="utf-8")
    await plugins.look()
    assert [one.name for one in plugins.enabled()] == ["pressing"]
    (problem,) = plugins.problems()
    assert (problem.file, problem.line, problem.serving) == ("skills/pressing.yml", 5, "last_good")
    assert "perhaps" in problem.reason
    again = await plugins_of(office, tmp_path)
    assert again.config("skill", "pressing") == {"instructions": "sew well"}
    write_skill(tmp_path, "pressing", enabled="false")
    assert await plugins.look()
    assert plugins.enabled() == ()
    write_skill(tmp_path, "pressing")
    await plugins.look()
    file.unlink()
    assert await plugins.look()
    assert (plugins.enabled(), plugins.problems()) == ((), ())


@pytest.mark.requirement("REG")
async def test_the_first_start_refuses_a_plugin_that_was_never_good(
    office: Office, tmp_path: Path
) -> None:
    write_skill(tmp_path, "pressing", enabled="perhaps")
    with pytest.raises(RegistryRefusedError, match=r"skills/pressing\.yml:5: .*perhaps"):
        await plugins_of(office, tmp_path)


@pytest.mark.requirement("REG")
def test_the_check_names_a_skill_that_is_not_there(tmp_path: Path) -> None:
    read, findings = check_plugin_files(Path("registry"))
    assert (len(read) >= 3, findings) == (True, ())
    copy_schemas(tmp_path)
    (tmp_path / "agents").mkdir()
    agent = Path("registry/agents/brand-agent.yml").read_bytes()
    (tmp_path / "agents" / "brand-agent.yml").write_bytes(agent)
    _, findings = check_plugin_files(tmp_path)
    assert len(findings) == 2
    assert "content-creation" in findings[0]
