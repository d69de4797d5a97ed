"""MQTT publish → outbox commit → `stored`, on mosquitto, the agent bound to one core.

The agent is the real process, without a cloud. The load is written by a bare socket, at most a
window of events without the agent's word. Beside it, in turns on the same broker: paho with one
INSERT a message and the same flushed commits (`ratio_to_bare`), and the agent on amqtt, the broker
of the embedded default.
"""

import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from kyndof_wire.floor.v1.floor_pb2 import ScanRefused
from kyndof_wire.sync.v1.sync_pb2 import Event, Stored

from edge.infrastructure.system_time import UlidFactory
from tests.benchmarks.factory_run import load
from tests.benchmarks.report import Report, arguments
from tests.fakes.floor import (
    PASSWORD,
    STATION,
    AgentProcess,
    BrokerProcess,
    Process,
    environment,
    free_port,
    until,
)
from tests.simulators.raw_mqtt import RawMqtt, publish_packet

#: A station's producer keeps 200 on the way; a floor's agent hears several.
WINDOW = 2000
AT_ONCE = 100
WARM_UP = 500


class NoCloud:
    """Addresses where nobody answers."""

    address = enrolment_address = f"127.0.0.1:{free_port()}"


class BareIngest(Process):
    """paho and SQLite alone."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder / "bare.log")
        file = str(folder / "bare.db")
        arguments = ["-m", "tests.simulators.bare_ingest", str(port), STATION, PASSWORD, file]
        self._command = [sys.executable, *arguments]

    def command(self) -> tuple[list[str], dict[str, str]]:
        return self._command, environment()


def packets(count: int, producer: str) -> list[bytes]:
    """Events of an ordinary size, ready for the socket."""
    ids = UlidFactory()
    topic = f"v1/{STATION}/evt/events"
    made = []
    for pseq in range(1, count + 1):
        event = Event(
            event_id=ids.event_id(),
            type="scan_refused",
            schema=1,
            payload=ScanRefused(
                text=f"KY1:PC:{pseq:026d}", code="CODE_FOREIGN"
            ).SerializeToString(),
            producer_id=producer,
            pseq=pseq,
            stream="events",
            worker="worker@demo.example",
            boot_id=b"b" * 16,
        )
        made.append(publish_packet(topic, event.SerializeToString(), (pseq - 1) % 65_535 + 1))
    return made


async def publish(port: int, producer: str, made: list[bytes], before: int = 0) -> float:
    """Publish all; return how many a second were confirmed as stored after ``before``."""
    stored, moved = 0, asyncio.Event()

    def taken(_topic: str, payload: bytes) -> None:
        nonlocal stored
        stored = max(stored, Stored.FromString(payload).pseq - before)
        moved.set()

    connection = await RawMqtt.connect(port, (STATION, PASSWORD), taken, name=f"load-{producer}")
    await connection.subscribe(f"v1/{STATION}/stored/{producer}", qos=0)
    began_s, sent = time.perf_counter(), 0
    while stored < len(made):
        room = min(stored + WINDOW - sent, AT_ONCE, len(made) - sent)
        if room > 0:
            await connection.write(made[sent : sent + room])
            sent += room
            await asyncio.sleep(0)
            continue
        moved.clear()
        async with asyncio.timeout(60):
            await moved.wait()
    took_s = time.perf_counter() - began_s
    connection.close()
    return len(made) / took_s


@contextlib.contextmanager
def split_cores(child: int) -> Iterator[None]:
    """Give the measured process one core for itself and leave the others to the rest of us."""
    ours = os.sched_getaffinity(0)
    if len(ours) > 1:
        last = max(ours)
        bind(child, {last})
    yield


def bind(pid: int, cores: set[int]) -> None:
    """Bind every thread of a process."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


async def one_run(folder: Path, kind: str, measured: str, count: int) -> tuple[float, float]:
    """Return events a second, and the seconds of processor that the measured process used."""
    folder.mkdir()  # noqa: ASYNC240 - nothing else runs yet
    producer = "bare" if measured == "bare" else "run-1"
    made = packets(count + WARM_UP, producer)
    warm_up, made = made[:WARM_UP], made[WARM_UP:]
    with BrokerProcess(kind, folder) as broker:
        await broker.ready()
        process: Process = (
            BareIngest(folder, broker.port)
            if measured == "bare"
            else AgentProcess(folder / "home", broker.port, NoCloud, KYNDOF_OUTBOX__BALLAST_MB="16")
        )
        with process:
            await until(lambda: b"broker connected" in process.log.read_bytes(), 60)
            await publish(broker.port, producer, warm_up)
            with split_cores(process.child.pid):
                before_s = cpu_s(process.child.pid)
                rate = await publish(broker.port, producer, made, WARM_UP)
                used_s = cpu_s(process.child.pid) - before_s
    return rate, used_s


def cpu_s(pid: int) -> float:
    """Seconds of processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(*, quick: bool) -> Report:
    """Let ours and the bare one take turns on mosquitto, then ours on amqtt."""
    count, rounds = (5_000, 1) if quick else (30_000, 3)
    rates: dict[str, list[float]] = {"ours": [], "bare": [], "amqtt": []}
    used_us: list[float] = []
    with tempfile.TemporaryDirectory(prefix="kyndof-bench-") as name:
        for number in range(rounds):
            for measured in ("ours", "bare"):
                where = Path(name) / f"{measured}-{number}"
                rate, used_s = await one_run(where, "mosquitto", measured, count)
                rates[measured].append(rate)
                print(f"mosquitto {measured}: {rate:,.0f}/s, {used_s / count * 1e6:.0f} µs each")
                if measured == "ours":
                    used_us.append(used_s / count * 1e6)
        slow = Path(name) / "amqtt"
        rates["amqtt"].append((await one_run(slow, "amqtt", "ours", count // 10))[0])
    ours, bare = statistics.median(rates["ours"]), statistics.median(rates["bare"])
    report = Report(name="durable_ingest", seed=1)
    report.figures = {
        "events_per_s": round(ours),
        "ratio_to_bare": round(ours / bare, 3),
        "bare_events_per_s": round(bare),
        "amqtt_events_per_s": round(rates["amqtt"][0]),
        "agent_cpu_us": round(statistics.median(used_us), 1),
        "events": count,
        "rounds": rounds,
        "load_1min": load(),
    }
    report.targets = {"events_per_s": (">=", 5_000)}
    return report


def main() -> int:
    options = arguments(__doc__ or "")
    return asyncio.run(measure(quick=options.quick)).print()


if __name__ == "__main__":
    raise SystemExit(main())
