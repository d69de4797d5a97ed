"""Whether a station could work now: its camera, its broker, the cloud, disk, clock, certificate."""

import asyncio
import json
import os
import time
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiomqtt
import grpc.aio
from kyndof_wire.enrolment.v1.enrolment_pb2 import ProveCertificateRequest
from kyndof_wire.enrolment.v1.enrolment_pb2_grpc import CertificateServiceStub

from edge.capture.errors import CaptureError
from edge.capture.ports import FrameSource
from edge.infrastructure.clock_floor import clock_is_behind, floored_now
from edge.infrastructure.grpc_channel import Credentials, open_channel
from edge.infrastructure.identity_files import IdentityFolder
from edge.infrastructure.mqtt_agent import BrokerAddress
from edge.infrastructure.mqtt_connection import connected
from edge.infrastructure.slots_file import SlotsFile
from edge.infrastructure.station_status import disk_level
from edge.model_bundles.errors import SlotsDamagedError
from edge.outbox.errors import CheckFailedError

FRAME_S = 5.0
CALL_S = 8.0
FULL_LEVEL = 4
WRITTEN_BYTES = 1 << 20
#: Further apart than this, station and cloud do not mean the same moment.
APART_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StationParts:
    """What is looked at. ``camera`` opens the camera; ``health_url`` asks a running station."""

    home: Path
    camera: Callable[[], FrameSource]
    health_url: str
    broker: BrokerAddress
    cloud_address: str


def station_checks(parts: StationParts) -> dict[str, Callable[[], str]]:
    """Return the checks by name; each returns what it saw, in a few words.

    A check raises ``CheckFailedError`` with the reason.
    """
    return {
        "camera": lambda: _camera(parts),
        "broker": lambda: asyncio.run(_bounded(_broker(parts.broker))),
        "certificate": lambda: _certificate(parts.home),
        "cloud": lambda: asyncio.run(_bounded(_cloud(parts))),
        "disk": lambda: _disk(parts.home),
        "clock": lambda: _clock(),
        "slots": lambda: _slots(parts.home),
    }


async def _bounded(work: Awaitable[str]) -> str:
    try:
        async with asyncio.timeout(2 * CALL_S):
            return await work
    except TimeoutError as error:
        raise CheckFailedError("no answer") from error


def _camera(parts: StationParts) -> str:
    """Ask the running station, which holds the camera; else open it."""
    try:
        with urllib.request.urlopen(parts.health_url, timeout=2) as answer:  # noqa: S310
            health = json.load(answer)
        if "camera" in health:
            if any(str(code).startswith("camera") for code in health.get("alarms", ())):
                raise CheckFailedError(", ".join(health["alarms"]))
            return f"{health['camera']}"
    except (OSError, ValueError):
        pass
    try:
        source = parts.camera()
    except CaptureError as error:
        raise CheckFailedError(str(error)) from error
    try:
        deadline_s = time.monotonic() + FRAME_S
        while time.monotonic() < deadline_s:
            if source.newest() is not None:
                return source.describe()
            time.sleep(0.05)
    finally:
        source.close()
    raise CheckFailedError(f"no frame within {FRAME_S:.0f} s")


async def _broker(address: BrokerAddress) -> str:
    client = aiomqtt.Client(
        address.host,
        address.port,
        username=address.username,
        password=address.password,
        timeout=CALL_S,
        identifier=f"{address.username}-self-test-{os.getpid()}",
    )
    try:
        async with connected(client):
            return f"{address.host}:{address.port}"
    except aiomqtt.MqttError as error:
        raise CheckFailedError(str(error)) from error


def _certificate(home: Path) -> str:
    life = IdentityFolder(home / "identity").life()
    if life is None:
        raise CheckFailedError("not enrolled")
    left = life.not_after - floored_now()
    if left.total_seconds() <= 0:
        raise CheckFailedError(f"ended at {life.not_after.isoformat()}")
    return f"{left.days} d"


async def _cloud(parts: StationParts) -> str:
    held = Credentials.read(parts.home / "identity" / "current")
    if held is None:
        raise CheckFailedError("not enrolled")
    async with open_channel(parts.cloud_address, held) as channel:
        try:
            answer = await CertificateServiceStub(channel).ProveCertificate(
                ProveCertificateRequest(), timeout=CALL_S
            )
        except grpc.aio.AioRpcError as error:
            raise CheckFailedError(f"{error.code().name}: {error.details()}") from error
    apart_s = abs((answer.server_time.ToDatetime(tzinfo=UTC) - datetime.now(UTC)).total_seconds())  # noqa: TID251
    if apart_s > APART_S:
        raise CheckFailedError(f"the clocks are {apart_s:.0f} s apart")
    return parts.cloud_address


def _disk(home: Path) -> str:
    level = disk_level(home)
    if level >= FULL_LEVEL:
        raise CheckFailedError(f"level {level}: hardly any room")
    path = home / f".self-test.{os.getpid()}"
    try:
        with path.open("wb") as file:
            file.write(bytes(WRITTEN_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise CheckFailedError(str(error)) from error
    finally:
        path.unlink(missing_ok=True)
    return f"level {level}"


def _clock() -> str:
    if clock_is_behind():
        raise CheckFailedError("behind what was written down")
    return datetime.now(UTC).isoformat(timespec="seconds")  # noqa: TID251


def _slots(home: Path) -> str:
    try:
        slots = SlotsFile(home / "models" / "slots").load()
    except SlotsDamagedError as error:
        raise CheckFailedError(str(error)) from error
    return slots.current if slots else "base"
