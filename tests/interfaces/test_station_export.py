"""What a station that is cut off gives by hand arrives once, and only from whom it says."""

import asyncio
import hashlib
import json
import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree, ignore_patterns

import cv2
import numpy as np
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kyndof_wire.export.v1.export_pb2 import ExportFrame
from kyndof_wire.floor.v1.floor_pb2 import BadgeScanned, StationSnapshot
from kyndof_wire.sync.v1.sync_pb2 import ClockReport, Event
from typer.testing import CliRunner, Result

from cloud.composition.doors import terminal_doors
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.interfaces.edge_intake.station_export import StationImport
from cloud.interfaces.terminal.app import build_terminal
from cloud.stations.commands import RevokeStation
from cloud.stations.errors import (
    CertificateRevokedError,
    ExportForeignError,
    ExportInvalidError,
)
from edge.infrastructure.boot_clocks import BootClocks
from edge.infrastructure.identity_files import IdentityFolder, sign_with
from edge.infrastructure.sqlite_outbox import OutboxBounds, SqliteOutbox
from edge.infrastructure.sqlite_outbox_schema import migrate_outbox
from edge.infrastructure.station_export import MAGIC, export_station
from edge.infrastructure.system_time import SystemClock, UlidFactory
from edge.outbox.errors import ExportNotWrittenError, NotEnrolledError, OutboxMissingError
from edge.outbox.record import IncomingEvent
from tests.fakes.core import DEMO, OTHER, context_of
from tests.fakes.enrolled import Station
from tests.fakes.floor import ROOT
from tests.fakes.intake import Device, IntakeWorld, floor_event, intake_over

pytestmark = [pytest.mark.requirement("SYN", "BUF"), pytest.mark.timeout(90)]


@pytest.fixture
async def world(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[IntakeWorld]:
    async with intake_over(database, tmp_path) as opened:
        yield opened


def incoming(
    event: Event, number: int, *, stream: str = "events", media: bytes = b""
) -> IncomingEvent:
    event.stream = stream
    if media:
        event.media_sha256.append(media)
    return IncomingEvent(
        event_id=event.event_id,
        stream=stream,
        producer_id="producer",
        pseq=number,
        payload=event.payload,
        body=event.SerializeToString(),
        media=(media,) if media else (),
    )


def badge(number: int, media: bytes = b"", **more: object) -> IncomingEvent:
    scanned = BadgeScanned(login="worker@demo.example", reader="hid")
    event = floor_event("badge_scanned", scanned, pseq=number, **more)
    return incoming(event, number, media=media)


class Floor:
    """A station's home with an outbox that waits."""

    def __init__(self, world: IntakeWorld, folder: Path) -> None:
        self.home = folder
        self.station = Station(world, folder)
        self.world = world
        self.outbox = SqliteOutbox(
            folder / "outbox.db",
            OutboxBounds(max_bytes=64 << 20, ballast_bytes=0, retention_ms=0),
            SystemClock(),
            UlidFactory(),
            migrate_outbox,
        )
        self._number = 0

    def make(self, count: int, **more: object) -> None:
        events = [badge(self._number + n + 1, **more) for n in range(count)]
        self._number += count
        assert self.outbox.append(events).appended_count == count

    def snapshot(self) -> None:
        self._number += 1
        event = floor_event("station_snapshot", StationSnapshot(phase="IDLE"), pseq=self._number)
        self.outbox.append([incoming(event, self._number, stream="state")])

    def picture(self) -> tuple[str, bytes]:
        noise = np.random.default_rng(3).integers(0, 255, (900, 900, 3), dtype=np.uint8)
        content = cv2.imencode(".png", noise)[1].tobytes()
        assert len(content) > 1 << 20
        sha256 = hashlib.sha256(content)
        name = sha256.hexdigest()
        (self.home / "media" / name[:2]).mkdir(parents=True)
        (self.home / "media" / name[:2] / name[2:]).write_bytes(content)
        self._number += 1
        self.outbox.append([badge(self._number, sha256.digest())])
        return name, content

    def export(self, name: str = "floor.kyx") -> Path:
        before = (self.home / "outbox.db").read_bytes()
        target = self.home / name
        export_station(self.home, target, SystemClock(), "test")
        assert (self.home / "outbox.db").read_bytes() == before
        return target

    async def take(self, path: Path, organization_id: str = DEMO) -> object:
        world = self.world
        importing = StationImport(world.core.bus, world.authority, world.vault, world.border)
        return await importing.take(path, organization_id)

    async def seqs(self) -> list[int]:
        rows = await self.world.rows(
            "SELECT seq FROM station_events WHERE stream = 'events' ORDER BY epoch, seq"
        )
        return [row["seq"] for row in rows]


async def test_what_is_carried_by_hand_is_dated_by_what_its_boot_knew(
    world: IntakeWorld, tmp_path: Path
) -> None:
    floor = Floor(world, tmp_path / "station")
    await floor.station.enrol(days_ago=1)
    fixed = Timestamp()
    fixed.FromDatetime(datetime(2026, 5, 4, 12, tzinfo=UTC))
    boot = b"m" * 16
    report = ClockReport(
        wall=fixed, mono_ns=7200 * 10**9, ntp_synced=True, est_error_ms=30, boot_id=boot
    )
    BootClocks(file=floor.home / "boot_clocks.json", boot_id=boot).note(report)
    floor.make(1, boot_id=boot, mono_ns=3600 * 10**9)
    await floor.take(floor.export())
    (row,) = await world.rows("SELECT event_time, event_time_err_ms FROM station_event_times")
    assert row["event_time"] == datetime(2026, 5, 4, 11, tzinfo=UTC)
    assert row["event_time_err_ms"] == 30 + 1800


async def test_what_was_imported_is_not_sent_again_and_later_events_follow(
    world: IntakeWorld, tmp_path: Path
) -> None:
    floor = Floor(world, tmp_path / "station")
    await floor.station.enrol(days_ago=50)
    floor.make(700)
    for _ in range(3):
        floor.snapshot()
    name, content = floor.picture()
    first = await floor.take(floor.export())
    assert (first.events_new, first.events_known, first.pictures_new) == (702, 0, 1)
    assert await world.vault.read(DEMO, name, None) == content
    again = await floor.take(floor.export("again.kyx"))
    assert (again.events_new, again.events_known, again.pictures_new) == (0, 702, 0)
    assert again.pictures_known == 1
    # The way is open again: the cloud's cursor tells the station where to go on.
    await floor.station.rotation.step()
    async with world.talk(floor.station.device()) as talk:
        state = floor.outbox.state()
        await talk.hello(state.outbox_id, state.epoch)
        cursors = {p.stream: (p.seq, p.digest) for p in talk.welcome.resume_after}
    ours = {s.stream: (s.last_seq, s.digest) for s in state.streams}
    assert cursors["events"] == ours["events"]
    assert cursors["state"][0] == ours["state"][0]
    floor.outbox.acknowledge({"events": 701, "state": 3})
    floor.make(10)
    later = await floor.take(floor.export("later.kyx"))
    assert (later.events_new, later.events_known) == (10, 0)
    assert await floor.seqs() == list(range(1, 712))
    audited = await world.rows(
        "SELECT user_login, source, metadata::jsonb->'fields' AS fields FROM audit_log"
        " WHERE action = 'record_station_import' ORDER BY sequence"
    )
    rows = [(row["user_login"], json.loads(row["fields"])) for row in audited]
    assert [(who, told["events_new_count"], told["events_known_count"]) for who, told in rows] == [
        ("system", 702, 0), ("system", 0, 702), ("system", 10, 0),
    ]  # fmt: skip
    assert {row["source"] for row in audited} == {"terminal"}
    assert len({told["file_digest"] for _, told in rows}) == 3


async def test_a_file_that_was_cut_changed_or_made_by_others_is_refused_whole(
    world: IntakeWorld, tmp_path: Path
) -> None:
    floor = Floor(world, tmp_path / "station")
    await floor.station.enrol(days_ago=1)
    floor.make(600)
    whole = floor.export().read_bytes()
    wrong = {
        "cut": whole[: len(whole) // 2],
        "cut-at-a-frame": _frames(whole, last=-1),
        "flipped": whole[: len(whole) // 2]
        + bytes([whole[len(whole) // 2] ^ 1])
        + whole[len(whole) // 2 + 1 :],
        "longer": whole + whole[len(MAGIC) :],
        "none": b"no export",
        "empty": b"",
        "a-lie-about-length": MAGIC + struct.pack(">I", 1 << 31) + whole,
        "signed-by-another": _signed_again(whole),
    }
    for name, content in wrong.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ExportInvalidError):
            await floor.take(path)
    with pytest.raises(ExportInvalidError):
        await floor.take(tmp_path / "missing")
    with pytest.raises(ExportForeignError):
        await floor.take(floor.home / "floor.kyx", OTHER)
    assert await floor.seqs() == []
    lead = context_of("lead@demo.example")
    await world.core.bus.send(
        RevokeStation(station_id=floor.station.station_id, reason="stolen"), lead
    )
    with pytest.raises(CertificateRevokedError):
        await floor.take(floor.home / "floor.kyx")


def _split(whole: bytes) -> list[bytes]:
    frames, at = [], len(MAGIC)
    while at < len(whole):
        (size,) = struct.unpack(">I", whole[at : at + 4])
        frames.append(whole[at + 4 : at + 4 + size])
        at += 4 + size
    return frames


def _joined(frames: list[bytes]) -> bytes:
    return MAGIC + b"".join(struct.pack(">I", len(f)) + f for f in frames)


def _frames(whole: bytes, last: int) -> bytes:
    return _joined(_split(whole)[:last])


def _signed_again(whole: bytes) -> bytes:
    """Leave one batch out and sign what is left with a key of one's own."""
    frames = _split(whole)
    del frames[1]
    chain = bytes(32)
    for content in frames[:-1]:
        chain = hashlib.sha256(chain + content).digest()
    end = ExportFrame.FromString(frames[-1])
    end.end.chain, end.end.events = chain, end.end.events - 500
    end.end.signature = sign_with(Device().key_pem, chain)
    return _joined([*frames[:-1], end.SerializeToString()])


async def test_damaged_events_become_gaps_in_the_file(world: IntakeWorld, tmp_path: Path) -> None:
    floor = Floor(world, tmp_path / "station")
    await floor.station.enrol(days_ago=1)
    floor.make(20)
    floor.outbox._db.execute("UPDATE events SET body = x'00' WHERE seq = 7 AND stream = 'events'")
    report = await floor.take(floor.export())
    assert report.events_new == 19
    assert await floor.seqs() == [n for n in range(1, 21) if n != 7]


async def test_what_cannot_be_exported_is_said(world: IntakeWorld, tmp_path: Path) -> None:
    floor = Floor(world, tmp_path / "station")
    with pytest.raises(NotEnrolledError):
        floor.export()
    await floor.station.enrol(days_ago=1)
    with pytest.raises(ExportNotWrittenError):
        export_station(floor.home, tmp_path / "nowhere" / "file", SystemClock(), "test")
    folder = IdentityFolder(tmp_path / "bare" / "identity")
    (tmp_path / "bare").mkdir()
    copytree(floor.station.identity.current, folder.current)
    with pytest.raises(OutboxMissingError):
        export_station(tmp_path / "bare", tmp_path / "file", SystemClock(), "test")


async def test_the_file_is_taken_in_from_the_command_line(
    world: IntakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor = Floor(world, tmp_path / "station")
    await floor.station.enrol(days_ago=1)
    floor.make(5)
    path = floor.export()
    # Nobody holds a position here: whoever owns the machine needs none.
    registry = tmp_path / "registry"
    copytree(ROOT / "registry", registry, ignore=ignore_patterns("org"))
    (registry / "org").mkdir()
    (registry / "org" / "sales.yml").write_text(
        "domain: sales\nroles:\n  - name: Manager\n"
        "    rabsic: [{action: sell, responsible: true, accountable: true}]\n"
    )
    for name, value in {
        "KYNDOF_HOME": str(tmp_path / "home"),
        "KYNDOF_REGISTRY": str(registry),
        "KYNDOF_DATABASE_URL": world.database.app,
        "KYNDOF_PKI": str(tmp_path / "authority"),
    }.items():
        monkeypatch.setenv(name, value)

    def kyndof(*arguments: str) -> Result:
        return CliRunner().invoke(build_terminal(terminal_doors()), list(arguments))

    told = await asyncio.to_thread(kyndof, "floor", "import", str(path), "--json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["events_new"] == 5
    path.write_bytes(path.read_bytes()[:-1])
    for arguments in ((str(path),), (str(path), "--organization", "nobody")):
        refused = await asyncio.to_thread(kyndof, "floor", "import", *arguments)
        assert refused.exit_code == 1
        assert "EXPORT_" in refused.stderr
    assert await floor.seqs() == [1, 2, 3, 4, 5]
    standing = await asyncio.to_thread(kyndof, "ca", "status", "--json")
    assert json.loads(standing.stdout)["signing"] == world.authority.fingerprint
