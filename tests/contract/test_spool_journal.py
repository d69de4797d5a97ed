"""The producer's spool: what is committed survives, what does not fit is not half kept."""

import asyncio
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from kyndof_wire.floor.v1.floor_pb2 import BadgeScanned as WireBadge
from kyndof_wire.sync.v1.sync_pb2 import Event

from edge.infrastructure.spool_journal import (
    JournalOrigin,
    SpoolJournal,
    restored_tally,
    restored_worker,
)
from edge.infrastructure.sqlite_spool import NewEvent, SqliteSpool
from edge.infrastructure.system_time import SystemClock, UlidFactory
from edge.infrastructure.wire_events import numbered
from edge.outbox.spooling import SpoolPolicy
from edge.station.errors import DiskFullError
from edge.station.events import BadgeScanned, Stamp, StationSnapshot, StepFinished
from edge.station.progress import StepRecord
from edge.station.tally import DayTally
from edge.station.worker import Worker

ROOT = Path(__file__).parents[2]
ROOMY = SpoolPolicy(max_bytes=64 << 20, ballast_bytes=0)
STAMP = Stamp(worker="worker@demo.example", basis="d" * 64)

pytestmark = pytest.mark.requirement("BUF")


def journal_on(spool) -> SpoolJournal:
    origin = JournalOrigin(
        station="CUT-01", boot_id=b"b" * 16, clock=SystemClock(), ids=UlidFactory()
    )
    return SpoolJournal(spool, origin)


def event(number: int, size: int = 200) -> NewEvent:
    body = number.to_bytes(8, "big") + os.urandom(size)
    return NewEvent(event_id=number.to_bytes(16, "big"), stream="events", body=body)


def fill(spool: SqliteSpool, size: int) -> int:
    """Append pairs until the disk refuses; return how many events were kept."""
    kept = 0
    while True:
        try:
            spool.append([event(10_000 + kept, size), event(10_001 + kept, size)])
        except DiskFullError:
            return kept
        kept += 2


def finished(piece: str) -> StepFinished:
    return StepFinished(
        piece_id=piece,
        step_id="stp_1",
        stage="CUT",
        spec_version="1",
        attempt=1,
        inspection_id="",
        verdict="NONE",
        order_unconfirmed=False,
    )


async def test_an_event_carries_all_that_the_agent_asks_for(tmp_path) -> None:
    spool = SqliteSpool(tmp_path / "spool.db", ROOMY, "run_1")
    journal = journal_on(spool)
    await journal.append([BadgeScanned(login="worker@demo.example", reader="hid")], STAMP)
    (row,) = await journal.page(0, 10)
    sent = Event.FromString(numbered(row.body, journal.producer_id, row.pseq))
    assert (sent.type, sent.stream, sent.worker, sent.basis) == (
        "badge_scanned",
        "events",
        STAMP.worker,
        STAMP.basis,
    )
    assert (sent.producer_id, sent.pseq, len(sent.event_id)) == ("run_1", 1, 16)
    assert WireBadge.FromString(sent.payload).reader == "hid"
    assert abs(sent.occurred_at.ToDatetime(UTC) - datetime.now(UTC)).total_seconds() < 5
    await journal.close()


async def test_numbers_go_on_after_everything_was_trimmed_and_after_a_restart(tmp_path) -> None:
    path = tmp_path / "spool.db"
    spool = SqliteSpool(path, ROOMY, "run_1")
    spool.append([event(1), event(2), event(3)])
    assert spool.trim(3) == 3
    spool.close()
    again = SqliteSpool(path, ROOMY, "run_2")
    assert again.producer_id == "run_1"
    again.append([event(4)])
    assert [row.pseq for row in again.page(0, 10)] == [4]
    assert again.bounds() == (3, 4)
    again.close()


async def test_many_waiting_facts_share_a_flush_and_keep_their_order(tmp_path) -> None:
    spool = SqliteSpool(tmp_path / "spool.db", ROOMY, "run_1")
    journal = journal_on(spool)
    await asyncio.gather(*(journal.append([finished(f"pc_{n}")], STAMP) for n in range(300)))
    assert journal.unstored_count() == 300
    assert [row.pseq for row in await journal.page(0, 1000)] == list(range(1, 301))
    assert [record.piece_id for record in spool.progress()] == [f"pc_{n}" for n in range(300)]
    await journal.close()


async def test_only_the_latest_snapshot_waits(tmp_path) -> None:
    journal = journal_on(SqliteSpool(tmp_path / "spool.db", ROOMY, "run_1"))
    snapshot = StationSnapshot(
        worker="",
        piece_id="",
        step_id="",
        phase="idle",
        alarms=("camera_unplugged",),
        finished_count=0,
        failed_count=0,
        spool_count=0,
        bundle="",
        package_digest="",
        camera="ok",
    )
    assert await journal.append_snapshot(snapshot, STAMP)
    assert not await journal.append_snapshot(snapshot, STAMP)
    await journal.trim(1)
    assert await journal.append_snapshot(snapshot, STAMP)
    await journal.close()


async def test_worker_and_progress_survive_a_restart(tmp_path) -> None:
    path = tmp_path / "spool.db"
    journal = journal_on(SqliteSpool(path, ROOMY, "run_1"))
    at = datetime(2026, 5, 4, 9, tzinfo=UTC)
    await journal.remember_worker(Worker(login="worker@demo.example", since=at, last_act=at))
    await journal.append([finished("pc_1")], STAMP)
    await journal.close()
    again = SqliteSpool(path, ROOMY, "run_2")
    assert restored_worker(again).login == "worker@demo.example"
    assert again.progress()[0].piece_id == "pc_1"
    again.forget_progress(frozenset())
    assert again.progress() == []
    again.close()


class SetClock:
    """A clock that stands until it is set."""

    def __init__(self, now: datetime) -> None:
        self.at = now

    def now(self) -> datetime:
        return self.at

    def monotonic_ns(self) -> int:
        return 1


async def test_what_was_finished_today_survives_a_restart_and_ends_at_local_midnight(
    tmp_path,
) -> None:
    path = tmp_path / "spool.db"
    late = datetime(2026, 5, 4, 23, 59).astimezone()
    clock = SetClock(late.astimezone(UTC))
    origin = JournalOrigin(station="CUT-01", boot_id=b"b" * 16, clock=clock, ids=UlidFactory())
    journal = SpoolJournal(SqliteSpool(path, ROOMY, "run_1"), origin)
    failed = replace(finished("pc_2"), verdict="FAIL")
    await journal.append([finished("pc_1")], STAMP)
    await journal.append([failed], STAMP)
    await journal.trim(2)
    await journal.close()
    spool = SqliteSpool(path, ROOMY, "run_2")
    tally = restored_tally(spool)
    assert tally.day == date(2026, 5, 4)
    assert (tally.finished_count, tally.failed_count) == (2, 1)
    clock.at = (late + timedelta(minutes=2)).astimezone(UTC)
    assert tally.on(clock.now().astimezone().date()) == DayTally(day=date(2026, 5, 5))
    journal = SpoolJournal(spool, origin)
    await journal.append([finished("pc_3")], STAMP)
    tally = restored_tally(spool)
    assert (tally.day, tally.finished_count, tally.failed_count) == (date(2026, 5, 5), 1, 0)
    await journal.append([replace(finished("pc_3"), verdict="FAIL")], STAMP)
    tally = restored_tally(spool)
    assert (tally.finished_count, tally.failed_count) == (1, 1)
    await journal.close()


def test_a_finish_that_was_not_kept_does_not_count(tmp_path) -> None:
    small = SpoolPolicy(max_bytes=512 << 10, ballast_bytes=0)
    spool = SqliteSpool(tmp_path / "spool.db", small, "run_1")
    record = StepRecord(piece_id="pc_1", step_id="stp_1", kind="finished", attempt=1)
    fill(spool, 4000)
    with pytest.raises(DiskFullError):
        spool.append([event(1, 400_000)], [record], "2026-05-04")
    assert spool.tally() is None
    spool.close()


WRITER = """
import os, sys
from pathlib import Path
from edge.infrastructure.sqlite_spool import NewEvent, SqliteSpool
from edge.outbox.spooling import SpoolPolicy
spool = SqliteSpool(Path(sys.argv[1]), SpoolPolicy(max_bytes=64 << 20, ballast_bytes=0), "run_1")
n = spool.bounds()[1]
while True:
    pair = [NewEvent(event_id=(n + i).to_bytes(16, "big"), stream="events", body=b"x" * 900)
            for i in (1, 2)]
    spool.append(pair)
    n += 2
    os.write(1, b"%d\\n" % n)
"""


def write_until_killed(path: Path, after_s: float) -> int:
    """Return the last number that the writer said was committed."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'proto'}"}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, env=environment
    ) as writer:
        first = writer.stdout.readline()
        time.sleep(after_s)
        writer.send_signal(signal.SIGKILL)
        said = (first + writer.stdout.read()).split(b"\n")
        return int(said[-2])


def test_every_committed_event_survives_kill_9_and_pairs_stay_whole(tmp_path) -> None:
    path = tmp_path / "spool.db"
    for round_ in range(3):
        said = write_until_killed(path, 0.05 + 0.07 * round_)
        spool = SqliteSpool(path, ROOMY, "run_1")
        pseqs = [row.pseq for row in spool.page(0, 1_000_000)]
        assert pseqs == list(range(1, len(pseqs) + 1))
        assert said <= len(pseqs) <= said + 2
        assert len(pseqs) % 2 == 0
        assert spool.bounds()[1] == len(pseqs)
        spool.close()


def test_at_its_cap_the_spool_refuses_whole_appends_and_recovers_after_a_trim(tmp_path) -> None:
    small = SpoolPolicy(max_bytes=512 << 10, ballast_bytes=0)
    spool = SqliteSpool(tmp_path / "spool.db", small, "run_1")
    kept = fill(spool, 4000)
    assert spool.count() == kept
    assert not spool.probe()
    spool.trim(kept)
    assert spool.probe()
    spool.append([event(kept + 1)])
    assert [row.pseq for row in spool.page(0, 10)] == [kept + 1]
    spool.close()


def test_a_disk_that_takes_no_more_bytes_keeps_what_was_committed(tmp_path) -> None:
    spool = SqliteSpool(tmp_path / "spool.db", ROOMY, "run_1")
    spool.append([event(1)])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100 << 10, hard))
    try:
        number = 1 + fill(spool, 8000)
        assert spool.count() == number
        assert not spool.probe()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert spool.probe()
    spool.append([event(number + 1)])
    assert spool.count() == number + 1
    spool.close()


def test_the_ballast_is_kept_beside_the_spool(tmp_path) -> None:
    policy = SpoolPolicy(max_bytes=8 << 20, ballast_bytes=1 << 20)
    spool = SqliteSpool(tmp_path / "spool.db", policy, "run_1")
    ballast = tmp_path / "spool.ballast"
    assert ballast.stat().st_size == 1 << 20
    ballast.unlink()
    assert spool.probe()
    assert ballast.exists()
    spool.close()


def test_a_spent_ballast_is_told_until_there_is_room_to_put_it_back(tmp_path, monkeypatch) -> None:
    policy = SpoolPolicy(max_bytes=8 << 20, ballast_bytes=1 << 20)
    spool = SqliteSpool(tmp_path / "spool.db", policy, "run_1")
    assert spool.has_reserve()
    (tmp_path / "spool.ballast").unlink()
    roomy = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as tight:
        tight.setattr(shutil, "disk_usage", lambda _: roomy._replace(free=1 << 20))
        assert not spool.has_reserve()
    assert spool.has_reserve()
    assert (tmp_path / "spool.ballast").exists()
    spool.close()


def test_a_damaged_file_is_put_aside_and_the_station_goes_on(tmp_path) -> None:
    path = tmp_path / "spool.db"
    path.write_bytes(b"no database at all" * 500)
    spool = SqliteSpool(path, ROOMY, "run_fresh")
    assert spool.quarantined is not None
    assert (spool.quarantined / "spool.db").exists()
    assert spool.producer_id == "run_fresh"
    spool.append([event(1)])
    spool.close()


def test_every_commit_is_flushed(tmp_path) -> None:
    spool = SqliteSpool(tmp_path / "spool.db", ROOMY, "run_1")
    connection = spool._connection
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    spool.close()


class SlowSpool(SqliteSpool):
    """Holds its thread before it appends or trims, until it is let go."""

    def __init__(self, *arguments):
        self.entered, self.go = threading.Semaphore(0), threading.Semaphore(0)
        super().__init__(*arguments)

    def append(self, *arguments):
        self._hold()
        super().append(*arguments)

    def trim(self, pseq):
        self._hold()
        return super().trim(pseq)

    def _hold(self):
        self.entered.release()
        assert self.go.acquire(timeout=30)


async def test_a_confirmation_given_up_in_the_middle_is_counted(tmp_path) -> None:
    spool = SlowSpool(tmp_path / "spool.db", ROOMY, "run_1")
    journal = journal_on(spool)
    spool.go.release()
    await journal.append([finished("pc_1"), finished("pc_2")], STAMP)
    spool.entered.acquire()
    trimming = asyncio.create_task(journal.trim(2))
    await asyncio.to_thread(spool.entered.acquire, timeout=30)
    trimming.cancel()
    spool.go.release()
    assert await journal.page(0, 10) == []
    assert journal.unstored_count() == 0
    await journal.close()


async def test_facts_written_while_others_are_confirmed_are_counted(tmp_path) -> None:
    spool = SlowSpool(tmp_path / "spool.db", ROOMY, "run_1")
    journal = journal_on(spool)
    spool.go.release()
    await journal.append([finished("pc_1")], STAMP)
    spool.entered.acquire()
    appending = asyncio.create_task(journal.append([finished("pc_2")], STAMP))
    await asyncio.to_thread(spool.entered.acquire, timeout=30)
    trimming = asyncio.create_task(journal.trim(1))
    await asyncio.sleep(0)
    spool.go.release(2)
    await asyncio.gather(appending, trimming)
    assert journal.unstored_count() == len(await journal.page(0, 10)) == 1
    await journal.close()


@pytest.mark.parametrize("column", ["stream", "event_id", "body"])
def test_a_bit_flipped_in_a_spooled_event_is_set_aside_and_the_rest_goes_on(
    tmp_path, column
) -> None:
    spool = SqliteSpool(tmp_path / "spool.db", ROOMY, "run_1")
    spool.append([event(n) for n in range(1, 5)])
    other = {"stream": "state", "event_id": bytes(16), "body": b"something else"}[column]
    for pseq in (1, 3):
        spool._connection.execute(f"UPDATE spool SET {column} = ? WHERE pseq = ?", (other, pseq))  # noqa: S608
    assert [e.pseq for e in spool.page(0, 1)] == [2]
    assert [e.pseq for e in spool.page(2, 10)] == [4]
    assert spool.waiting_count == spool.count() == 2
    assert spool._connection.execute("SELECT pseq FROM damaged").fetchall() == [(1,), (3,)]
    spool.close()


async def test_a_killed_station_goes_on_after_its_last_event_whatever_its_clock_says(
    tmp_path,
) -> None:
    first = journal_on(SqliteSpool(tmp_path / "spool.db", ROOMY, "run_1"))
    ahead = int(SystemClock().now().timestamp() * 1000) + 240_000 << 16
    assert first.hear(ahead)
    await first.append([finished("pc_1")], STAMP)
    # Not closed: what is killed says nothing more.
    second = journal_on(SqliteSpool(tmp_path / "spool.db", ROOMY, "run_1"))
    await second.append([finished("pc_2")], STAMP)
    clocks = [Event.FromString(one.body).hlc for one in await second.page(0, 9)]
    assert clocks == [ahead + 1, ahead + 2]
    await second.close()
    await first.close()


def test_damaged_events_are_read_past_whatever_their_number(tmp_path, monkeypatch) -> None:
    spool = SqliteSpool(tmp_path / "spool.db", ROOMY, "run_1")
    spool.append([event(n) for n in range(1, 2002)])
    spool._connection.execute("UPDATE spool SET body = x'00' WHERE pseq < 2001")
    # As on a full disk, where nothing can be set aside.
    monkeypatch.setattr(spool, "_set_aside", lambda _damaged: None)
    assert [e.pseq for e in spool.page(0, 1)] == [2001]
    assert spool.page(2001, 1) == []
    spool.close()


def test_a_spool_from_before_there_were_seals_opens_and_goes_on(tmp_path) -> None:
    spool = SqliteSpool(tmp_path / "spool.db", ROOMY, "run_1")
    spool.append([event(1)])
    spool._connection.execute("ALTER TABLE spool DROP COLUMN seal")
    spool.close()
    again = SqliteSpool(tmp_path / "spool.db", ROOMY, "run_2")
    again.append([event(2)])
    assert [e.pseq for e in again.page(0, 10)] == [1, 2]
    again.close()
