"""A release that became ready and then fails is taken back by what its unit runs around it."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.infrastructure.station_files import StationFiles
from edge.infrastructure.system_time import SystemClock

ROLES = Path(__file__).parents[2] / "ansible" / "roles"
UNIT = (ROLES / "edge_runtime" / "templates" / "kyndof-edge.service.j2").read_text("utf-8")
PUT_TO_WORK = (ROLES / "updates" / "tasks" / "put_to_work.yml").read_text("utf-8")
WATCHDOG_S = "60"

pytestmark = [pytest.mark.requirement("DEP", "FLT"), pytest.mark.timeout(120)]


def of_unit(key):
    """Return the words of a line of the unit that calls the guard."""
    line = re.search(rf"^{key}=-\+/opt/kyndof/release-guard (.*)$", UNIT, re.M)
    assert line is not None
    return shlex.split(line[1].replace("{{ edge_runtime_watchdog_s }}", WATCHDOG_S))


class Machine:
    """A folder as `/opt/kyndof` is, and a service manager that starts and ends things in it."""

    def __init__(self, folder):
        self.opt, self.run = folder / "opt", folder / "run"
        self.run.mkdir()
        for name in ("old", "new", "older"):
            (self.opt / "releases" / name).mkdir(parents=True)
            (self.opt / "releases" / name / ".complete").touch()
        shutil.copy2(ROLES / "updates" / "files" / "release-guard", self.opt)
        self.point("current", "old")
        self.point("previous", "older")

    def point(self, link, release):
        (self.opt / link).unlink(missing_ok=True)
        (self.opt / link).symlink_to(f"releases/{release}")

    def link(self, name):
        return (self.opt / name).readlink().name

    def put_to_work(self, before="older", confirm_s=600, most=3):
        """Do what the role does before it starts the station anew."""
        (self.opt / "taken-back").unlink(missing_ok=True)
        (self.opt / "trial").write_text(f"new {before} {confirm_s} {most} 0\n")
        self.point("previous", "old")
        self.point("current", "new")

    def guard(self, *words, result="success"):
        done = subprocess.run(
            [self.opt / "release-guard", *words],
            env={"PATH": os.environ["PATH"], "SERVICE_RESULT": result,
                 "KYNDOF_GUARD_RUN": str(self.run)},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def live(self, result, stayed_s=0):
        """Start it, let it stay up so long, and end it so."""
        self.guard(*of_unit("ExecStartPre"))
        started = self.run / "kyndof-release.started"
        started.write_text(f"{int(started.read_text()) - stayed_s}\n")
        self.guard(*of_unit("ExecStopPost"), result=result)

    def told(self):
        log = self.opt / "releases.log"
        return log.read_text().splitlines() if log.exists() else []

    def alarm(self):
        """What the station says of it, which runs as another user and reads only."""
        note = self.opt / "taken-back"
        assert not note.exists() or note.stat().st_mode & 0o777 == 0o644
        return StationFiles(self.opt, SystemClock(), note).release_taken_back()

    def on_trial(self):
        return (self.opt / "trial").exists()


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.parametrize("result", ["exit-code", "signal", "core-dump", "oom-kill", "watchdog"])
def test_a_release_that_fails_three_times_after_it_was_ready_is_taken_back(machine, result) -> None:
    machine.put_to_work()
    for _ in range(2):
        machine.live(result, stayed_s=90)
        assert machine.link("current") == "new"
    machine.live(result, stayed_s=90)
    assert (machine.link("current"), machine.link("previous")) == ("old", "older")
    assert not machine.on_trial()
    assert machine.alarm() == f"new failed 3 times ({result}); old was put back"
    (line,) = machine.told()
    assert line.endswith(f"new failed 3 times ({result}) before it was confirmed; old was put back")
    machine.live("signal")
    assert machine.link("current") == "old", "what was put back is on no trial"


def test_where_nothing_came_before_previous_points_nowhere_again(machine) -> None:
    machine.put_to_work(before="-", most=1)
    machine.live("signal")
    assert machine.link("current") == "old"
    assert not os.path.lexists(machine.opt / "previous")


def test_a_release_that_stayed_up_long_enough_is_confirmed_and_stays(machine) -> None:
    machine.put_to_work()
    machine.live("exit-code")
    machine.live("exit-code", stayed_s=601)
    assert not machine.on_trial()
    assert machine.told()[-1].endswith("s and is confirmed")
    for _ in range(5):
        machine.live("signal")
    assert machine.link("current") == "new"


def test_the_alarm_of_a_release_that_was_taken_back_ends_with_the_next_switch(machine) -> None:
    machine.put_to_work(most=2)
    machine.live("signal")
    assert machine.alarm() == "", "one failure takes nothing back"
    machine.live("signal")
    assert machine.alarm() == "new failed 2 times (signal); old was put back"
    # By hand, without the role.
    machine.point("current", "older")
    assert machine.alarm() == ""
    machine.point("current", "old")
    assert machine.alarm()
    machine.put_to_work()
    assert machine.alarm() == ""
    assert "rm -f taken-back" in PUT_TO_WORK


def test_a_note_that_was_written_before_a_power_cut_says_nothing_yet(machine) -> None:
    machine.put_to_work()
    (machine.opt / "taken-back").write_text("new old 3 signal\n")
    (machine.opt / "taken-back").chmod(0o644)
    assert machine.alarm() == "", "the link was not turned"
    machine.point("current", "old")
    for broken in ("", "new old\n", "\n", "new old 3 signal more\n"):
        (machine.opt / "taken-back").write_text(broken)
        assert machine.alarm() == ""


def test_a_release_is_taken_back_also_where_nothing_can_be_noted(machine) -> None:
    machine.put_to_work(most=1)
    # As on a disk that takes no more: the note cannot be written.
    (machine.opt / "taken-back.new").mkdir()
    (machine.opt / "taken-back.new" / "full").touch()
    machine.live("signal")
    assert machine.link("current") == "old"
    assert machine.told()[-1].endswith("old was put back")


def test_silence_before_the_watchdog_is_no_time_that_it_stayed_up(machine) -> None:
    machine.put_to_work(confirm_s=600, most=1)
    machine.live("watchdog", stayed_s=630)
    assert machine.link("current") == "old"


def test_stops_restarts_and_power_cuts_say_nothing_against_a_release(machine) -> None:
    machine.put_to_work()
    for _ in range(5):
        machine.live("success", stayed_s=20)
    for _ in range(5):
        # A power cut: nobody hears of an end, and what lies in memory is gone.
        machine.guard(*of_unit("ExecStartPre"))
        shutil.rmtree(machine.run)
        machine.run.mkdir()
    machine.guard(*of_unit("ExecStopPost"), result="success")
    assert machine.link("current") == "new"
    assert machine.on_trial()
    assert machine.told() == []


def test_a_switch_by_a_person_ends_the_trial(machine) -> None:
    machine.put_to_work()
    machine.live("signal")
    machine.point("current", "older")
    for _ in range(4):
        machine.live("signal")
    assert machine.link("current") == "older"
    assert not machine.on_trial()


@pytest.mark.parametrize("note", ["", "new", "new older x 3 0", "new older 600 3 -1", "\0\0\0\0"])
def test_a_note_that_cannot_be_read_ends_the_trial_and_changes_nothing(machine, note) -> None:
    machine.put_to_work()
    (machine.opt / "trial").write_text(note)
    machine.live("signal")
    assert machine.link("current") == "new"
    assert not machine.on_trial()


@pytest.mark.parametrize("missing", ["link", "release"])
def test_where_there_is_nothing_to_go_back_to_the_release_stays(machine, missing) -> None:
    machine.put_to_work(most=1)
    if missing == "link":
        (machine.opt / "previous").unlink()
    else:
        (machine.opt / "releases" / "old" / ".complete").unlink()
    machine.live("signal")
    assert machine.link("current") == "new"
    assert machine.told()[-1].endswith("there is nothing to go back to")


def test_without_a_trial_nothing_is_written(machine) -> None:
    machine.live("signal")
    assert machine.told() == []
    assert machine.link("current") == "old"


def test_a_guard_that_was_never_told_of_a_start_counts_no_time(machine) -> None:
    machine.put_to_work(most=1)
    machine.guard(*of_unit("ExecStopPost"), result="signal")
    assert machine.link("current") == "old"


def test_the_role_writes_the_note_that_the_guard_reads() -> None:
    note = re.search(r'echo "(.*)" > trial\.new', PUT_TO_WORK)
    assert note is not None
    assert re.findall(r"{{ (\w+)", note[1]) == [
        "updates_wanted",
        "updates_before",
        "updates_confirm_s",
        "updates_failures_count",
    ]
    assert note[1].endswith("}} 0")
