"""One step of a held command in a process of its own, which may kill itself at a boundary.

``python -m tests.simulators.office_process URL FOLDER STEP BOUNDARY``; steps in their order are
``ask``, ``approve``, ``advise``, ``fire``; boundaries are ``inside`` (the act has run in the open
transaction), ``written`` (everything is written, not committed), ``committed`` (nobody has heard of
it yet) and ``none``. The last line of its output is the step's answer.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from cloud.commands.errors import ApprovalPendingError, CommandError
from cloud.infrastructure.postgres.unit_of_work import PostgresUnitOfWork
from cloud.permissions.commands import ApproveRequest, GiveAdvice
from cloud.permissions.queries import ListOwnRequests
from tests.fakes.core import context_of
from tests.fakes.office import (
    BUYER,
    LEAD,
    TAILOR,
    BuyCloth,
    CutPrice,
    Office,
    office_over,
)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(boundary: str) -> None:
    """Arrange the death; `committed` is up to the caller."""
    flush, record = PostgresUnitOfWork.flush, PostgresUnitOfWork.record

    async def written(unit: PostgresUnitOfWork) -> None:
        await flush(unit)
        die()

    def inside(unit: PostgresUnitOfWork, event: object) -> None:
        record(unit, event)
        die()

    if boundary == "written":
        PostgresUnitOfWork.flush = written
    if boundary == "inside":
        PostgresUnitOfWork.record = inside


async def requested(office: Office) -> str:
    (own,) = await office.bus.ask(ListOwnRequests(), context_of(BUYER))
    return str(own.approval_id)


async def walk(office: Office, step: str) -> str:
    if step in {"ask", "consult"}:
        wanted = BuyCloth(amount_krw=200_000) if step == "ask" else CutPrice(amount_krw=7)
        try:
            await office.bus.send(wanted, context_of(BUYER, idempotency_key="ask"))
        except ApprovalPendingError as waiting:
            return str(waiting.details["approval_id"])
        return "not held"
    if step == "approve":
        click = ApproveRequest(approval_id=await requested(office))
        return str((await office.bus.send(click, context_of(LEAD))).state)
    if step == "advise":
        advice = GiveAdvice(approval_id=await requested(office), advice="네")
        await office.bus.send(advice, context_of(TAILOR))
        return "advised"
    return str(await office.timers.look())


async def main(url: str, folder: str, step: str, boundary: str) -> None:
    async with office_over(url, Path(folder)) as office:
        kill_at(boundary)
        try:
            answer = await walk(office, step)
        except CommandError as error:
            answer = error.code
        if boundary == "committed":
            die()
        print(answer, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
