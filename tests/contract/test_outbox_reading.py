"""What a person may ask of a station's outbox, beside a running agent."""

import json
import subprocess
import sys

import pytest

from edge.infrastructure.sqlite_outbox_reading import export_events, read_status
from edge.outbox.errors import OutboxMissingError
from tests.contract.test_outbox_store import event, opened
from tests.fakes.floor import ROOT, environment

pytestmark = pytest.mark.requirement("BUF")


def test_status_counts_what_waits_while_the_outbox_is_open(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        outbox.append([event(n) for n in range(1, 6)])
        outbox.acknowledge({"events": 2})
        status = read_status(tmp_path)
    events = next(s for s in status["streams"] if s["stream"] == "events")
    assert (events["last_seq"], events["acked_seq"], events["unsent"]) == (5, 2, 3)
    assert status["producers"][0]["pseq"] == 5


def test_export_gives_the_events_in_order(tmp_path) -> None:
    with opened(tmp_path) as outbox:
        made = [event(n) for n in range(1, 4)]
        outbox.append(made)
        lines = list(export_events(tmp_path, "events", 1))
    assert [line["seq"] for line in lines] == [2, 3]
    assert [line["event_id"] for line in lines] == [e.event_id.hex() for e in made[1:]]


def test_a_station_without_outbox_is_told_apart(tmp_path) -> None:
    with pytest.raises(OutboxMissingError):
        read_status(tmp_path)


def test_the_commands_print_json_and_say_what_is_missing_in_two_languages(tmp_path) -> None:
    def edge(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "edge", *arguments],
            cwd=ROOT,
            env=environment(KYNDOF_HOME=str(tmp_path), KYNDOF_STATION="CUT-01"),
            capture_output=True,
            text=True,
        )

    missing = edge("status")
    assert missing.returncode == 2
    assert "보관함" in missing.stderr
    assert "OUTBOX_MISSING" in missing.stderr
    home = tmp_path / "stations" / "CUT-01"
    with opened(home) as outbox:
        outbox.append([event(1)])
        assert json.loads(edge("status", "--json").stdout)["streams"]
        assert json.loads(edge("export").stdout)["seq"] == 1
