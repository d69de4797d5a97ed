"""What a person may ask a station on its command line, whatever runs and whatever is missing."""

import logging
from datetime import UTC, datetime

import pytest

from edge.capture.errors import CaptureError
from edge.infrastructure.mqtt_agent import BrokerAddress
from edge.infrastructure.station_checks import StationParts, station_checks
from edge.infrastructure.station_log import follow_lines, log_to_files, read_lines
from edge.infrastructure.station_status import station_status
from edge.interfaces.cloud_commands.commands import texts_of
from edge.interfaces.cloud_commands.shown import status_lines
from edge.outbox.errors import CheckFailedError
from tests.contract.test_outbox_store import event, opened
from tests.fakes.cloud_server import ORGANIZATION, STATION, CloudServer
from tests.fakes.floor import give_identity

pytestmark = [pytest.mark.requirement("BUF", "FLT"), pytest.mark.timeout(90)]


def snapshot(number):
    return event(number, stream="state")


def test_produced_is_stored_and_pending_and_shed_at_every_moment(tmp_path) -> None:
    def counted():
        found = station_status(tmp_path, datetime.now(UTC))["events"]
        assert found["produced"] == found["stored"] + found["pending"] + found["shed"]
        assert found["unaccounted"] == 0
        return {k: found[k] for k in ("produced", "stored", "pending", "shed", "spooled")}

    with opened(tmp_path) as outbox:
        outbox.append([event(n) for n in range(1, 6)])
        assert counted() == {"produced": 5, "stored": 0, "pending": 5, "shed": 0, "spooled": 0}
        for number in range(6, 10):
            outbox.append([snapshot(number)])
        assert counted()["shed"] == 3
        outbox.acknowledge({"events": 2, "state": 4})
        found = counted()
        assert (found["stored"], found["pending"], found["shed"]) == (3, 3, 3)
        outbox.acknowledge({"events": 1, "state": 4})
        assert (counted()["stored"], counted()["pending"]) == (2, 4)
        outbox.acknowledge({"events": 2, "state": 4})
        outbox.append([snapshot(10), snapshot(11)])
        outbox.trim()
        assert counted()["shed"] == 4
        outbox.start_over("test")
        assert counted() == {"produced": 4, "stored": 0, "pending": 4, "shed": 0, "spooled": 0}


def test_a_spool_that_cannot_be_read_counts_as_unknown_and_not_as_empty(tmp_path) -> None:
    give_identity(tmp_path, CloudServer().authority, ORGANIZATION, STATION)
    home = tmp_path / "stations" / "CUT-01"
    with opened(home) as outbox:
        outbox.append([event(1)])
        (home / "spool.db").write_bytes(b"no database at all" * 100)
        told = station_status(home, datetime.now(UTC))
    assert told["events"]["spooled"] is None
    assert "unknown (the spool cannot be read)" in "\n".join(status_lines(told, texts_of("en")))
    assert "알 수 없음" in "\n".join(status_lines(told, texts_of("ko")))


def test_status_speaks_to_people_in_both_languages(tmp_path) -> None:
    give_identity(tmp_path, CloudServer().authority, ORGANIZATION, STATION)
    home = tmp_path / "stations" / "CUT-01"
    with opened(home) as outbox:
        outbox.append([event(1)])
        told = station_status(home, datetime.now(UTC))
    assert told["identity"]["station_id"] == STATION
    assert told["identity"]["certificate_days_left"] > 29
    assert told["disk"]["level"] in range(5)
    korean = "\n".join(status_lines(told, texts_of("ko")))
    english = "\n".join(status_lines(told, texts_of("en")))
    assert "이벤트: 생성 1 = 저장 0 + 대기 1 + 생략 0" in korean
    assert "Events: 1 produced = 0 stored + 1 pending + 0 shed" in english
    assert "CUT-01 of demo" in english


@pytest.fixture
def logger(tmp_path):
    root = logging.getLogger()
    before = list(root.handlers)
    log_to_files(tmp_path, "sync")
    yield logging.getLogger("kyndof.test")
    for handler in [h for h in root.handlers if h not in before]:
        root.removeHandler(handler)
        handler.close()


def test_log_lines_are_read_back_by_level_and_followed(tmp_path, logger) -> None:
    for number in range(30):
        logger.warning("line %d", number, extra={"alarm": "TEST"})
    logger.error("last")
    (tmp_path / "logs" / "run.jsonl").write_text('{"level": "ERROR", "at": "1"}\nnot json\n{"cut')
    assert [line["message"] for line in read_lines(tmp_path, 2, "WARNING")] == ["line 29", "last"]
    assert len(read_lines(tmp_path, 100, "ERROR")) == 2
    assert read_lines(tmp_path, 0, "DEBUG") == []

    def pause(_seconds):
        logger.error("fresh")

    following = follow_lines(tmp_path, "ERROR", pause)
    assert next(following)["message"] == "fresh"


def test_a_log_without_a_place_loses_nothing_but_itself(tmp_path) -> None:
    (tmp_path / "logs").write_text("a file in the way")
    log_to_files(tmp_path, "sync")
    assert read_lines(tmp_path, 5, "DEBUG") == []


def test_a_station_that_has_nothing_is_told_what_is_missing(tmp_path) -> None:
    def no_camera():
        raise CaptureError("no camera is set")

    parts = StationParts(
        home=tmp_path,
        camera=no_camera,
        health_url="http://127.0.0.1:1/health",
        broker=BrokerAddress.parse("mqtt://127.0.0.1:1", "CUT-01", ""),
        cloud_address="127.0.0.1:1",
    )
    failed = {}
    for name, check in station_checks(parts).items():
        try:
            assert check()
        except CheckFailedError as error:
            failed[name] = str(error)
    assert failed.keys() == {"camera", "broker", "certificate", "cloud"}
    assert failed["camera"] == "no camera is set"
    assert failed["cloud"] == "not enrolled"
