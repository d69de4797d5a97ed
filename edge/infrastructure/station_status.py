"""How a station stands, read from its home beside whatever runs there."""

import contextlib
import json
import shutil
import sqlite3
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from edge.infrastructure.clock_floor import clock_is_behind, clock_trust
from edge.infrastructure.identity_files import IdentityFolder
from edge.infrastructure.identity_trust import trust_version
from edge.infrastructure.sqlite_outbox_ledger import station_ledger, write_off
from edge.infrastructure.sqlite_outbox_reading import read_status
from edge.infrastructure.station_log import read_lines
from edge.outbox.errors import OutboxDamagedError, OutboxMissingError
from edge.outbox.ledger import StationLedger
from edge.outbox.renewal import renewal_due

#: Shares of the disk in use at which the next level begins.
LEVELS_RATIO = (0.6, 0.7, 0.8, 0.9)
LAST_ERRORS = 5


def station_status(home: Path, now: datetime) -> dict[str, object]:
    """Return everything that `kyndof-edge status` shows.

    Raises:
        OutboxMissingError: no agent has worked here yet.
    """
    status = read_status(home)
    return {
        "identity": _identity(home, now),
        **status,
        "events": _events(home),
        "disk": _disk(home),
        "clock": _clock(now),
        "work_package": _json(home / "packages" / "applied.json"),
        "configuration": _json(home / "configuration" / "report.json"),
        "bundle": _bundle(home),
        "errors": read_lines(home, LAST_ERRORS, "WARNING"),
    }


def _identity(home: Path, now: datetime) -> dict[str, object] | None:
    folder = IdentityFolder(home / "identity")
    station, life = folder.station(), folder.life()
    if station is None or life is None:
        return None
    due = renewal_due(life.not_before, life.not_after, life.chance_ratio)
    return {
        **asdict(station),
        "certificate_ends_at": life.not_after.isoformat(),
        "certificate_days_left": round((life.not_after - now).total_seconds() / 86_400, 1),
        "certificate_renewed_from": due.isoformat(),
        "certificate_pending": folder.has_pending(),
        "trust_version": trust_version(folder.current),
    }


def _events(home: Path) -> dict[str, object]:
    """Count this outbox's events, each place by its own counter; `unaccounted` should be 0.

    A snapshot that a newer one replaced before it was sent is shed. What the station has made and
    the outbox does not have yet waits in the spool and is counted apart.
    """
    ledger = station_ledger(home)
    return {
        **asdict(ledger.outbox),
        "spooled": _spooled(home / "spool.db", ledger),
        "spool": None if ledger.spool is None else asdict(ledger.spool),
        "holes": ledger.holes,
        "unaccounted": ledger.unaccounted,
    }


def accept_loss(home: Path) -> int:
    """Take what is unaccounted for as lost; return how many events that are.

    Raises:
        OutboxMissingError: no agent has worked here yet.
        OutboxDamagedError: the outbox cannot be written now.
    """
    if not (home / "outbox.db").exists():
        raise OutboxMissingError(str(home / "outbox.db"))
    try:
        ledger = station_ledger(home)
        write_off(home / "outbox.db", ledger)
    except sqlite3.Error as error:
        raise OutboxDamagedError(str(error)) from error
    return ledger.unaccounted


def _spooled(path: Path, ledger: StationLedger) -> int | None:
    """Return how many events of the station's own spool the outbox does not have.

    ``None`` is: nobody knows, the spool cannot be read.
    """
    if not path.exists():
        return 0
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            row = db.execute(
                "SELECT count(*) FROM spool WHERE pseq > ?", (ledger.known_pseq or 0,)
            ).fetchone()
    except sqlite3.Error:
        return None
    return int(row[0])


def disk_level(home: Path) -> int:
    """Return how full the disk is, from 0 (much room) to 4 (hardly any)."""
    usage = shutil.disk_usage(home)
    used_ratio = 1 - usage.free / usage.total
    return sum(used_ratio >= level for level in LEVELS_RATIO)


def _disk(home: Path) -> dict[str, int]:
    usage = shutil.disk_usage(home)
    media = home / "media"
    pictures = (f.stat().st_size for f in media.rglob("*") if f.is_file()) if media.exists() else ()
    return {
        "level": disk_level(home),
        "total_bytes": usage.total,
        "free_bytes": usage.free,
        "outbox_bytes": (home / "outbox.db").stat().st_size,
        "media_bytes": sum(pictures),
    }


def _clock(now: datetime) -> dict[str, object]:
    synced, error_ms = clock_trust()
    behind = clock_is_behind()
    return {
        "now": now.isoformat(),
        "behind": behind,
        "synced": synced,
        "error_ms": error_ms if synced else None,
    }


def _json(path: Path) -> dict[str, object] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _bundle(home: Path) -> dict[str, object] | None:
    """Return which bundles lie here; the file begins with a line that holds its digest."""
    with contextlib.suppress(OSError, ValueError):
        content = json.loads((home / "models" / "slots").read_bytes().partition(b"\n")[2])
        if isinstance(content, dict):
            return content
    return None
