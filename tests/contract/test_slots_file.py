"""The record of a station's bundles: whole after any kill, refused when it is damaged."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.infrastructure.slots_file import SlotsFile
from edge.model_bundles.errors import SlotsDamagedError
from edge.model_bundles.trial import (
    Assigned,
    Judged,
    Reached,
    Slots,
    TrialRules,
    TrialState,
    after,
)

pytestmark = pytest.mark.requirement("ROL")
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
WRITER = """
import sys
from pathlib import Path
from edge.infrastructure.slots_file import SlotsFile
from edge.model_bundles.trial import Slots
file, number = SlotsFile(Path(sys.argv[1])), 0
while True:
    number += 1
    file.keep(Slots(current="a" * 64, generation=number))
    print(number, flush=True)
"""


def some_slots() -> Slots:
    rules = TrialRules(slope_ratio=0.064, upper_count=14.0)
    wish = Assigned(digest="b" * 64, generation=3, rollout_id="rol_1", rules=rules)
    slots = after(Slots(current="a" * 64, quarantined=("c" * 64,)), wish, NOW)
    for name in ("DOWNLOADING", "VERIFIED", "STAGED", "SELF_TEST", "SHADOW"):
        slots = after(slots, Reached(state=TrialState(name), release_counter=4), NOW)
    return after(slots, Judged(rejected=True), NOW)


def test_what_was_kept_comes_back_whole(tmp_path: Path) -> None:
    file = SlotsFile(tmp_path / "bundles" / "slots")
    assert file.load() is None
    file.keep(some_slots())
    assert file.load() == some_slots()
    file.keep(Slots(current="a" * 64))
    assert SlotsFile(tmp_path / "bundles" / "slots").load() == Slots(current="a" * 64)


def test_any_flipped_bit_is_found(tmp_path: Path) -> None:
    path = tmp_path / "slots"
    SlotsFile(path).keep(some_slots())
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(SlotsDamagedError):
            SlotsFile(path).load()
    for length in range(0, len(whole), 11):
        path.write_bytes(whole[:length])
        with pytest.raises(SlotsDamagedError):
            SlotsFile(path).load()


def test_a_folder_in_its_place_is_a_damaged_record(tmp_path: Path) -> None:
    (tmp_path / "slots").mkdir()
    with pytest.raises(SlotsDamagedError):
        SlotsFile(tmp_path / "slots").load()


def test_a_record_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    file = SlotsFile(tmp_path / "bundles" / "slots")
    file.keep(some_slots())
    crowded = SlotsFile(tmp_path / "bundles" / "slots" / "below")
    with pytest.raises(OSError, match=r"."):
        crowded.keep(Slots(current="a" * 64))
    assert file.load() == some_slots()


@pytest.mark.faults
def test_a_killed_writer_leaves_the_last_told_record_or_the_one_after(tmp_path: Path) -> None:
    path, told = tmp_path / "slots", 0
    for turn in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        assert writer.stdout is not None
        told = int(writer.stdout.readline())
        time.sleep(0.05 + 0.037 * turn)
        writer.send_signal(signal.SIGKILL)
        told = max([told, *(int(line) for line in writer.stdout if line.endswith("\n"))])
        writer.wait()
        writer.stdout.close()
        kept = SlotsFile(path).load()
        assert kept is not None
        assert kept.generation in {told, told + 1}
