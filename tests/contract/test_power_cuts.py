"""A power cut at any moment: what was promised is there, files are the old ones or the new ones.

The station's own code runs under strace; from the log of its writes and flushes come the states
that a disk may be in after a cut. The seed is printed; KYNDOF_SEED replays it.
"""

import contextlib
import os
import re
import sqlite3
import sys

import pytest

from edge.infrastructure.identity_files import IdentityFolder
from edge.infrastructure.package_store import PackageStore, package_path
from edge.infrastructure.sqlite_spool import SqliteSpool
from tests.crash_states import crash_states, record, strace
from tests.fakes.floor import environment
from tests.seeds import chance
from tests.simulators import crash_writer

pytestmark = [
    pytest.mark.requirement("BUF"),
    pytest.mark.timeout(600),
]


#: "acked " as strace writes it.
ACKED = "".join(f"\\x{byte:02x}" for byte in b"acked ")


def needs_strace():
    if strace() is None:
        if os.environ.get("KYNDOF_REQUIRE_SERVERS") == "1":
            pytest.fail("strace is not installed, or may not trace here")
        pytest.skip("strace is not installed, or may not trace here")


def states_of(what, tmp_path, count, failing=""):
    needs_strace()
    source = tmp_path / what
    source.mkdir()
    program = [sys.executable, "-m", "tests.simulators.crash_writer", what, str(source)]
    no_caches = environment(PYTHONDONTWRITEBYTECODE="1")
    calls = record(program, tmp_path / f"{what}.log", no_caches, failing)
    found = 0
    for state in crash_states(calls, source, tmp_path / "states", chance(), count):
        found += 1
        yield state
    assert found > count * 0.9


def outbox_after(folder, acked) -> None:
    """Open what a cut left as the agent does, and look for every promised event."""
    outbox = crash_writer.opened(folder)
    try:
        assert outbox.quarantined is None, "a sound disk counts as damaged"
        state = next(s for s in outbox.state().streams if s.stream == "events")
        assert state.last_seq >= acked, f"{acked} were promised, {state.last_seq} are there"
        rows = outbox.read_after("events", state.trimmed_seq, 10_000, 1 << 30)
        assert [row.seq for row in rows] == list(range(state.trimmed_seq + 1, state.last_seq + 1))
        # Events were numbered alike by their producer and by the outbox.
        known = [crash_writer.incoming(number) for number in range(1, acked + 1)]
        assert outbox.append(known).appended_count == 0, "a promised event was not known"
        assert (outbox.producers() or {"p": 0}) == {"p": state.last_seq}
    finally:
        outbox.close()


def spool_after(folder, acked) -> None:
    spool = SqliteSpool(folder / "spool.db", crash_writer.POLICY, "run_1")
    try:
        assert spool.quarantined is None
        before, last = spool.bounds()
        assert last >= acked
        assert [row.pseq for row in spool.page(0, 10_000)] == list(range(before + 1, last + 1))
        assert last % 2 == 0, "a pair was torn"
    finally:
        spool.close()
    with contextlib.closing(sqlite3.connect(folder / "spool.db")) as db:
        assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)


def files_after(folder, acked) -> None:
    """The newest promised generation or the one after it, whole."""
    near = {acked, acked + 1}
    packages = folder / "packages"
    named = packages / "current.digest"
    assert named.exists() or not acked, "no package is in force"
    if named.exists():
        content = package_path(packages, named.read_text()).read_bytes()
        assert content in {crash_writer.package(number) for number in near}, "neither old nor new"
    applied = PackageStore(packages).applied(crash_writer.STATION)
    assert not applied.work_digest or applied.generation in near
    identities = IdentityFolder(folder / "identity")
    identities.settle()
    station = identities.station()
    if acked:
        assert station is not None, "neither the old identity nor the new one"
    if station is not None:
        number = int(station.station_name[-2:])
        assert number in near
        certificate = (identities.current / "certificate.pem").read_bytes()
        assert certificate == crash_writer.identity(number)[0]
    single = folder / "single.json"
    if acked or single.exists():
        wanted = [b'{"generation": %d}' % number * 300 for number in near]
        assert single.read_bytes() in wanted


CHECKS = {
    "outbox": outbox_after,
    "mending": outbox_after,
    "spool": spool_after,
    "files": files_after,
}


def cut(what, tmp_path, count, failing="") -> None:
    for at, how, folder, acked in states_of(what, tmp_path, count, failing):
        try:
            CHECKS[what](folder, acked)
        except AssertionError as error:
            raise AssertionError(f"cut after call {at}, {how} of the unflushed: {error}") from error


@pytest.mark.faults
@pytest.mark.parametrize("what", ["outbox", "spool"])
def test_no_promised_event_is_lost_by_a_power_cut(tmp_path, what) -> None:
    cut(what, tmp_path, 200)


@pytest.mark.faults
def test_files_are_the_old_ones_or_the_new_ones_after_a_power_cut(tmp_path) -> None:
    cut("files", tmp_path, 400)


def failing_later(tmp_path, call, first, last=None):
    """strace's word for calls that fail, counted from the first promise on."""
    source = tmp_path / "sound"
    source.mkdir()
    program = [sys.executable, "-m", "tests.simulators.crash_writer", "mending", str(source)]
    log = tmp_path / "sound.log"
    record(program, log, environment(PYTHONDONTWRITEBYTECODE="1"))
    before, _, _ = log.read_text("ascii").partition(ACKED)
    base = len(re.findall(rf"^\d+ +{call}\(", before, re.MULTILINE))
    assert base
    until = f"..{base + last}" if last else ""
    return f"when={base + first}{until}"


@pytest.mark.faults
@pytest.mark.parametrize("few", [(3, None), (4, 9)])
def test_a_flush_that_fails_is_no_promise(tmp_path, few) -> None:
    """What a failed flush left in the system's memory never reaches the disk by a later one."""
    needs_strace()
    cut(
        "mending", tmp_path, 80, f"fdatasync:error=EIO:{failing_later(tmp_path, 'fdatasync', *few)}"
    )


@pytest.mark.faults
@pytest.mark.parametrize("few", [(9, None), (14, 40)])
def test_writes_that_find_no_room_damage_nothing(tmp_path, few) -> None:
    needs_strace()
    cut(
        "mending",
        tmp_path,
        80,
        f"pwrite64:error=ENOSPC:{failing_later(tmp_path, 'pwrite64', *few)}",
    )


@pytest.mark.soak
@pytest.mark.parametrize("what", ["outbox", "spool", "files"])
def test_thousands_of_power_cuts_lose_nothing(tmp_path, what) -> None:
    cut(what, tmp_path, 2500)
