"""The station's journal on the spool: one thread writes, waiting facts share a flush."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import TypeVar

from edge.infrastructure.sqlite_spool import NewEvent, SqliteSpool
from edge.infrastructure.wire_events import Envelope, encode_event
from edge.outbox.spooling import SpooledEvent, merged_hlc, next_hlc
from edge.station.errors import DiskFullError
from edge.station.events import Fact, Stamp, StationSnapshot
from edge.station.ports import Clock, IdFactory
from edge.station.progress import StepRecord, record_of
from edge.station.tally import DayTally
from edge.station.worker import Worker

T = TypeVar("T")
Group = tuple[list[NewEvent], list[StepRecord], "asyncio.Future[None]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalOrigin:
    """What every envelope of this process says about where it comes from."""

    station: str
    boot_id: bytes
    clock: Clock
    ids: IdFactory


class SpoolJournal:
    """Implements the station's `Journal` and `Memory`, and feeds the producer."""

    def __init__(self, spool: SqliteSpool, origin: JournalOrigin) -> None:
        self._spool = spool
        self._origin = origin
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._waiting: list[Group] = []
        self._writing: asyncio.Task[None] | None = None
        self._hlc = int(spool.recall("hlc") or 0)
        self.grew = asyncio.Event()

    @property
    def producer_id(self) -> str:
        """Return the name that the spool's numbers belong to."""
        return self._spool.producer_id

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # Journal

    async def append(self, facts: Sequence[Fact], stamp: Stamp) -> None:
        """Commit all facts in one transaction, or none.

        Raises:
            DiskFullError: the disk takes no more; nothing was kept.
        """
        new = [self._new(fact, stamp, "events") for fact in facts]
        station = self._origin.station
        records = [r for fact in facts if (r := record_of(fact, station)) is not None]
        await self._append(new, records)

    async def append_snapshot(self, snapshot: StationSnapshot, stamp: Stamp) -> bool:
        """Commit the latest state unless an earlier one still waits.

        Raises:
            DiskFullError: the disk takes no more.
        """
        if await self._run(lambda: self._spool.waits_on("state")):
            return False
        await self._append([self._new(snapshot, stamp, "state")], [])
        return True

    async def _append(self, new: list[NewEvent], records: list[StepRecord]) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((new, records, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await done

    async def _write(self) -> None:
        """Write what waits; whatever arrives meanwhile shares the next flush."""
        while self._waiting:
            groups, self._waiting = self._waiting, []
            events = [event for new, _, _ in groups for event in new]
            records = [record for _, known, _ in groups for record in known]
            day = self._origin.clock.now().astimezone().date().isoformat()
            try:
                await self._run(partial(self._spool.append, events, records, day, self._hlc))
            except Exception as error:  # noqa: BLE001 - handed to those who wait
                for _, _, done in groups:
                    if not done.done():
                        done.set_exception(error)
                continue
            self.grew.set()
            for _, _, done in groups:
                if not done.done():
                    done.set_result(None)

    def _new(self, fact: Fact, stamp: Stamp, stream: str) -> NewEvent:
        origin = self._origin
        now = origin.clock.now()
        self._hlc = next_hlc(self._hlc, int(now.timestamp() * 1000))
        event_id = origin.ids.event_id()
        envelope = Envelope(
            event_id=event_id,
            hlc=self._hlc,
            mono_ns=origin.clock.monotonic_ns(),
            boot_id=origin.boot_id,
            occurred_at=now,
            stamp=stamp,
            stream=stream,
        )
        return NewEvent(event_id=event_id, stream=stream, body=encode_event(fact, envelope))

    def hear(self, hlc: int) -> bool:
        """Come after a neighbour's event; say whether its clock was one to follow."""
        now_ms = int(self._origin.clock.now().timestamp() * 1000)
        merged = merged_hlc(self._hlc, hlc, now_ms)
        self._hlc = self._hlc if merged is None else merged
        return merged is not None

    async def probe(self) -> bool:
        """Say whether the disk takes writes again."""
        return await self._run(self._spool.probe)

    async def has_reserve(self) -> bool:
        """Say whether the ballast is there; take it back where there is room again."""
        return await self._run(self._spool.has_reserve)

    def unstored_count(self) -> int:
        """Return how many facts wait for the agent's word that it has them."""
        return self._spool.waiting_count

    # Memory

    async def remember_worker(self, worker: Worker | None) -> None:
        """Keep who is here; on a full disk that is forgotten at the next start."""
        words = (
            ""
            if worker is None
            else json.dumps(
                {
                    "login": worker.login,
                    "since": worker.since.isoformat(),
                    "last_act": worker.last_act.isoformat(),
                }
            )
        )
        try:
            await self._run(lambda: self._spool.remember("worker", words))
        except DiskFullError:
            return

    async def remember_heard(self, record: StepRecord) -> None:
        """Keep what a neighbour told.

        Raises:
            DiskFullError: there is no room.
        """
        await self._run(lambda: self._spool.add_progress([record]))

    async def forget_pieces(self, keep: frozenset[str]) -> None:
        """Drop the progress of every piece but these."""
        await self._run(lambda: self._spool.forget_progress(keep))

    # The producer's side

    async def page(self, after_pseq: int, limit: int) -> list[SpooledEvent]:
        """Return the next events after a number, in order."""
        return await self._run(lambda: self._spool.page(after_pseq, limit))

    async def bounds(self) -> tuple[int, int]:
        """Return the number before the oldest waiting event, and the last number given."""
        return await self._run(self._spool.bounds)

    async def trim(self, pseq: int) -> None:
        """Drop what the agent has."""
        await self._run(lambda: self._spool.trim(pseq))

    async def rename_producer(self, producer_id: str) -> None:
        """Go on under a new name."""
        await self._run(lambda: self._spool.rename_producer(producer_id))

    async def close(self) -> None:
        """Finish writing and close the file."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
        hlc = str(self._hlc)
        with contextlib.suppress(DiskFullError):
            await self._run(lambda: self._spool.remember("hlc", hlc))
        await self._run(self._spool.close)
        self._thread.shutdown()


def restored_tally(spool: SqliteSpool) -> DayTally | None:
    """Return what the newest day saw that anything was finished on."""
    kept = spool.tally()
    if kept is None:
        return None
    day, verdicts = kept
    return DayTally(day=date.fromisoformat(day), verdicts=verdicts)


def restored_worker(spool: SqliteSpool) -> Worker | None:
    """Return who was here when the station last ran."""
    words = spool.recall("worker")
    if not words:
        return None
    kept = json.loads(words)
    return Worker(
        login=kept["login"],
        since=datetime.fromisoformat(kept["since"]),
        last_act=datetime.fromisoformat(kept["last_act"]),
    )
