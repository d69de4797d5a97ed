"""A lost event is told: by `kyndof-edge status`, to the station, and by it to everybody."""

import asyncio
import contextlib
import sqlite3
from datetime import UTC, datetime

import pytest
import typer
from typer.testing import CliRunner

from edge.infrastructure.link_report import LinkReporter, LinkStatus
from edge.infrastructure.sqlite_outbox import SqliteOutbox
from edge.infrastructure.sqlite_outbox_ledger import FAULT_MS, standing_faults, station_ledger
from edge.infrastructure.sqlite_outbox_schema import migrate_outbox
from edge.infrastructure.sqlite_outbox_thread import OutboxThread
from edge.infrastructure.sqlite_spool import NewEvent, SqliteSpool
from edge.infrastructure.station_files import StationFiles
from edge.infrastructure.station_status import accept_loss, station_status
from edge.infrastructure.system_time import SystemClock
from edge.interfaces.cloud_commands.commands import CloudDoors, add_cloud_commands, texts_of
from edge.interfaces.cloud_commands.shown import status_lines
from edge.outbox.errors import OutboxDamagedError, OutboxMissingError
from edge.outbox.producers import PATIENCE_S, PATIENCE_TIMES
from edge.outbox.spooling import SpoolPolicy
from tests.contract.test_outbox_store import IDS, bounds, event, opened
from tests.fakes.floor import until

pytestmark = [pytest.mark.requirement("BUF", "SYN"), pytest.mark.timeout(90)]
ROOMY = SpoolPolicy(max_bytes=8 << 20, ballast_bytes=0)
NOW_MS = int(SystemClock().now().timestamp() * 1000)


def events_of(home):
    return station_status(home, datetime.now(UTC))["events"]


def spool_at(home):
    return SqliteSpool(home / "spool.db", ROOMY, "p")


def spooled(count):
    return [NewEvent(event_id=IDS.event_id(), stream="events", body=b"x") for _ in range(count)]


def lose(path, statement):
    """Do to a file what no code of ours does."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        assert db.execute(statement).rowcount == 1


def test_nothing_is_unaccounted_for_while_spool_and_outbox_work(tmp_path) -> None:
    spool = spool_at(tmp_path)
    with opened(tmp_path) as outbox:
        spool.append(spooled(6))
        assert events_of(tmp_path)["spooled"] == 6
        outbox.append([event(n) for n in range(1, 5)])
        assert events_of(tmp_path)["spooled"] == 2
        spool.trim(4)
        outbox.acknowledge({"events": 3})
        outbox.trim()
        found = events_of(tmp_path)
        assert (found["produced"], found["stored"], found["pending"]) == (4, 3, 1)
        assert found["unaccounted"] == 0
        assert found["spool"] == {
            "producer_id": "p",
            "produced": 6,
            "handed": 4,
            "waiting": 2,
            "damaged": 0,
            "handed_pseq": 4,
        }
    spool.close()


@pytest.mark.parametrize("acked_first", [False, True])
def test_a_row_lost_from_the_outbox_is_told_and_stays_told(tmp_path, acked_first) -> None:
    with opened(tmp_path) as outbox:
        outbox.append([event(n) for n in range(1, 6)])
        lose(tmp_path / "outbox.db", "DELETE FROM events WHERE seq = 3")
        if acked_first:
            outbox.acknowledge({"events": 5})
            outbox.trim()
        found = events_of(tmp_path)
        assert (found["produced"], found["unaccounted"]) == (5, 1)
        assert found["stored"] + found["pending"] == 4
        assert standing_faults(tmp_path, NOW_MS) == {"events_unaccounted": "1"}
        outbox.append([event(6)])
        assert events_of(tmp_path)["unaccounted"] == 1


def test_a_row_that_came_from_nowhere_is_told_too(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        outbox.append([event(n) for n in range(1, 4)])
        lose(tmp_path / "outbox.db", "UPDATE streams SET next_seq = 3 WHERE stream = 'events'")
        assert events_of(tmp_path)["unaccounted"] == 1


def test_a_row_lost_from_the_spool_is_told_once_also_when_the_agent_gives_it_up(tmp_path) -> None:
    spool = spool_at(tmp_path)
    spool.append(spooled(3))
    clock = SlowClock()
    with opened(tmp_path, clock=clock) as outbox:
        lose(tmp_path / "spool.db", "DELETE FROM spool WHERE pseq = 2")
        outbox.append([event(1)])
        assert events_of(tmp_path)["unaccounted"] == 1
        third = event(3)
        for _ in range(PATIENCE_TIMES):
            outbox.append([third])
            clock.later_s += PATIENCE_S
        assert outbox.producers() == {"p": 3}
        spool.trim(3)
        found = events_of(tmp_path)
        assert (found["holes"], found["unaccounted"]) == (1, 1)
        assert standing_faults(tmp_path, NOW_MS) == {
            "events_unaccounted": "1",
            "event_damaged": "producer/p/2-2",
        }
    spool.close()


def test_a_spooled_row_that_was_set_aside_is_accounted_for(tmp_path) -> None:
    spool = spool_at(tmp_path)
    spool.append(spooled(2))
    clock = SlowClock()
    lose(tmp_path / "spool.db", "UPDATE spool SET body = x'00' WHERE pseq = 1")
    assert [one.pseq for one in spool.page(0, 1)] == [2]
    with opened(tmp_path, clock=clock) as outbox:
        second = event(2)
        for _ in range(PATIENCE_TIMES):
            outbox.append([second])
            clock.later_s += PATIENCE_S
        found = events_of(tmp_path)
        assert (found["spool"]["damaged"], found["unaccounted"]) == (1, 0)
    spool.close()


def test_what_left_the_spool_and_never_came_to_the_outbox_is_told(tmp_path) -> None:
    spool = spool_at(tmp_path)
    spool.append(spooled(4))
    with opened(tmp_path) as outbox:
        outbox.append([event(1), event(2)])
        spool.trim(4)
        assert events_of(tmp_path)["unaccounted"] == 2
    spool.close()


def test_a_damaged_row_is_counted_once_however_often_it_is_met(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        outbox.append([event(n) for n in range(1, 4)])
        (row,) = [one for one in outbox.read_after("events", 0, 9, 1 << 20) if one.seq == 2]
        for _ in range(3):
            outbox.set_aside("events", row)
        found = events_of(tmp_path)
        assert (found["pending"], found["damaged"], found["unaccounted"]) == (2, 1, 0)
        outbox.acknowledge({"events": 3})
        found = events_of(tmp_path)
        assert (found["stored"], found["damaged"], found["unaccounted"]) == (2, 1, 0)
        assert station_status(tmp_path, datetime.now(UTC))["refused"] == 1
        outbox.start_over("test")
        assert events_of(tmp_path)["unaccounted"] == 0


def test_starting_over_with_a_damaged_row_leaves_nothing_unaccounted_for(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        outbox.append([event(n) for n in range(1, 5)])
        outbox.acknowledge({"events": 1})
        (row, *_) = outbox.read_after("events", 1, 9, 1 << 20)
        outbox.set_aside("events", row)
        lose(tmp_path / "outbox.db", "UPDATE events SET body = x'00' WHERE seq = 3")
        outbox.start_over("test")
        found = events_of(tmp_path)
        assert (found["produced"], found["pending"], found["unaccounted"]) == (1, 1, 0)


def test_what_the_cloud_could_not_read_is_told_apart_and_raises_a_fault(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        outbox.set_epoch(4)
        outbox.append([event(n) for n in range(1, 4)])
        outbox.note_rejections("events", [(2, "PAYLOAD_UNREADABLE", "no such field")])
        assert events_of(tmp_path)["pending"] == 3
        outbox.acknowledge({"events": 3})
        found = events_of(tmp_path)
        assert (found["stored"], found["rejected"], found["unaccounted"]) == (2, 1, 0)
        assert standing_faults(tmp_path, NOW_MS) == {"event_refused": "cloud/events/2"}
        assert standing_faults(tmp_path, NOW_MS + 2 * FAULT_MS) == {}


def test_an_outbox_from_before_there_was_a_ledger_is_counted_from_now_on(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        outbox.append([event(n) for n in range(1, 5)])
        outbox.append([event(n, stream="state") for n in range(5, 8)])
        outbox.acknowledge({"events": 2, "state": 1})
    lose(tmp_path / "outbox.db", "DELETE FROM meta WHERE key = 'delivered'")
    with opened(tmp_path):
        assert events_of(tmp_path)["unaccounted"] == 0
        lose(tmp_path / "outbox.db", "DELETE FROM events WHERE stream = 'events' AND seq = 4")
        assert events_of(tmp_path)["unaccounted"] == 1


def test_a_spool_from_before_there_was_a_ledger_is_counted_from_now_on(tmp_path) -> None:
    spool = spool_at(tmp_path)
    spool.append(spooled(5))
    spool.trim(2)
    spool.close()
    lose(tmp_path / "spool.db", "DELETE FROM words WHERE name = 'handed'")
    with opened(tmp_path) as outbox:
        outbox.append([event(1), event(2)])
        assert events_of(tmp_path)["spool"] is None
        again = spool_at(tmp_path)
        assert events_of(tmp_path)["spool"]["handed"] == 2
        assert events_of(tmp_path)["unaccounted"] == 0
        again.close()


def runner_on(home):
    app = typer.Typer()

    def unused(*_words):
        raise AssertionError

    def status():
        return station_status(home, datetime.now(UTC))

    add_cloud_commands(
        app,
        CloudDoors(
            sync=unused,
            enrol=unused,
            status=status,
            logs=unused,
            events=unused,
            export=unused,
            accept_loss=lambda: accept_loss(home),
            language=lambda: "en",
        ),
    )
    return lambda *words: CliRunner().invoke(app, ["status", *words])


def test_status_says_a_loss_loudly_until_a_person_accepts_it(tmp_path) -> None:
    status = runner_on(tmp_path)
    with opened(tmp_path) as outbox:
        outbox.append([event(n) for n in range(1, 4)])
        assert status().exit_code == 0
        lose(tmp_path / "outbox.db", "DELETE FROM events WHERE seq = 2")
        told = status()
        assert told.exit_code == 1
        assert "UNACCOUNTED FOR: 1 events" in told.output
        assert status("--json").exit_code == 1
        korean = "\n".join(
            status_lines(station_status(tmp_path, datetime.now(UTC)), texts_of("ko"))
        )
        assert "행방을 알 수 없는 이벤트: 1건" in korean
        accepted = status("--accept-loss")
        assert accepted.exit_code == 0
        assert "Taken as lost: 1 events" in accepted.output
        assert (events_of(tmp_path)["unaccounted"], events_of(tmp_path)["written_off"]) == (0, 1)
        lose(tmp_path / "outbox.db", "DELETE FROM events WHERE seq = 3")
        assert status().exit_code == 1


def test_a_loss_before_the_outbox_is_accepted_too(tmp_path) -> None:
    spool = spool_at(tmp_path)
    spool.append(spooled(3))
    lose(tmp_path / "spool.db", "DELETE FROM spool WHERE pseq = 2")
    with opened(tmp_path):
        assert accept_loss(tmp_path) == 1
        assert station_ledger(tmp_path).unaccounted == 0
    spool.close()


def test_a_loss_cannot_be_accepted_where_nothing_is_or_nothing_can_be_written(tmp_path) -> None:
    with pytest.raises(OutboxMissingError):
        accept_loss(tmp_path)
    (tmp_path / "outbox.db").write_bytes(b"no database at all" * 400)
    with pytest.raises(OutboxDamagedError):
        accept_loss(tmp_path)


def test_a_counter_that_the_disk_has_changed_is_told_as_a_difference(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        outbox.append([event(1), event(2)])
        outbox.acknowledge({"events": 2})
        lose(tmp_path / "outbox.db", "UPDATE meta SET value = 'x' WHERE key = 'delivered'")
        assert events_of(tmp_path)["unaccounted"] == 2


async def test_the_station_hears_of_a_loss_by_the_agents_report(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        outbox.append([event(n) for n in range(1, 4)])
    lose(tmp_path / "outbox.db", "DELETE FROM events WHERE seq = 2")
    clock, link = SystemClock(), tmp_path / "link.json"
    thread = OutboxThread(
        lambda: SqliteOutbox(tmp_path / "outbox.db", bounds(), clock, IDS, migrate_outbox)
    )
    await thread.open()
    reporter = LinkReporter(link, LinkStatus(), thread, lambda: "", clock)
    reporting = asyncio.create_task(reporter.run())
    try:
        await until(link.exists, 60)
        told = StationFiles(tmp_path, clock).cloud_link()
        assert told.faults == {"events_unaccounted": "1"}
    finally:
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)
        await thread.close()
    assert StationFiles(tmp_path, clock).cloud_link().faults == {"events_unaccounted": "1"}


class SlowClock(SystemClock):
    """A clock that a test can push on."""

    later_s = 0.0

    def monotonic_ns(self) -> int:
        return super().monotonic_ns() + int(self.later_s * 1e9)


def test_a_damaged_outbox_file_raises_a_fault_that_says_what_may_be_lost(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        outbox.append([event(n, payload=b"x" * 3000) for n in range(1, 41)])
        outbox.acknowledge({"events": 10})
    with (tmp_path / "outbox.db").open("r+b") as file:
        file.seek(100_000)
        file.write(b"\xff" * 4096)
    with opened(tmp_path) as outbox:
        assert outbox.quarantined is not None
        (fault,) = standing_faults(tmp_path, NOW_MS).values()
        assert fault.startswith("outbox/quarantine/")
        assert events_of(tmp_path)["unaccounted"] == 0
        with contextlib.closing(sqlite3.connect(tmp_path / "outbox.db")) as db:
            (reason,) = db.execute("SELECT reason FROM refused").fetchone()
        lost = 30 - outbox.salvaged_count
        assert reason.endswith(f"at most {lost} events went with it")
