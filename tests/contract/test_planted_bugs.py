"""Do the tests bite? Bugs of durability are planted into a copy of the tree, one at a time.

Each must be caught by a test that runs with every commit. Nothing of the product can be switched
into a wrong form: the copy is patched, and a patch that no longer fits fails here.
"""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash_states import strace
from tests.fakes.floor import ROOT, environment

pytestmark = [
    pytest.mark.requirement("BUF", "MQT", "SYN"),
    pytest.mark.faults,
    pytest.mark.timeout(600),
]
COPIED = ("edge", "proto", "tests", "cloud", "registry", "firmware-config")
LEFT_OUT = shutil.ignore_patterns("node_modules", "dist", "__pycache__", "*.png", "*.jpg")
_POWER_CUTS = "tests/contract/test_power_cuts.py::test_"
_ON_THE_WIRE = "tests/contract/test_promises_on_the_wire.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """Replacements in one file, and the test that must fail."""

    file: str
    changes: tuple[tuple[str, str], ...]
    caught_by: str
    traced: bool = False


BUGS = {
    "flushes only now and then": Bug(
        file="edge/infrastructure/sqlite_outbox_file.py",
        changes=((r"PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"),),
        caught_by=f"{_POWER_CUTS}no_promised_event_is_lost_by_a_power_cut[outbox]",
        traced=True,
    ),
    "lets the client acknowledge by itself": Bug(
        file="edge/infrastructure/mqtt_agent.py",
        changes=((r"manual_ack_set\(True\)", "manual_ack_set(False)"),),
        caught_by=_ON_THE_WIRE,
    ),
    "acknowledges before the commit": Bug(
        file="edge/infrastructure/mqtt_agent.py",
        changes=(
            (
                r"( +)await self\._store\(client, batch\)\n +for message in batch:\n"
                r" +paho\.ack\(message\.mid, message\.qos\)\n",
                r"\1for message in batch:\n\1    paho.ack(message.mid, message.qos)\n"
                r"\1await self._store(client, batch)\n",
            ),
        ),
        caught_by=_ON_THE_WIRE,
    ),
    "tells producers before the commit": Bug(
        file="edge/infrastructure/mqtt_agent.py",
        changes=(
            (
                r"( +)try:\n( +)outcome = await self\._outbox\.append\(events\)\n",
                r"\1await self._announce(client, {e.producer_id: e.pseq for e in events})\n"
                r"\1try:\n\2outcome = await self._outbox.append(events)\n",
            ),
        ),
        caught_by=_ON_THE_WIRE,
    ),
    "acknowledges a station before the cloud's commit": Bug(
        file="cloud/interfaces/edge_intake/conversation.py",
        changes=(
            (
                r"( +)(self\._at_work = work\n)",
                r"\1\2\1early = Ack(stream=work.command.stream,"
                r" committed_seq=work.command.first_seq + work.events_count - 1)\n"
                r"\1await self._write(StreamEventsResponse(ack=early))\n",
            ),
        ),
        caught_by="tests/interfaces/test_event_sync.py"
        "::test_nothing_is_acknowledged_while_its_commit_waits",
    ),
    "numbers by the rows that are left": Bug(
        file="edge/infrastructure/sqlite_outbox.py",
        changes=(
            (
                r"SELECT stream, next_seq, digest FROM streams",
                "SELECT stream, (SELECT coalesce(max(seq), 0) + 1 FROM events e"
                " WHERE e.stream = s.stream), digest FROM streams s",
            ),
        ),
        caught_by="tests/contract/test_outbox_store.py::test_numbers_go_on_after_everything_was_trimmed",
    ),
    "calls a bundle good before its trial": Bug(
        file="edge/model_bundles/trial.py",
        changes=(
            (
                r"state=TrialState\.TRIAL, tally=Tally\(since=now\), restarts=0",
                "state=TrialState.COMMITTED, tally=Tally(since=now), restarts=0",
            ),
        ),
        caught_by="tests/unit/test_bundle_trial.py",
    ),
    "forgets to flush folders": Bug(
        file="edge/infrastructure/durable_files.py",
        changes=((r"(def sync_folder[\s\S]*?)os\.fsync\(descriptor\)", r"\1pass"),),
        caught_by=f"{_POWER_CUTS}files_are_the_old_ones_or_the_new_ones_after_a_power_cut",
        traced=True,
    ),
}


def copy_of_the_tree(folder: Path) -> None:
    """A copy that can be patched; pictures stay where they are, no test here looks at one."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=LEFT_OUT)
    shutil.copy(ROOT / "pyproject.toml", folder)


def plant(bug: Bug, folder: Path) -> None:
    """Patch the copy; each replacement fits exactly once."""
    path = folder / bug.file
    text = path.read_text(encoding="utf-8")
    for pattern, replacement in bug.changes:
        text, count = re.subn(pattern, replacement, text)
        assert count == 1, f"the bug no longer fits {bug.file}: {pattern}"
    path.write_text(text, encoding="utf-8")


def run(folder: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Run tests of the copy, and of nothing else."""
    paths = f"{folder}:{folder / 'proto'}"
    pytest_there = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*pytest_there, *tests],
        cwd=folder,
        env=environment() | {"PYTHONPATH": paths, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    copy_of_the_tree(folder)
    return folder


def test_the_copy_itself_is_sound(tree) -> None:
    quick = sorted({bug.caught_by for bug in BUGS.values() if not bug.traced})
    done = run(tree, *quick)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_caught(tree, name) -> None:
    bug = BUGS[name]
    if bug.traced and strace() is None:
        pytest.skip("strace is not installed, or may not trace here")
    path = tree / bug.file
    before = path.read_text(encoding="utf-8")
    try:
        plant(bug, tree)
        done = run(tree, bug.caught_by)
    finally:
        path.write_text(before, encoding="utf-8")
    assert done.returncode == 1, f"nobody noticed:\n{done.stdout}"
    assert "1 failed" in done.stdout
