"""The kiosk says why the cloud does not hear the station, as far as the agent knows."""

import pytest

from edge.infrastructure.grpc_uplink import LinkLostError
from edge.interfaces.kiosk.texts import LANGUAGES, is_said, say
from edge.interfaces.kiosk.view import _alarm
from edge.outbox.errors import EnrolmentError, EnrolmentPendingError, OutboxDamagedError
from edge.outbox.errors import OutboxFullError as Full
from edge.station.alarms import Alarm, AlarmBoard

pytestmark = pytest.mark.requirement("KSK", "SYN")
#: What the agent's parts write into its report and a person can do something about.
CODES = {
    LinkLostError("STATION_FENCED", "").code,
    *(f"CERTIFICATE_{word}" for word in ("REVOKED", "UNKNOWN", "EXPIRED", "TOO_OLD")),
    *(kind.code for kind in (EnrolmentError, *EnrolmentError.__subclasses__())),
    Full.code,
    OutboxDamagedError.code,
    "AGENT_STOPPED",
} - {EnrolmentPendingError.code}


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_word_of_the_agent_has_a_sentence_in_both_languages(code: str) -> None:
    assert is_said(f"link.{code}")
    shown = _alarm(Alarm(code="cloud_away", detail=code))
    assert [shown[one] for one in LANGUAGES] == [say(f"link.{code}", one) for one in LANGUAGES]


@pytest.mark.parametrize("detail", ["", "CLOUD_AWAY", "NOT_ENROLLED", "OK", "SOMETHING_NEWER"])
def test_without_a_sentence_of_its_own_the_alarms_is_said(detail: str) -> None:
    shown = _alarm(Alarm(code="cloud_away", detail=detail))
    assert shown["ko"] == "본사 연결 끊김 · 계속 작업할 수 있습니다"


def test_another_alarms_detail_is_no_word_of_the_agent() -> None:
    shown = _alarm(Alarm(code="disk_full", detail="OUTBOX_FULL"))
    assert shown["en"] == say("alarm.disk_full", "en")


def test_an_alarm_is_explained_anew_without_being_raised_again() -> None:
    board = AlarmBoard()
    board.set("cloud_away", on=True)
    board.set("disk_full", on=True, detail="spool")
    assert board.explain(["cloud_away"], "STATION_FENCED")
    assert not board.explain(["cloud_away"], "STATION_FENCED")
    assert not board.explain(["enrolment_pending"], "STATION_FENCED"), "it does not stand"
    assert not board.explain(["disk_full"], "OUTBOX_FULL"), "it was written down"
    assert [(one.code, one.detail) for one in board.standing()] == [
        ("cloud_away", "STATION_FENCED"),
        ("disk_full", "spool"),
    ]
    assert [one.code for one in board.unwritten()] == ["disk_full"]
