"""Compares what a producer was promised with what lies at the station and in PostgreSQL.

After any fault the same four promises hold: what was promised is there (durable), nothing is there
twice (effect once), numbers have no hole and follow their digest (order), and disk and memory stay
bounded. `judge` says for each number what became of it, as Jepsen does.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
from kyndof_wire.floor.v1.floor_pb2 import ScanRefused
from kyndof_wire.sync.v1.sync_pb2 import Event
from ulid import ULID

from cloud.infrastructure.postgres.demo_organizations import DEMO
from edge.outbox.record import rolling_digest

_EVENTS = """
SELECT station_id, epoch, stream, seq, standing, event_id, type, payload FROM station_events
WHERE station_id = $1 ORDER BY epoch, stream, seq"""
_GAPS = """
SELECT epoch, stream, first_seq, last_seq, reason FROM station_gaps
WHERE station_id = $1 ORDER BY epoch, stream, first_seq"""
_CURSORS = """
SELECT epoch, stream, committed_seq, digest, duplicates FROM station_cursors
WHERE station_id = $1"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """What PostgreSQL holds of one station."""

    events: list[asyncpg.Record]
    gaps: list[asyncpg.Record]
    cursors: list[asyncpg.Record]

    @classmethod
    async def read(cls, url: str, station_id: str) -> "Cloud":
        """Read it as the demo organization."""
        connection = await asyncpg.connect(url, timeout=20)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                await connection.execute("SELECT set_config('kyndof.organization', $1, true)", DEMO)
                return cls(
                    events=list(await connection.fetch(_EVENTS, station_id)),
                    gaps=list(await connection.fetch(_GAPS, station_id)),
                    cursors=list(await connection.fetch(_CURSORS, station_id)),
                )
        finally:
            await connection.close()

    def numbers(self) -> list[int]:
        """The producer's numbers that took effect, in the log's order."""
        return [
            int(ScanRefused.FromString(row["payload"]).text)
            for row in self.events
            if row["standing"] == "accepted" and row["type"] == "scan_refused"
        ]

    @property
    def duplicates(self) -> int:
        """Events that came again and were dropped by the cursor."""
        return sum(row["duplicates"] for row in self.cursors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What still waits at the station: in the producer's spool and in the outbox."""

    spooled: set[int] = field(default_factory=set)
    pending: set[int] = field(default_factory=set)
    acked: Mapping[str, int] = field(default_factory=dict)
    digests: Mapping[tuple[str, int], int] = field(default_factory=dict)

    @classmethod
    def read(cls, home: Path) -> "Waiting":
        """Read spool and outbox of a station's home."""
        spooled = {
            number
            for body in _rows(home / "spool.db", "SELECT body FROM spool")
            if (number := _number(body[0])) is not None
        }
        acked = dict(_rows(home / "outbox.db", "SELECT stream, acked_seq FROM streams"))
        pending, digests = set(), {}
        for stream, seq, body, digest in _rows(
            home / "outbox.db", "SELECT stream, seq, body, digest FROM events"
        ):
            digests[stream, seq] = digest % (1 << 64)
            number = _number(body)
            if seq > acked.get(stream, 0) and number is not None:
                pending.add(number)
        return cls(spooled=spooled, pending=pending, acked=acked, digests=digests)


def _rows(path: Path, sql: str) -> list[tuple]:
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute(sql).fetchall()


def _number(body: bytes) -> int | None:
    event = Event.FromString(body)
    if event.type != "scan_refused":
        return None
    return int(ScanRefused.FromString(event.payload).text)


@dataclass(slots=True)
class Judgement:
    """What became of each number that a producer wrote."""

    ok: set[int] = field(default_factory=set)
    waiting: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    doubled: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    strangers: set[int] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)

    def demand(self) -> None:
        """Fail with what is wrong."""
        wrong = {
            "lost": sorted(self.lost)[:20],
            "doubled": sorted(self.doubled)[:20],
            "never written": sorted(self.strangers)[:20],
            "broken": self.broken[:20],
        }
        assert not any(wrong.values()), {key: value for key, value in wrong.items() if value}


def told(truth: Path) -> tuple[set[int], set[int]]:
    """Numbers that were surely committed at the producer, and those between begin and a kill."""
    begun: set[int] = set()
    done: set[int] = set()
    if truth.exists():
        for line in truth.read_text("ascii").splitlines():
            words = line.split()
            if len(words) == 3:
                numbers = range(int(words[1]), int(words[2]) + 1)
                (begun if words[0] == "begin" else done).update(numbers)
    return done, begun - done


def judge(done: set[int], doubtful: set[int], cloud: Cloud, waiting: Waiting) -> Judgement:
    """Say what became of everything."""
    found = cloud.numbers()
    arrived = set(found)
    here = waiting.spooled | waiting.pending
    outcome = Judgement(
        ok=done & arrived,
        waiting=(done & here) - arrived,
        lost=done - arrived - here,
        doubled={number for number in arrived if found.count(number) > 1}
        if len(found) != len(arrived)
        else set(),
        unknown=doubtful - arrived,
        strangers=arrived - done - doubtful,
    )
    if found != sorted(found):
        outcome.broken.append("the order at the station is not kept")
    outcome.broken += broken_logs(cloud, waiting)
    return outcome


def broken_logs(cloud: Cloud, waiting: Waiting) -> list[str]:
    """Holes, cursors that do not end where the log ends, digests that do not follow."""
    wrong = []
    for cursor in cloud.cursors:
        place = (cursor["epoch"], cursor["stream"])
        rows = [row for row in cloud.events if (row["epoch"], row["stream"]) == place]
        gaps = [gap for gap in cloud.gaps if (gap["epoch"], gap["stream"]) == place]
        covered = sorted([(row["seq"], row["seq"]) for row in rows] + [
            (gap["first_seq"], gap["last_seq"]) for gap in gaps
        ])  # fmt: skip
        expected = 1
        for first, last in covered:
            if first != expected:
                wrong.append(f"{place}: {first} follows {expected - 1}")
                break
            expected = last + 1
        if expected - 1 != cursor["committed_seq"]:
            wrong.append(f"{place}: the cursor says {cursor['committed_seq']}, {expected - 1} lie")
        if not gaps and all(row["standing"] != "dead" for row in rows):
            wrong += _wrong_digest(place, rows, int.from_bytes(cursor["digest"], "big"), waiting)
    return wrong


def _wrong_digest(
    place: tuple[int, str], rows: Iterable[asyncpg.Record], said: int, waiting: Waiting
) -> list[str]:
    digest, last = 0, 0
    for row in rows:
        identifier = bytes(ULID.from_str(row["event_id"].removeprefix("evt_")))
        digest, last = rolling_digest(digest, identifier, row["payload"]), row["seq"]
    wrong = [] if digest == said else [f"{place}: the cursor's digest is not the log's"]
    kept = waiting.digests.get((place[1], last))
    if kept is not None and kept != digest and place[0] == 1:
        wrong.append(f"{place}: the outbox has another history")
    return wrong
