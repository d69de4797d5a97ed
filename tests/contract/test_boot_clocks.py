"""What boots knew of the time is written down, and told to the cloud with every heartbeat."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kyndof_wire.sync.v1.sync_pb2 import ClockReport

from edge.infrastructure import clock_floor
from edge.infrastructure.boot_clocks import MOST_BOOTS, BootClocks
from edge.infrastructure.child_process import boot_id
from tests.contract.test_outbox_uplink import Site
from tests.fakes.cloud_server import CloudServer
from tests.fakes.floor import until

pytestmark = pytest.mark.requirement("SYN", "FLT")
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR_NS = 3_600 * 10**9


def report(boot: bytes, error_ms: int = 20, mono_ns: int = HOUR_NS, **more: bool) -> ClockReport:
    wall = Timestamp()
    wall.FromDatetime(NOON)
    told = {"ntp_synced": True} | more
    return ClockReport(wall=wall, mono_ns=mono_ns, est_error_ms=error_ms, boot_id=boot, **told)


def clocks(folder: Path, boot: bytes) -> BootClocks:
    return BootClocks(file=folder / "boot_clocks.json", boot_id=boot)


def test_the_next_boot_knows_what_the_one_before_knew(tmp_path: Path) -> None:
    monday, tuesday = b"m" * 16, b"t" * 16
    clocks(tmp_path, monday).note(report(monday))
    assert clocks(tmp_path, monday).past() == []
    assert clocks(tmp_path, tuesday).past() == [report(monday)]


def test_only_a_time_server_and_only_a_better_word_is_written_down(tmp_path: Path) -> None:
    monday, later = b"m" * 16, clocks(tmp_path, b"t" * 16)
    here = clocks(tmp_path, monday)
    here.note(report(monday, ntp_synced=False))
    assert not (tmp_path / "boot_clocks.json").exists()
    here.note(report(monday, 20))
    here.note(report(monday, 21))
    assert later.past() == [report(monday, 20)]
    # An hour later the old word is worth 1.8 s less.
    here.note(report(monday, 1821, 2 * HOUR_NS))
    assert later.past() == [report(monday, 20)]
    here.note(report(monday, 1819, 2 * HOUR_NS))
    assert later.past() == [report(monday, 1819, 2 * HOUR_NS)]


def test_so_many_boots_are_kept_and_a_broken_file_knows_nothing(tmp_path: Path) -> None:
    for number in range(MOST_BOOTS + 3):
        boot = bytes([number]) * 16
        clocks(tmp_path, boot).note(report(boot))
    past = clocks(tmp_path, b"t" * 16).past()
    assert [one.boot_id[0] for one in past] == list(range(3, MOST_BOOTS + 3))
    for broken in ("", "[7]", '[{"boot_id": "zz"}]', "{}", "null"):
        (tmp_path / "boot_clocks.json").write_text(broken)
        assert clocks(tmp_path, b"t" * 16).past() == []
        clocks(tmp_path, b"t" * 16).note(report(b"t" * 16))
        assert clocks(tmp_path, b"m" * 16).past() == [report(b"t" * 16)]


def test_a_clock_that_is_told_by_its_floor_may_be_wrong_by_so_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock_floor, "_FLOOR", clock_floor._Floor())
    synced, error_ms = clock_floor.clock_trust()
    clock_floor.raise_floor(datetime.now(UTC) + timedelta(minutes=4))
    found, more_ms = clock_floor.clock_trust()
    assert found is synced
    if synced:
        assert more_ms >= error_ms + 230_000


async def test_the_first_word_after_the_welcome_answers_it_and_comes_before_any_event(
    tmp_path: Path,
) -> None:
    earlier = b"m" * 16
    clocks(tmp_path, earlier).note(report(earlier))
    async with CloudServer() as cloud, Site(tmp_path, cloud) as site:
        await site.make(3)
        async with site.connected():
            await site.all_arrived()
            await until(lambda: len(cloud.ledger.beats) >= 3)
    (hello,) = cloud.ledger.hellos
    assert [one.boot_id for one in hello.past_clocks] == [earlier]
    assert hello.clock.boot_id == boot_id()
    first, *others = cloud.ledger.beats
    assert first.events_before == 0
    assert (first.beat.echo.number, first.beat.HasField("echo")) == (0, True)
    for one in (first, *others):
        assert one.beat.clock.boot_id == boot_id()
        assert 0 < one.beat.echo.heard_mono_ns <= one.beat.clock.mono_ns
    # The fake answers the first one as number 1, and so on.
    assert [one.beat.echo.number for one in others] == sorted(
        one.beat.echo.number for one in others
    )
    assert others[-1].beat.echo.number >= 1
