"""Runs inside a station on a virtual machine, by Debian's own Python: says what the station keeps.

On the second serial line it says `on`, once a second `unit STATE RESTARTS RELEASE`, for each row of
the outbox that another connection can read `stored EVENT`, and the station's log, `log …`, where
the unit was started again. It scans a badge twice a second. Told `switch`, it puts a release on
trial that ends as soon as it is started.
"""

import os
import pwd
import select
import shutil
import sqlite3
import subprocess
import time
import tty
from pathlib import Path

LINE = "/dev/ttyS1"
SCANNER = "/run/kyndof/scanner.fifo"
STATIONS = Path("/var/lib/kyndof/stations")
TOKEN = Path("/run/kyndof/join-token.json")
OWN = Path("/opt/told")
PROGRAMS = Path("/opt/kyndof")
ROWS = "SELECT rowid, hex(event_id) FROM events WHERE rowid > ? AND stream = 'events' ORDER BY 1"
BROKEN = "broken"


class Teller:
    """Looks again and again, each thing at its own pace."""

    def __init__(self) -> None:
        self.line = os.open(LINE, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.line)
        self.badge = (OWN / "badge").read_text().strip() + "\n"
        self.seen = 0
        self.restarts = "0"
        self.outbox: sqlite3.Connection | None = None

    def say(self, text: str) -> None:
        os.set_blocking(self.line, True)
        os.write(self.line, f"{text}\n".encode())
        os.set_blocking(self.line, False)

    def run(self) -> None:
        """Go on for ever."""
        self.say("on")
        looked = scanned = 0.0
        while True:
            ready, _, _ = select.select([self.line], [], [], 0.05)
            if ready and b"switch" in os.read(self.line, 64):
                switch()
            now = time.monotonic()
            if now - looked > 1:
                looked = now
                self.tell_unit()
            if now - scanned > 0.5:
                scanned = now
                self.scan()
            self.tell_stored()

    def tell_unit(self) -> None:
        """Say how the unit is, and its log where it was started again."""
        told = said("systemctl", "show", "kyndof-edge", "-p", "ActiveState", "-p", "NRestarts")
        state = dict(pair.split("=") for pair in told.split())
        release = (PROGRAMS / "current").readlink().name
        self.say(f"unit {state['ActiveState']} {state['NRestarts']} {release}")
        if state["NRestarts"] != self.restarts:
            self.restarts = state["NRestarts"]
            for text in said(
                "journalctl", "-u", "kyndof-edge", "-n", "40", "-o", "cat"
            ).splitlines():
                self.say(f"log {text[:300]}")

    def scan(self) -> None:
        """Scan the badge where a station listens."""
        try:
            scanner = os.open(SCANNER, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return
        try:
            os.write(scanner, self.badge.encode())
        except BlockingIOError:
            pass
        finally:
            os.close(scanner)

    def tell_stored(self) -> None:
        """Say which events were committed since."""
        if self.outbox is None:
            found = [*STATIONS.glob("*/outbox.db")]
            if not found:
                return
            self.outbox = sqlite3.connect(f"file:{found[0]}?mode=ro", uri=True)
        try:
            rows = self.outbox.execute(ROWS, (self.seen,)).fetchall()
        except sqlite3.Error:
            self.outbox = None
            return
        for self.seen, event in rows:
            self.say(f"stored {event}")


def said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def switch() -> None:
    """Put a release to work as the playbook does, one that cannot run."""
    releases = PROGRAMS / "releases"
    now = (PROGRAMS / "current").readlink().name
    shutil.copytree(releases / now, releases / BROKEN, symlinks=True, copy_function=os.link)
    program = releases / BROKEN / "venv" / "bin" / "kyndof-edge"
    program.unlink()
    program.write_text("#!/bin/sh\necho a release that cannot run\nexit 1\n")
    program.chmod(0o755)
    (PROGRAMS / "trial").write_text(f"{BROKEN} - 600 3 0\n")
    for name, release in (("previous", now), ("current", BROKEN)):
        draft = PROGRAMS / f"{name}.new"
        draft.symlink_to(f"releases/{release}")
        draft.replace(PROGRAMS / name)
    said("systemctl", "restart", "--no-block", "kyndof-edge")


def leave_the_token() -> None:
    """What Ansible leaves in memory on a machine that runs."""
    owner = pwd.getpwnam("kyndof")
    TOKEN.write_text((OWN / "join.json").read_text())
    TOKEN.chmod(0o600)
    os.chown(TOKEN, owner.pw_uid, owner.pw_gid)


if __name__ == "__main__":
    if not TOKEN.exists():
        leave_the_token()
    Teller().run()
