"""What of a station's log leaves the station."""

import asyncio
from pathlib import Path
from typing import cast

import grpc
import pytest
from kyndof_wire.fleet.v1.fleet_pb2 import SendLogsRequest, WatchDesiredStateResponse

from edge.infrastructure import log_courier
from edge.infrastructure.log_courier import (
    HIDDEN,
    LARGEST_BYTES,
    LONGEST_CHARACTERS,
    MOST_LINES,
    LogCourier,
    gathered,
    sendable,
    without_secrets,
)
from tests.fakes.floor import until

pytestmark = pytest.mark.requirement("FLT", "DEP")
PEM = "-----{} PRIVATE KEY-----"
RANDOM = "q7Zk3fT9wLx2Vb8Nc5Rm1Yp6Hd4Js0GuAeKiOo"


@pytest.mark.parametrize(
    "text",
    [
        f"join token {RANDOM} refused",
        f"Authorization: Bearer {RANDOM[:20]}",
        "mqtt://CUT-01:s3cr3t@127.0.0.1:18830 is away",
        "password=hunter2, try again",
        "{'api_key': 'abc123'}",
        "KYNDOF_MQTT__PASSWORD: hunter2",
        f"{PEM.format('BEGIN')}\nMIGH\nabc\n{PEM.format('END')} followed",
        f"{PEM.format('BEGIN')}\nMIGH cut off",
        f"data:image/png;base64,{'iVBORw0KGgo' * 40}",
    ],
)
def test_secrets_and_pictures_stay_at_the_station(text: str) -> None:
    told = without_secrets(text)
    assert HIDDEN in told
    for secret in (RANDOM, RANDOM[:20], "s3cr3t", "hunter2", "abc123", "MIGH", "iVBORw0KGgo"):
        assert secret not in told


@pytest.mark.parametrize(
    "text",
    [
        "desired state not heard",
        "카메라가 응답하지 않습니다",
        "https://cloud.example:8443 refused",
        "",
    ],
)
def test_ordinary_sentences_are_left(text: str) -> None:
    assert without_secrets(text) == text


def test_a_line_is_short_and_names_what_belongs_to_it() -> None:
    line = sendable(
        {
            "at": "2026-03-02T09:00:00.000+00:00", "level": "ERROR", "logger": "kyndof.fleet",
            "message": "work package not written", "alarm": "WORK_PACKAGE_NOT_WRITTEN",
            "join_token": "abc", "digest": "d" * 64, "more": {"deep": "x"},
            "exception": "Traceback: password=hunter2",
        }
    )  # fmt: skip
    assert line.message == (
        f"work package not written alarm=WORK_PACKAGE_NOT_WRITTEN join_token={HIDDEN}"
        f" digest={HIDDEN}"
    )
    assert len(sendable({"message": "far too long " * 1_000}).message) == LONGEST_CHARACTERS


def test_the_newest_lines_are_sent_and_no_more_than_fit() -> None:
    lines = [{"message": f"line {number}"} for number in range(700)]
    told = gathered("log_1", lines)
    assert (len(told.lines), told.left_out) == (MOST_LINES, 500)
    assert (told.lines[0].message, told.lines[-1].message) == ("line 500", "line 699")
    large = gathered("log_1", [{"message": "word " * 100, "logger": "a " * 50}] * 200)
    assert len(large.lines) < 200
    assert sum(line.ByteSize() for line in large.lines) <= LARGEST_BYTES
    assert len(large.lines) + large.left_out == 200
    assert gathered("log_1", []).left_out == 0


class Door:
    """A cloud that answers each delivery with the next of its words."""

    def __init__(self, *words: grpc.StatusCode | None) -> None:
        self.words = list(words)
        self.heard: list[str] = []

    async def SendLogs(self, request: SendLogsRequest, timeout: float) -> None:  # noqa: N802, ASYNC109
        self.heard.append(request.log_request_id)
        word = self.words.pop(0)
        if word is not None:
            nothing = grpc.aio.Metadata()
            raise grpc.aio.AioRpcError(word, nothing, nothing)


async def delivered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, door: Door) -> list[str]:
    """Ask twice, the second time once the first is settled; return what was delivered."""
    monkeypatch.setattr(log_courier, "FleetServiceStub", lambda _channel: door)
    courier = LogCourier(tmp_path, pause_s=0.0)
    running = asyncio.create_task(courier.run(cast("grpc.aio.Channel", None)))
    courier.wished(WatchDesiredStateResponse(log_request_id="log_1"))
    await until(lambda: len(door.words) <= 1, 30)
    courier.wished(WatchDesiredStateResponse(log_request_id="log_1"))
    courier.wished(WatchDesiredStateResponse(log_request_id="log_2"))
    await until(lambda: not door.words, 30)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return door.heard


async def test_an_answer_that_was_not_heard_is_given_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = grpc.StatusCode
    door = Door(code.UNAVAILABLE, code.DEADLINE_EXCEEDED, None, None)
    assert await delivered(tmp_path, monkeypatch, door) == ["log_1", "log_1", "log_1", "log_2"]


async def test_an_answer_that_was_refused_is_not_given_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Door(grpc.StatusCode.INVALID_ARGUMENT, None)
    assert await delivered(tmp_path, monkeypatch, door) == ["log_1", "log_2"]
