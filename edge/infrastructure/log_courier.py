"""Sends the station's newest warnings and errors when a person in the cloud asked for them."""

import asyncio
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from kyndof_wire.fleet.v1.fleet_pb2 import LogLine, SendLogsRequest, WatchDesiredStateResponse
from kyndof_wire.fleet.v1.fleet_pb2_grpc import FleetServiceStub

from edge.infrastructure.station_log import read_lines

if TYPE_CHECKING:
    from kyndof_wire.fleet.v1.fleet_pb2_grpc import FleetServiceAsyncStub

_LOG = logging.getLogger("kyndof.fleet")
MOST_LINES = 200
LOOKED_AT = 1_000
LONGEST_CHARACTERS = 500
LARGEST_BYTES = 64 << 10
LEAST_PAUSE_S = 10.0
#: What may go better next time. Whatever else the cloud says is its word on this answer.
_PASSING = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
    }
)
CALL_S = 30.0
HIDDEN = "[…]"
_OWN = frozenset({"at", "level", "logger", "message", "exception"})
_SECRET_NAME = re.compile(r"pass|secret|token|key|credential|authori|cookie|signature", re.I)
_SECRETS = (
    (re.compile(r"-----BEGIN[^-]*-----.*?(-----END[^-]*-----|$)", re.S), HIDDEN),
    (re.compile(r"(?<=//)[^/\s:@]+:[^/\s@]+(?=@)"), HIDDEN),
    (re.compile(r"(?i)(?<=bearer )\S+"), HIDDEN),
    (
        re.compile(
            r"(?i)\b([a-z_]*(?:password|secret|token|api_?key|credential)[a-z_]*"
            r"['\"]?\s*[=:]\s*)['\"]?[^\s'\",;]+"
        ),
        rf"\1{HIDDEN}",
    ),
    # Keys, tokens, digests, long paths and pictures as text: nobody reads those.
    (re.compile(r"[A-Za-z0-9+/_-]{32,}=*"), HIDDEN),
)


def without_secrets(text: str) -> str:
    """Return a text in which whatever may be a secret is hidden."""
    for secret, instead in _SECRETS:
        text = secret.sub(instead, text)
    return text


def sendable(line: dict[str, object]) -> LogLine:
    """Return a line as it leaves the station: short, without secrets and stack traces."""
    more = [
        f"{name}={HIDDEN if _SECRET_NAME.search(name) else value}"
        for name, value in line.items()
        if name not in _OWN and isinstance(value, str | int | float | bool)
    ]
    # Cut before it is looked through too: a line may hold a whole picture.
    said = " ".join([str(line.get("message", "")), *more])[: 8 * LONGEST_CHARACTERS]
    return LogLine(
        at=str(line.get("at", ""))[:40],
        level=str(line.get("level", ""))[:10],
        logger=without_secrets(str(line.get("logger", "")))[:100],
        message=without_secrets(said)[:LONGEST_CHARACTERS],
    )


def gathered(request_id: str, lines: list[dict[str, object]]) -> SendLogsRequest:
    """Return the newest ``lines`` that fit, oldest first."""
    kept: list[LogLine] = []
    size_bytes = 0
    for line in reversed(lines[-MOST_LINES:]):
        told = sendable(line)
        size_bytes += told.ByteSize()
        if size_bytes > LARGEST_BYTES:
            break
        kept.append(told)
    return SendLogsRequest(
        log_request_id=request_id, lines=reversed(kept), left_out=len(lines) - len(kept)
    )


class LogCourier:
    """Answers each question once, not more often than every ten seconds, beside all else."""

    def __init__(self, home: Path, pause_s: float = LEAST_PAUSE_S) -> None:
        self._home = home
        self._pause_s = pause_s
        self._asked = self._answered = ""
        self._heard = asyncio.Event()

    def wished(self, wish: WatchDesiredStateResponse) -> None:
        """Hear whether somebody asks."""
        self._asked = wish.log_request_id
        self._heard.set()

    async def run(self, channel: grpc.aio.Channel) -> None:
        """Answer until the channel is closed."""
        stub = FleetServiceStub(channel)
        while True:
            await self._heard.wait()
            self._heard.clear()
            asked = self._asked
            if not asked or asked == self._answered:
                continue
            try:
                await self._answer(stub, asked)
            except grpc.aio.AioRpcError as error:
                _LOG.warning("log lines not sent", extra={"code": error.code().name})
                if error.code() in _PASSING:
                    # It was not heard: the same question waits for another try.
                    self._answered = ""
                    self._heard.set()
            await asyncio.sleep(self._pause_s)

    async def _answer(self, stub: "FleetServiceAsyncStub", asked: str) -> None:
        lines = await asyncio.to_thread(read_lines, self._home, LOOKED_AT, "WARNING")
        request = gathered(asked, lines)
        self._answered = asked
        await stub.SendLogs(request, timeout=CALL_S)
        _LOG.info("log lines sent", extra={"lines": len(request.lines)})
