"""Kills a station's process at every write of its bundles' record, and lets another one go on.

``python -m tests.simulators.trial_kills HOME BANK FRAME BUNDLE`` prints one JSON line a kill:
where it was, and what the next process made of it. Imports are paid once: each life is a fork.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.infrastructure import counters_file, slots_file
from edge.infrastructure.model_files import ModelFiles
from tests.fakes.releases import digest_of
from tests.fakes.trial_stand import RULES, TrialStand

ENDED = {"COMMITTED", "ROLLED_BACK", "FAILED", "REJECTED"}
MOST_GARMENTS = 12


def live(home: Path, bank: bytes, frame: np.ndarray, kill_at: tuple[int, str] | None) -> None:
    """Be the station's process until the rollout ends or the kill comes; never returns."""
    write, writes = slots_file.write_durably, [0]

    def deadly(path: Path, content: bytes, mode: int = 0o644) -> None:
        writes[0] += 1
        if kill_at == (writes[0], "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        write(path, content, mode)
        if kill_at == (writes[0], "after"):
            os.kill(os.getpid(), signal.SIGKILL)

    # Numbers of releases are written on the way, and a kill there must cost nothing either.
    slots_file.write_durably = counters_file.write_durably = deadly
    stand = TrialStand(home, bank)
    known = {path.name for path in stand.files.folder.iterdir() if path.is_dir()}
    garments = 0
    stand.settle()
    begun_s = time.monotonic()
    while stand.state not in ENDED and garments < MOST_GARMENTS:
        record = asyncio.run(stand.judge(frame))
        assert record.bundle_digest, "a garment without a verdict"
        garments += 1
        stand.settle()
    answer = {
        "state": stand.state,
        "reason": stand.reason,
        "deciding": stand.deciding,
        "told": stand.files.standing().state,
        "garments": garments,
        "known": sorted(known),
        "took_s": round(time.monotonic() - begun_s, 2),
    }
    print(json.dumps(answer), flush=True)
    os._exit(0)


def life(*given) -> int:
    """Fork a process and return how it ended: an exit status, or minus a signal."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            live(*given)
        finally:
            os._exit(70)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def prepared(home: Path, bundle: Path, shadow: int) -> None:
    """Leave wish and bundle as the agent does."""
    shutil.rmtree(home, ignore_errors=True)
    files = ModelFiles(home / "stations" / "CUT-01" / "models")
    stand = object.__new__(TrialStand)
    stand.files = files
    rules = replace(RULES, shadow_garments=shadow, trial_garments=2, upper_count=1.5)
    stand.wish(digest_of(bundle), 1, rules)
    stand.arrive(bundle)


def main() -> int:
    home, bank, frame = Path(sys.argv[1]), Path(sys.argv[2]).read_bytes(), np.load(sys.argv[3])
    bundle, shadow, first = Path(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6])
    for number in range(first, 40):
        for when in ("before", "after"):
            prepared(home, bundle, shadow)
            ended = life(home, bank, frame, (number, when))
            if ended == 0:
                return 0
            assert ended == -signal.SIGKILL, ended
            print(json.dumps({"killed": number, "when": when}), flush=True)
            assert life(home, bank, frame, None) == 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
