"""Processes that are killed in the middle: one acts, one hears, one rotates keys.

``python -m tests.fakes.bell_ringer act|hear URL …`` prints a line for each thing that it was told
is done, so that whoever kills it knows what must be there afterwards.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cloud.commands.command import Command
from cloud.commands.ports import UnitOfWork
from cloud.credentials import handlers as credentials
from cloud.credentials.commands import ReencryptCredentials
from cloud.credentials.ports import SealedElsewhere, Sealer
from cloud.events.event import DomainEvent, RecordedEvent
from cloud.infrastructure.postgres.credential_store import STORES as CREDENTIAL_STORES
from cloud.infrastructure.postgres.outbox_relay import OutboxRelay, RelayPace
from cloud.infrastructure.postgres.webhook_secret_store import SealedTables
from cloud.infrastructure.signing.envelope import EnvelopeSealer, KeyRing
from tests.fakes.core import Core, context_of, core_over


@dataclass(frozen=True, slots=True, kw_only=True)
class RingBell(Command):
    domain = "production"
    number: int
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BellRung(DomainEvent):
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerBell(Command):
    """What a subscriber makes of an event: the effect that may be visible once."""

    domain = "production"
    subscriber: str
    event_id: str


async def ring_bell(command: RingBell, unit: UnitOfWork) -> None:
    for number in range(command.number, command.number + command.count):
        unit.record(BellRung(number=number))


async def answer_bell(command: AnswerBell, unit: UnitOfWork) -> None:
    return None


class Answering:
    """A subscriber whose effect is a command with the event's identifier as its key."""

    def __init__(self, name: str, core: Core) -> None:
        self.name = name
        self._core = core

    async def hear(self, event: RecordedEvent) -> None:
        command = AnswerBell(subscriber=self.name, event_id=event.event_id)
        context = context_of(self.name, idempotency_key=event.event_id)
        await self._core.bus.send(command, context)


@asynccontextmanager
async def ringing(url: str, keys: str = "") -> AsyncIterator[Core]:
    """Open a bus with the commands of this module."""
    sealer = EnvelopeSealer(KeyRing(lambda: keys))
    stores = {
        **CREDENTIAL_STORES,
        Sealer: lambda _connection, _organization: sealer,
        SealedElsewhere: SealedTables,
    }
    async with core_over(url, stores) as core:
        core.bus.register(RingBell, ring_bell)
        core.bus.register(AnswerBell, answer_bell)
        for kind, handler in credentials.COMMANDS.items():
            core.bus.register(kind, handler)
        yield core


async def act(url: str, first: int) -> None:
    """Ring one bell after another and say each that is done."""
    async with ringing(url) as core:
        number = first
        while True:
            await core.bus.send(RingBell(number=number), context_of())
            print(number, flush=True)
            number += 1


async def hear(url: str, *names: str) -> None:
    """Relay to subscribers until killed."""
    pace = RelayPace(sweep_s=0.2, batch_count=50)
    async with (
        ringing(url) as core,
        OutboxRelay(core.pool, url, [Answering(name, core) for name in names], pace),
    ):
        print("listening", flush=True)
        await asyncio.Event().wait()


async def rotate(url: str, keys: str) -> None:
    """Seal everything anew in small batches and say each that is done."""
    async with ringing(url, keys) as core:
        while True:
            told = await core.bus.send(ReencryptCredentials(limit=20), context_of())
            print(told.remaining_count, flush=True)
            if not told.remaining_count:
                return


if __name__ == "__main__":
    what, database_url, *more = sys.argv[1:]
    if what == "act":
        asyncio.run(act(database_url, int(more[0])))
    elif what == "hear":
        asyncio.run(hear(database_url, *more))
    else:
        asyncio.run(rotate(database_url, more[0]))
