"""Processes of the floor for tests: a broker, the sync agent, a producer that never gives up."""

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import aiomqtt
import pytest
from kyndof_wire.floor.v1.floor_pb2 import InspectionRecorded
from kyndof_wire.sync.v1.sync_pb2 import Event, Stored

from edge.infrastructure.child_process import boot_id
from edge.infrastructure.ending_tasks import end_tasks
from edge.infrastructure.system_time import UlidFactory

ROOT = Path(__file__).parents[2]
STATION = "CUT-01"
PASSWORD = "floor"  # noqa: S105 - the test's own broker
USERS = {STATION: PASSWORD, "QC-01": "quality"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(**more) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'proto'}"} | more


async def until(condition, within_s=20.0):
    """Wait for a condition; say what it was when it does not come."""
    deadline = asyncio.get_running_loop().time() + within_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"not within {within_s} s"
        await asyncio.sleep(0.02)


class Process:
    def __init__(self, log: Path):
        self.log = log
        self.child = None
        self.inherited = ()

    def command(self) -> tuple[list[str], dict[str, str]]:
        raise NotImplementedError

    def start(self):
        arguments, env = self.command()
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                arguments,
                cwd=ROOT,
                env=env,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=self.inherited,
            )
        return self

    def kill(self):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def stop(self, within_s=5.0):
        if self.child and self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(within_s)
            except subprocess.TimeoutExpired:
                self.kill()
                raise

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop()


class BrokerProcess(Process):
    """amqtt as `kyndof broker` runs it, or mosquitto, on a port that stays the same."""

    def __init__(self, kind: str, folder: Path):
        super().__init__(folder / "broker.log")
        self.kind = kind
        self.port = free_port()
        self._folder = folder

    def command(self):
        if self.kind == "amqtt":
            users = [f"{name}={password}" for name, password in USERS.items()]
            module = ["-m", "tests.fakes.embedded_broker", str(self.port), *users]
            return [sys.executable, *module], environment()
        server = mosquitto()
        config = self._folder / "mosquitto.conf"
        passwords = self._folder / "passwords"
        if not config.exists():
            for number, (name, password) in enumerate(USERS.items()):
                make = ["-c"] if number == 0 else []
                subprocess.run(
                    ["mosquitto_passwd", *make, "-b", str(passwords), name, password], check=True
                )
            acl = self._folder / "acl"
            acl.write_text("pattern readwrite v1/%u/#\npattern read v1/+/evt/events\n")
            for path in (passwords, acl):
                path.chmod(0o644)
            config.write_text(
                f"listener {self.port} 127.0.0.1\npersistence false\nallow_anonymous false\n"
                f"password_file {passwords}\nacl_file {acl}\nuser root\n"
                "max_queued_messages 20000\nmax_inflight_messages 2000\n"
            )
        return [server, "-c", str(config)], environment()

    async def ready(self):
        def answers():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        await until(answers, 15)
        return self


def mosquitto() -> str:
    """Find the server; it is missing loudly."""
    found = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found and shutil.which("mosquitto_passwd"):
        return found
    sentence = "mosquitto is not installed (apt-get install mosquitto)"
    if os.environ.get("KYNDOF_REQUIRE_SERVERS") == "1":
        pytest.fail(sentence)
    pytest.skip(sentence)


class AgentProcess(Process):
    """`kyndof-edge sync` of one station."""

    def __init__(self, home: Path, broker_port: int, cloud, **settings):
        home.mkdir(parents=True, exist_ok=True)
        super().__init__(home / "sync.log")
        self.home = home / "stations" / STATION
        ours = {
            "KYNDOF_HOME": str(home),
            "KYNDOF_STATION": STATION,
            "KYNDOF_MQTT__URL": f"mqtt://127.0.0.1:{broker_port}",
            "KYNDOF_MQTT__PASSWORD": PASSWORD,
            "KYNDOF_CLOUD__ADDRESS": cloud.address,
            "KYNDOF_CLOUD__ENROLMENT_ADDRESS": cloud.enrolment_address,
            "KYNDOF_CLOUD__RECONNECT_MAX_S": "1",
            "KYNDOF_OUTBOX__BALLAST_MB": "1",
        }
        self._environment = environment(**ours | settings)

    def command(self):
        return [sys.executable, "-m", "edge", "sync"], self._environment

    def log_text(self) -> str:
        return self.log.read_text(errors="replace")


def give_identity(home: Path, authority, organization_id, station_id):
    """Leave an identity as enrolment would."""
    current = home / "stations" / STATION / "identity" / "current"
    current.mkdir(parents=True)
    issued = authority.station(organization_id, station_id)
    (current / "key.pem").write_bytes(issued.key_pem)
    (current / "certificate.pem").write_bytes(issued.certificate_pem)
    (current / "ca.pem").write_bytes(authority.pem)
    (current / "station.json").write_text(
        json.dumps(
            {
                "station_id": station_id,
                "organization_id": organization_id,
                "station_name": STATION,
                "organization_code": "demo",
            }
        )
    )


class Producer:
    """Keeps each event until the agent has confirmed it, as a station's spool does."""

    def __init__(self, broker_port: int, name="run-1", station=STATION, resend_s=1.0):
        self._port, self.name, self._station = broker_port, name, station
        self._resend_s = resend_s
        self._ids = UlidFactory()
        self.spool = {}
        self.made = []
        self.stored = 0
        self._published = 0
        self._task = None
        self._fresh = asyncio.Event()
        #: Between which two moments each event was made, and how wrong the wall clock told them.
        self.moments = []
        self.wrong_by = None

    def make(self, count=1, stream="events", kind="step_started", payload=b"", media=()):
        for _ in range(count):
            pseq = len(self.made) + 1
            before = datetime.now(UTC)
            event = Event(
                event_id=self._ids.event_id(),
                type=kind,
                schema=1,
                stream=stream,
                producer_id=self.name,
                pseq=pseq,
                payload=payload or f"{self.name} {pseq}".encode(),
                media_sha256=list(media),
                boot_id=boot_id(),
                mono_ns=time.monotonic_ns(),
            )
            self.moments.append((before, datetime.now(UTC)))
            if self.wrong_by is not None:
                event.occurred_at.FromDatetime(before + self.wrong_by)
            self.spool[pseq] = event
            self.made.append(event.event_id)
        self._fresh.set()
        return event

    def inspection(self, picture: bytes, verdict="FAIL"):
        sha256 = hashlib.sha256(picture).digest()
        payload = InspectionRecorded(verdict=verdict, picture_sha256=sha256)
        return self.make(
            kind="inspection_recorded", payload=payload.SerializeToString(), media=[sha256]
        )

    async def __aenter__(self):
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_):
        await end_tasks([self._task])

    async def _run(self):
        while True:
            with contextlib.suppress(aiomqtt.MqttError, ExceptionGroup):
                await self._serve()
            await asyncio.sleep(0.1)

    async def _serve(self):
        client = aiomqtt.Client(
            "127.0.0.1",
            self._port,
            username=self._station,
            password=USERS[self._station],
            timeout=5,
            max_inflight_messages=200,
        )
        client.pending_calls_threshold = 1000
        async with client:
            await client.subscribe(f"v1/{self._station}/stored/{self.name}", qos=1)
            self._published = self.stored
            publishing = asyncio.create_task(self._publish(client))
            try:
                async for message in client.messages:
                    self.stored = max(self.stored, Stored.FromString(message.payload).pseq)
                    for pseq in [p for p in self.spool if p <= self.stored]:
                        del self.spool[pseq]
            finally:
                await end_tasks([publishing])

    async def _publish(self, client):
        loop = asyncio.get_running_loop()
        progress, progress_at = self.stored, loop.time()
        while True:
            waiting = [p for p in sorted(self.spool) if p > self._published][:200]
            # Many on the way at once; tasks begin in order, so the messages go out in order.
            async with asyncio.TaskGroup() as group:
                for pseq in waiting:
                    group.create_task(self._publish_one(client, self.spool[pseq]))
            if waiting:
                self._published = waiting[-1]
            if self.stored > progress:
                progress, progress_at = self.stored, loop.time()
            if not waiting:
                if self.spool and loop.time() - progress_at > self._resend_s:
                    self._published, progress_at = self.stored, loop.time()
                self._fresh.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._fresh.wait(), 0.1)

    async def _publish_one(self, client, event):
        topic = f"v1/{self._station}/evt/{event.stream}"
        await client.publish(topic, event.SerializeToString(), qos=1)

    async def settled(self, within_s=30.0):
        await until(lambda: not self.spool, within_s)
