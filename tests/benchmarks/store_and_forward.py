"""The same kill, the same cut and the same full disk: mosquitto's persistent session, and ours.

On both sides a producer keeps each event until it was told that somebody else has it: by the broker
(PUBACK) there, by the agent (`stored`) here. Then the cloud comes back and is asked what it got.
mosquitto runs with `persistence true` and its own defaults otherwise; our broker keeps nothing.
"""

import asyncio
import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.factory_run import load
from tests.benchmarks.report import Report, arguments
from tests.fakes.cloud_server import ORGANIZATION, CloudServer
from tests.fakes.cloud_server import STATION as STATION_ID
from tests.fakes.floor import (
    PASSWORD,
    STATION,
    AgentProcess,
    BrokerProcess,
    Producer,
    give_identity,
    until,
)
from tests.simulators.raw_mqtt import RawMqtt, publish_packet

SCENARIOS = ("kill", "cut", "full_disk")
QUIET_S = 3.0
WINDOW = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the cloud got of what producers were told to be safe."""

    made: int
    lost: int
    doubled: int
    recovery_s: float


class PersistentBroker(BrokerProcess):
    """mosquitto that keeps what waits for a session in a folder."""

    def __init__(self, folder: Path, disk: Path) -> None:
        super().__init__("mosquitto", folder)
        self._disk = disk

    def command(self) -> tuple[list[str], dict[str, str]]:
        (server, *_), env = super().command()
        config = self._folder / "persistent.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\npersistence true\nallow_anonymous false\n"
            f"persistence_location {self._disk}/\npassword_file {self._folder / 'passwords'}\n"
            f"acl_file {self._folder / 'acl'}\nuser root\n"
        )
        return [server, "-c", str(config)], env


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """A file system of 24 MB, where one may be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def fill(disk: Path) -> Path:
    """Take the last byte of a disk."""
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"f" * 4096)
    return filler


async def theirs(folder: Path, disk: Path, scenario: str, count: int) -> Outcome:
    """A persistent session of the cloud at the broker, and a producer that waits for PUBACKs."""
    topic, got = f"v1/{STATION}/evt/events", []

    def taken(_topic: str, body: bytes) -> None:
        got.append(int(body.split()[0]))

    async def cloud() -> RawMqtt:
        return await RawMqtt.connect(
            broker.port, (STATION, PASSWORD), taken, name="cloud", clean=False
        )

    with PersistentBroker(folder, disk) as broker:
        await broker.ready()
        session = await cloud()
        await session.subscribe(topic)
        session.close()
        producer = await RawMqtt.connect(broker.port, (STATION, PASSWORD))
        filler = fill(disk) if scenario == "full_disk" else None
        for first in range(1, count + 1, WINDOW):
            packets = [
                publish_packet(topic, b"%d " % n + b"x" * 200, (n - 1) % 65_535 + 1)
                for n in range(first, min(first + WINDOW, count + 1))
            ]
            await producer.write(packets)
            await until(lambda: producer.acked >= min(first + WINDOW - 1, count), 60)  # noqa: B023
        if scenario != "cut":
            broker.kill()
        if filler is not None:
            filler.unlink()
        began_s = time.perf_counter()
        if scenario != "cut":
            broker.start()
            await broker.ready()
        session = await cloud()
        last_s = await silence(got)
        session.close()
    return outcome(got, count, last_s - began_s)


async def silence(got: list) -> float:
    """Wait until nothing comes any more; the moment of the last that came."""
    seen, last_s = len(got), time.perf_counter()
    while time.perf_counter() - last_s < QUIET_S:
        await asyncio.sleep(0.05)
        if len(got) != seen:
            seen, last_s = len(got), time.perf_counter()
    return last_s


def outcome(got: list[int], count: int, recovery_s: float) -> Outcome:
    return Outcome(
        made=count,
        lost=count - len(set(got)),
        doubled=len(got) - len(set(got)),
        recovery_s=round(recovery_s, 2),
    )


async def ours(folder: Path, disk: Path, scenario: str, count: int) -> Outcome:
    """The agent with its outbox on that disk; broker and agent are killed both."""
    cloud = CloudServer()
    await cloud.start()
    give_identity(disk, cloud.authority, ORGANIZATION, STATION_ID)
    with BrokerProcess("mosquitto", folder) as broker:
        await broker.ready()
        with AgentProcess(disk, broker.port, cloud, KYNDOF_OUTBOX__BALLAST_MB="8") as agent:
            async with Producer(broker.port) as producer:
                producer.make(10)
                await until(lambda: len(numbers(cloud)) == 10, 60)
                await cloud.stop()
                filler = fill(disk) if scenario == "full_disk" else None
                producer.make(count - 10)
                if scenario == "full_disk":
                    # As much as finds room; the rest stays with its producer.
                    await asyncio.sleep(3)
                else:
                    await producer.settled(120)
                if scenario != "cut":
                    broker.kill()
                    agent.kill()
                if filler is not None:
                    filler.unlink()
                began_s = time.perf_counter()
                if scenario != "cut":
                    broker.start()
                    agent.start()
                await cloud.start()
                with contextlib.suppress(AssertionError):
                    await until(lambda: len(set(numbers(cloud))) == count, 120)
                came_s = time.perf_counter()
                got = numbers(cloud)
    await cloud.stop()
    return outcome(got, count, came_s - began_s)


def numbers(cloud: CloudServer) -> list[int]:
    """The producer's numbers, as often as the cloud keeps them."""
    return [event.pseq for event in cloud.ledger.all_events()]


async def both(folder: Path, scenario: str, count: int) -> dict[str, Outcome] | None:
    """One scenario on both sides; None where a full disk cannot be made."""
    found = {}
    for name, side in (("mosquitto", theirs), ("ours", ours)):
        place = folder / f"{scenario}-{name}"
        place.mkdir()
        with contextlib.ExitStack() as stack:
            disk: Path | None = place / "data"
            if scenario == "full_disk":
                disk = stack.enter_context(small_disk(place / "disk"))
                if disk is None:
                    return None
            else:
                (place / "data").mkdir()
            found[name] = await side(place, disk, scenario, count)
        print(f"{scenario} {name}: {found[name]}", flush=True)
    return found


async def measure(*, quick: bool) -> Report:
    """All scenarios, one after another."""
    count = 2_000 if quick else 5_000
    outcomes = {}
    with tempfile.TemporaryDirectory(prefix="kyndof-bench-") as name:
        Path(name).chmod(0o755)  # noqa: ASYNC240 - nothing else runs yet
        for scenario in SCENARIOS:
            outcomes[scenario] = await both(Path(name), scenario, count)
    made = [found for found in outcomes.values() if found is not None]
    report = Report(name="store_and_forward", seed=1)
    theirs_made = sum(found["mosquitto"].made for found in made)
    report.figures = {
        "ours_lost": sum(found["ours"].lost for found in made),
        "ours_doubled": sum(found["ours"].doubled for found in made),
        "mosquitto_lost_ratio": round(
            sum(found["mosquitto"].lost for found in made) / theirs_made, 3
        ),
        "mosquitto_doubled": sum(found["mosquitto"].doubled for found in made),
    }
    for scenario, found in outcomes.items():
        report.figures[scenario] = "no file system can be mounted here" if found is None else {
            name: {
                "lost_percent": round(100 * one.lost / one.made, 1),
                "doubled_percent": round(100 * one.doubled / one.made, 1),
                "recovery_s": one.recovery_s,
            }
            for name, one in found.items()
        }  # fmt: skip
    report.figures |= {"events": count, "load_1min": load()}
    report.targets = {"ours_lost": ("<=", 0), "ours_doubled": ("<=", 0)}
    return report


def main() -> int:
    options = arguments(__doc__ or "")
    return asyncio.run(measure(quick=options.quick)).print()


if __name__ == "__main__":
    raise SystemExit(main())
