"""A process that is killed at any persisted boundary leaves a command that is executed once."""

import asyncio
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from cloud.commands.errors import CommandError
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from tests.fakes.office import found_office, office_over, write_registry
from tests.simulators.office_process import walk

APPROVED, ADVISED = ("ask", "approve"), ("consult", "advise", "fire")
BOUNDARIES = ("inside", "written", "committed")
MATRIX = [
    (steps, step, boundary)
    for steps in (APPROVED, ADVISED)
    for step in steps
    for boundary in BOUNDARIES
]


async def walked(database: DatabaseUrls, folder: Path, step: str, boundary: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.simulators.office_process",
        database.app, str(folder), step, boundary,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode().strip()


async def executed_once(
    database: DatabaseUrls, folder: Path, steps: tuple[str, ...], killed: str, boundary: str
) -> None:
    write_registry(folder)
    await found_office(database.owner)
    for step in steps:
        if step == killed:
            code, _ = await walked(database, folder, step, boundary)
            assert code == -signal.SIGKILL
        code, answer = await walked(database, folder, step, "none")
        assert code == 0, answer
    async with office_over(database.app, folder) as office:
        # Whoever comes again, on any way, finds it done.
        for step in steps:
            with suppress(CommandError):
                await walk(office, step)
        assert len(await office.traded()) == 1
        (approval,) = await office.rows("SELECT state FROM approvals")
        assert approval["state"] == "executed"
        (audited,) = await office.rows(
            "SELECT count(*) AS number FROM audit_log"
            " WHERE action IN ('buy_cloth', 'cut_price') AND outcome = 'done'"
        )
        assert audited["number"] == 1


@pytest.mark.requirement("APR", "AUD")
async def test_a_kill_in_the_middle_of_an_approval_executes_once(
    database: DatabaseUrls, tmp_path: Path
) -> None:
    await executed_once(database, tmp_path, APPROVED, "approve", "written")


@pytest.mark.faults
@pytest.mark.requirement("APR", "AUD")
@pytest.mark.parametrize(("steps", "killed", "boundary"), MATRIX)
async def test_a_kill_at_every_boundary_executes_once(
    database: DatabaseUrls,
    tmp_path: Path,
    steps: tuple[str, ...],
    killed: str,
    boundary: str,
) -> None:
    await executed_once(database, tmp_path, steps, killed, boundary)
