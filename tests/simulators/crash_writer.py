"""Writes as the station does and says after each promise `acked N`; to be traced and replayed.

python -m tests.simulators.crash_writer {outbox|mending|spool|files} FOLDER
"""

import hashlib
import os
import sys
from pathlib import Path

from kyndof_wire.sync.v1.sync_pb2 import Event

from edge.infrastructure.durable_files import write_durably
from edge.infrastructure.identity_files import IdentityFolder, JoinToken, StationIdentity
from edge.infrastructure.package_store import AppliedWish, PackageStore
from edge.infrastructure.sqlite_outbox import OutboxBounds, SqliteOutbox
from edge.infrastructure.sqlite_outbox_schema import migrate_outbox
from edge.infrastructure.sqlite_spool import NewEvent, SqliteSpool
from edge.infrastructure.system_time import SystemClock, UlidFactory
from edge.outbox.errors import OutboxDamagedError, OutboxError, OutboxFullError
from edge.outbox.record import IncomingEvent
from edge.outbox.spooling import SpoolPolicy

BOUNDS = OutboxBounds(max_bytes=64 << 20, ballast_bytes=0, retention_ms=-1)
POLICY = SpoolPolicy(max_bytes=64 << 20, ballast_bytes=0)
STATION = "sta_01JSTAT10N0000000000000001"
TOKEN = JoinToken(join_token="t", serial="s", ca_fingerprint="f")  # noqa: S106 - of the test


def said(number: int) -> None:
    os.write(1, b"acked %d\n" % number)


def identifier(number: int) -> bytes:
    return number.to_bytes(16, "big")


def incoming(number: int) -> IncomingEvent:
    payload = b"%d" % number * 40
    envelope = Event(event_id=identifier(number), type="t", producer_id="p", pseq=number)
    envelope.payload = payload
    return IncomingEvent(
        event_id=identifier(number),
        stream="events",
        producer_id="p",
        pseq=number,
        payload=payload,
        body=envelope.SerializeToString(),
    )


def opened(folder: Path) -> SqliteOutbox:
    path = folder / "outbox.db"
    return SqliteOutbox(path, BOUNDS, SystemClock(), UlidFactory(), migrate_outbox)


def write_outbox(folder: Path) -> None:
    """Fill, acknowledge, trim, fold the log in, open again and go on."""
    number = 0
    for _ in range(2):
        outbox = opened(folder)
        for batch in range(12):
            outbox.append([incoming(number + n) for n in range(1, 6)])
            number += 5
            said(number)
            if batch == 6:
                outbox.acknowledge({"events": number - 20})
                outbox.trim()
            if batch == 9:
                outbox._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        outbox.close()


def write_mending(folder: Path) -> None:
    """As the agent's outbox thread: what fails is mended and tried again, as producers do."""
    outbox, number, failures = opened(folder), 0, 0
    while number < 100:
        batch = [incoming(number + n) for n in range(1, 6)]
        try:
            mending(outbox, batch)
        except OutboxError:
            failures += 1
            assert failures < 200, "it never comes back"
            continue
        number += 5
        said(number)
    os.write(1, b"failed %d\n" % failures)
    outbox.close()


def mending(outbox: SqliteOutbox, batch: list[IncomingEvent]) -> None:
    try:
        outbox.append(batch)
    except (OutboxFullError, OutboxDamagedError) as error:
        (outbox.make_room if isinstance(error, OutboxFullError) else outbox.reopen)()
        outbox.append(batch)


def write_spool(folder: Path) -> None:
    """Append in pairs, trim, open again and go on."""
    number = 0
    for _ in range(2):
        spool = SqliteSpool(folder / "spool.db", POLICY, "run_1")
        for batch in range(12):
            spool.append([
                NewEvent(event_id=identifier(number + n), stream="events", body=b"x" * 300)
                for n in (1, 2)
            ])  # fmt: skip
            number += 2
            said(number)
            if batch == 8:
                spool.trim(number - 8)
        spool.close()


def package(generation: int) -> bytes:
    return b"package %d " % generation * 500


def identity(number: int) -> tuple[bytes, StationIdentity]:
    station = StationIdentity(
        station_id=STATION,
        organization_id="org_1",
        station_name=f"CUT-{number:02d}",
        organization_code="demo",
    )
    return b"certificate %d\n" % number * 20, station


def write_files(folder: Path) -> None:
    """A picture, a work package and an identity, each made and replaced; `acked` counts rounds."""
    packages, identities = PackageStore(folder / "packages"), IdentityFolder(folder / "identity")
    for number in range(1, 6):
        content = package(number)
        wish = AppliedWish(
            station_id=STATION,
            generation=number,
            work_digest=hashlib.sha256(content).hexdigest(),
        )
        packages.apply(wish, content)
        identities.signing_request("CUT-01")
        certificate, station = identity(number)
        identities.accept(certificate, b"authority", station, TOKEN)
        write_durably(folder / "single.json", b'{"generation": %d}' % number * 300)
        said(number)


if __name__ == "__main__":
    {
        "outbox": write_outbox,
        "mending": write_mending,
        "spool": write_spool,
        "files": write_files,
    }[sys.argv[1]](Path(sys.argv[2]))
