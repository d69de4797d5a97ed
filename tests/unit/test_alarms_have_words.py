"""Every alarm that a station can raise is a sentence at the kiosk and at the dashboard."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RAISED = re.compile(r'alarms?(?:\.set)?\(\s*"([a-z_]+)"')
LISTED = re.compile(r"^_(?:AGENT_FAULTS|LOOKS) = \(([^)]*)\)", re.M)
SYNC = "proto/kyndof_wire/sync/v1/sync.proto"
PLACES = ("edge/station", "edge/infrastructure", "edge/composition")


@pytest.mark.requirement("KSK", "WEB")
@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_alarm_of_a_station_has_words(language: str) -> None:
    code = "\n".join(
        path.read_text("utf-8") for place in PLACES for path in sorted((ROOT / place).glob("*.py"))
    )
    raised = set(RAISED.findall(code))
    for names in LISTED.findall(code):
        raised |= set(re.findall(r'"([a-z_]+)"', names))
    assert {"events_unaccounted", "configuration_unusable", "disk_full", "gauge_off"} <= raised
    kiosk = json.loads((ROOT / f"edge/interfaces/kiosk/texts/{language}.json").read_text("utf-8"))
    page = json.loads((ROOT / f"cloud/dashboard/texts/{language}.json").read_text("utf-8"))
    assert not {one for one in raised if f"alarm.{one}" not in kiosk}
    assert not raised - page["alarm"].keys()


@pytest.mark.requirement("WEB")
@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_fault_that_the_cloud_puts_on_record_has_words(language: str) -> None:
    places = ("cloud/interfaces/edge_intake", "cloud/stations/handlers")
    code = "\n".join(
        path.read_text("utf-8") for place in places for path in sorted((ROOT / place).glob("*.py"))
    )
    faults = set(re.findall(r'code ?= ?"([a-z_]+)"', code))
    assert {"events_lost", "outbox_fenced", "history_diverged", "join_token_reused"} <= faults
    page = json.loads((ROOT / f"cloud/dashboard/texts/{language}.json").read_text("utf-8"))
    assert not faults - page["fault"].keys()
    reasons = set(re.findall(r"GAP_REASON_[A-Z_]+", (ROOT / SYNC).read_text("utf-8")))
    # A snapshot that a newer one has replaced was not lost.
    assert reasons - {"GAP_REASON_SUPERSEDED"} == page["gap"].keys() - {"UNKNOWN"}
