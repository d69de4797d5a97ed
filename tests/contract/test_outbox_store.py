"""The outbox on SQLite: once, in order, durable, bounded, and mended when damaged."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap

import pytest
from kyndof_wire.sync.v1.sync_pb2 import Event

from edge.infrastructure.sqlite_outbox import OutboxBounds, SqliteOutbox
from edge.infrastructure.sqlite_outbox_rows import is_sound
from edge.infrastructure.sqlite_outbox_schema import migrate_outbox
from edge.infrastructure.sqlite_outbox_thread import OutboxThread
from edge.infrastructure.system_time import SystemClock, UlidFactory
from edge.outbox.errors import OutboxFullError
from edge.outbox.record import IncomingEvent, StoredEvent, rolling_digest, sealed
from tests.fakes.floor import ROOT, environment

pytestmark = pytest.mark.requirement("BUF")
IDS = UlidFactory()


def bounds(max_mb=64, ballast_mb=0, retention_ms=86_400_000):
    return OutboxBounds(
        max_bytes=max_mb << 20, ballast_bytes=ballast_mb << 20, retention_ms=retention_ms
    )


def event(pseq, stream="events", payload=b"x", media=(), event_id=None):
    event_id = event_id or IDS.event_id()
    envelope = Event(event_id=event_id, type="t", producer_id="p", pseq=pseq, payload=payload)
    return IncomingEvent(
        event_id=event_id,
        stream=stream,
        producer_id="p",
        pseq=pseq,
        payload=payload,
        body=envelope.SerializeToString(),
        media=tuple(media),
    )


@contextlib.contextmanager
def opened(folder, limits=None, clock=None):
    outbox = SqliteOutbox(
        folder / "outbox.db", limits or bounds(), clock or SystemClock(), IDS, migrate_outbox
    )
    try:
        yield outbox
    finally:
        outbox.close()


def stream_of(outbox, name="events"):
    return next(s for s in outbox.state().streams if s.stream == name)


def test_a_repeated_event_takes_no_number(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        first, second = event(1), event(2)
        outbox.append([first, first, second, first])
        assert [e.seq for e in outbox.read_after("events", 0, 10, 1 << 20)] == [1, 2]
        assert stream_of(outbox).last_seq == 2


def test_numbers_go_on_after_everything_was_trimmed(tmp_path) -> None:
    with opened(tmp_path, bounds(retention_ms=-1)) as outbox:
        outbox.append([event(1), event(2)])
        outbox.acknowledge({"events": 2})
        assert outbox.trim() == 2
        outbox.append([event(3)])
        assert [e.seq for e in outbox.read_after("events", 0, 10, 1 << 20)] == [3]


def test_an_event_that_was_trimmed_is_still_known(tmp_path) -> None:
    with opened(tmp_path, bounds(retention_ms=-1)) as outbox:
        old = event(1)
        outbox.append([old])
        outbox.acknowledge({"events": 1})
        outbox.trim()
        assert outbox.append([old]).duplicate_count == 1
        assert outbox.read_after("events", 0, 10, 1 << 20) == []


def test_unacknowledged_events_are_never_trimmed(tmp_path) -> None:
    with opened(tmp_path, bounds(retention_ms=-1)) as outbox:
        outbox.append([event(n) for n in range(1, 6)])
        outbox.acknowledge({"events": 3})
        outbox.trim()
        assert [e.seq for e in outbox.read_after("events", 0, 10, 1 << 20)] == [4, 5]


def test_acknowledged_events_stay_for_the_retention_time(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        outbox.append([event(1)])
        outbox.acknowledge({"events": 1})
        assert outbox.trim() == 0


def test_what_need_not_be_kept_goes_with_its_acknowledgement_and_stays_known(tmp_path) -> None:
    with opened(tmp_path, bounds(retention_ms=0)) as outbox:
        events = [event(n) for n in range(1, 6)]
        outbox.append(events)
        outbox.acknowledge({"events": 3})
        assert (stream_of(outbox).acked_seq, stream_of(outbox).trimmed_seq) == (3, 3)
        assert [e.seq for e in outbox.read_after("events", 0, 10, 1 << 20)] == [4, 5]
        assert outbox.append(events).duplicate_count == 5


def test_where_ids_find_no_room_before_their_events_go_they_are_noted_after_them(
    tmp_path, caplog
) -> None:
    with opened(tmp_path, bounds(retention_ms=-1)) as outbox:
        events = [event(n) for n in range(1, 4001)]
        outbox.append(events)
        outbox.acknowledge({"events": 4000})
        (pages,) = outbox._db.execute("PRAGMA page_count").fetchone()
        (free,) = outbox._db.execute("PRAGMA freelist_count").fetchone()
        assert free < 10
        outbox._db.execute(f"PRAGMA max_page_count = {pages}").fetchall()
        with caplog.at_level("INFO", logger="kyndof.outbox"):
            assert outbox.trim() == 4000
        assert "no room to note ids" in caplog.text
        assert outbox.append(events[-10:]).duplicate_count == 10


def test_the_digest_chain_is_the_formula_over_all_events(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        events = [event(n, payload=bytes([n]) * n) for n in range(1, 40)]
        outbox.append(events[:20])
        outbox.append(events[20:])
        digest = 0
        for seq, each in enumerate(events, start=1):
            digest = rolling_digest(digest, each.event_id, each.payload)
            assert outbox.digest_at("events", seq) == digest
        assert stream_of(outbox).digest == digest


def test_nothing_is_confirmed_past_a_missing_number(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        outcome = outbox.append([event(1), event(3), event(4)])
        assert outcome.stored == {"p": 1}
        assert (outcome.appended_count, outcome.waiting_count) == (1, 2)


def test_producers_are_remembered_over_a_restart(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        outbox.append([event(1), event(2)])
        outbox_id = outbox.state().outbox_id
    with opened(tmp_path) as outbox:
        assert outbox.producers() == {"p": 2}
        assert outbox.state().outbox_id == outbox_id


def test_a_batch_is_bounded_by_bytes_but_never_empty(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        outbox.append([event(n, payload=b"y" * 1000) for n in range(1, 6)])
        assert len(outbox.read_after("events", 0, 10, 2500)) == 2
        assert len(outbox.read_after("events", 0, 10, 1)) == 1


def test_starting_over_numbers_the_unacknowledged_from_one_with_a_fresh_chain(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        events = [event(n, payload=bytes([n])) for n in range(1, 8)]
        outbox.append(events)
        outbox.acknowledge({"events": 3})
        before = outbox.state().outbox_id
        outbox.start_over("test")
        assert outbox.state().outbox_id != before
        rest = outbox.read_after("events", 0, 10, 1 << 20)
        assert [e.seq for e in rest] == [1, 2, 3, 4]
        digest = 0
        for each in events[3:]:
            digest = rolling_digest(digest, each.event_id, each.payload)
        assert stream_of(outbox).digest == rest[-1].digest == digest
        assert outbox.append([events[0]]).duplicate_count == 1


@pytest.mark.parametrize("where", [0, 100, 4096 * 2])
def test_a_damaged_file_is_moved_aside_and_a_new_outbox_begins(tmp_path, where) -> None:
    with opened(tmp_path) as outbox:
        outbox.append([event(n) for n in range(1, 200)])
        before = outbox.state().outbox_id
    path = tmp_path / "outbox.db"
    content = bytearray(path.read_bytes())
    content[where : where + 8192] = os.urandom(8192)
    path.write_bytes(content)
    with opened(tmp_path) as outbox:
        assert outbox.quarantined is not None
        assert (outbox.quarantined / "outbox.db").exists()
        assert outbox.state().outbox_id != before
        outbox.append([event(1)])


def fill(outbox):
    """Append until there is no room; return how many events found it."""
    for start in range(1, 1000, 10):
        try:
            outbox.append([event(n, payload=b"z" * 4000) for n in range(start, start + 10)])
        except OutboxFullError:
            return start - 1
    pytest.fail("the outbox knows no bound")


def test_a_full_outbox_refuses_whole_batches_and_goes_on_when_the_cloud_took_some(
    tmp_path,
) -> None:
    with opened(tmp_path, bounds(max_mb=1)) as outbox:
        stored = fill(outbox)
        assert 0 < stored < 400
        assert stream_of(outbox).last_seq == stored
        assert outbox.producers() == {"p": stored}
        outbox.acknowledge({"events": stored})
        outbox.make_room()
        again = [event(n, payload=b"z" * 4000) for n in range(stored + 1, stored + 11)]
        assert outbox.append(again).appended_count == 10
        assert stream_of(outbox).last_seq == stored + 10


async def test_the_outbox_trims_what_is_acknowledged_by_itself_when_full(tmp_path) -> None:
    outbox = OutboxThread(
        lambda: SqliteOutbox(
            tmp_path / "outbox.db", bounds(max_mb=1), SystemClock(), IDS, migrate_outbox
        )
    )
    await outbox.open()
    for start in range(1, 1000, 10):
        batch = [event(n, payload=b"z" * 4000) for n in range(start, start + 10)]
        assert (await outbox.append(batch)).appended_count == 10
        await outbox.acknowledge({"events": start + 9})
    await outbox.close()


def test_a_disk_that_is_really_full_is_recovered_by_the_ballast(tmp_path) -> None:
    """A small file system of its own, filled to the last byte by somebody else."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        with opened(disk, bounds(max_mb=512, ballast_mb=8)) as outbox:
            outbox.append([event(n, payload=b"z" * 2000) for n in range(1, 401)])
            filler = disk / "filler"
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(b"f" * 4096)
            with pytest.raises(OutboxFullError):
                outbox.append([event(n, payload=b"z" * 20_000) for n in range(401, 600)])
            outbox.make_room()
            outbox.acknowledge({"events": 400})
            outbox.make_room()
            assert outbox.append([event(n) for n in range(401, 600)]).appended_count == 199
            filler.unlink()
            assert stream_of(outbox).last_seq == 599
        with contextlib.closing(sqlite3.connect(disk / "outbox.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_what_was_confirmed_survives_a_kill(tmp_path) -> None:
    """The child confirms on a pipe after each commit and is killed in the middle."""
    program = textwrap.dedent(
        """
        import pathlib, sys
        from tests.contract.test_outbox_store import bounds, event, opened
        with opened(pathlib.Path(sys.argv[1])) as outbox:
            pseq = outbox.producers().get("p", 0)
            while True:
                batch = [event(pseq + n) for n in range(1, 6)]
                outbox.append(batch)
                pseq += 5
                print(pseq, flush=True)
        """
    )
    for _ in range(5):
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
        )
        for _ in range(30):
            confirmed = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        confirmed = max([confirmed, *map(int, child.stdout.read().split())])
        child.wait()
        child.stdout.close()
        with opened(tmp_path) as outbox:
            assert outbox.quarantined is None
            last = stream_of(outbox).last_seq
            assert last >= confirmed
            assert outbox.producers() == {"p": last}


def test_commits_are_flushed_to_the_disk(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        assert outbox._db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert outbox._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_pictures_become_due_when_their_event_is_acknowledged(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        outbox.append([event(1, media=[b"a" * 32]), event(2, media=[b"b" * 32])])
        assert outbox.media_due(10) == []
        outbox.acknowledge({"events": 1})
        assert [d.sha256 for d in outbox.media_due(10)] == [b"a" * 32]
        outbox.media_taken([b"a" * 32])
        assert outbox.media_due(10) == []


def test_what_can_be_read_of_a_damaged_outbox_is_taken_over_in_order(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        made = [event(n, payload=bytes([n % 256]) * 500) for n in range(1, 401)]
        outbox.append(made)
        outbox.acknowledge({"events": 100})
    path = tmp_path / "outbox.db"
    content = bytearray(path.read_bytes())
    middle = content.find(made[250].event_id) & ~4095
    content[middle : middle + 4096] = os.urandom(4096)
    path.write_bytes(content)
    with opened(tmp_path) as outbox:
        assert outbox.quarantined is not None
        found = [
            Event.FromString(e.body).event_id for e in outbox.read_after("events", 0, 999, 1 << 30)
        ]
    ids = [e.event_id for e in made]
    places = [ids.index(event_id) for event_id in found]
    assert places == sorted(places)
    assert min(places) == 100, "what the cloud acknowledged is not sent again"
    assert len(places) == outbox.salvaged_count
    assert len(places) > 280, "one damaged page costs a page of events"


def test_an_outbox_from_before_there_were_seals_opens_and_goes_on(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        outbox.append([event(1), event(2)])
    with contextlib.closing(sqlite3.connect(tmp_path / "outbox.db")) as db:
        db.execute("ALTER TABLE events DROP COLUMN seal")
        db.execute("PRAGMA user_version = 1")
        db.commit()
    with opened(tmp_path) as outbox:
        outbox.append([event(3)])
        kept = outbox.read_after("events", 0, 10, 1 << 20)
    assert [(row.seq, row.seal is None) for row in kept] == [(1, True), (2, True), (3, False)]
    assert outbox.quarantined is None


@pytest.mark.parametrize(
    "changed", [{"event_id": "a text"}, {"body": "a text"}, {"seq": -1}, {"digest": 1 << 65}]
)
def test_a_row_whose_columns_are_of_another_kind_is_not_sound(changed: dict[str, object]) -> None:
    row = StoredEvent(1, b"body", 2, b"sixteen bytes id")
    whole = row._replace(seal=sealed("events", row))
    assert is_sound("events", whole, None)
    assert not is_sound("events", whole._replace(**changed), None)
