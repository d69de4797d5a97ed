"""Many stations in one process: the agent's own uplink, an outbox in memory, a certificate each."""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from kyndof_wire.sync.v1.sync_pb2 import DiskReport

from edge.infrastructure.boot_clocks import BootClocks
from edge.infrastructure.ending_tasks import end_tasks
from edge.infrastructure.grpc_channel import Credentials, open_channel
from edge.infrastructure.grpc_uplink import EventUplink, LinkLostError, UplinkSettings
from edge.infrastructure.system_time import SystemClock
from edge.outbox.delivery import Backoff, DeliveryLimits, DeliveryTiming
from tests.fakes.memory_outbox import MemoryOutbox
from tests.simulators.cloud_site import CloudSite
from tests.simulators.sample_events import sample_event

#: As `KYNDOF_CLOUD__RECONNECT_MAX_S` has it where nobody sets another.
LONGEST_PAUSE_S = 10.0


class WatchedUplink(EventUplink):
    """Notes when acknowledgements come."""

    acked_at_s: float | None = None

    async def _acknowledged(self, ack) -> None:
        await super()._acknowledged(ack)
        if self.acked_at_s is None:
            self.acked_at_s = time.perf_counter()

    def committed(self) -> int:
        """How many events the cloud has acknowledged on this connection and before."""
        return self._acked.get("events", 0)


class SimulatedStation:
    """Connects for ever, with the agent's backoff."""

    def __init__(self, name: str, home: Path, address: str, chance: random.Random) -> None:
        self.outbox = MemoryOutbox(f"obx_{name}")
        self.connects = 0
        self._name = name
        self._address = address
        self._chance = chance
        credentials = Credentials.read(home / "identity" / "current")
        assert credentials is not None
        self._credentials = credentials
        timing = DeliveryTiming(backoff_cap_s=LONGEST_PAUSE_S)
        settings = UplinkSettings(
            # Small batches: how evenly a cloud serves shows only over many of them.
            limits=DeliveryLimits(batch_events=50),
            timing=timing,
            agent_version="simulated",
            disk=DiskReport,
            clocks=BootClocks(file=home / "boot_clocks.json", boot_id=os.urandom(16)),
        )
        self.uplink = WatchedUplink(self.outbox, SystemClock(), settings, lambda: None)
        self._backoff = Backoff(timing)

    def make(self, count: int) -> None:
        """Let something happen at the station."""
        first, now = len(self.outbox.events["events"]) + 1, datetime.now(UTC)
        events = [sample_event(first + n, self._name, now) for n in range(count)]
        self.outbox.make("events", events)
        self.uplink.wake()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        while True:
            channel = open_channel(self._address, self._credentials)
            self.connects += 1
            began_s = time.perf_counter()
            try:
                await self.uplink.run(channel)
            except LinkLostError as error:
                welcomed = self.uplink.welcomed_at_s is not None
                lasted_s = time.perf_counter() - began_s if welcomed else 0.0
                self._backoff.ended(lasted_s)
                pause_s = self._backoff.delay_s(self._chance.random())
                pause_s = pause_s if error.retry_after_s is None else error.retry_after_s
            finally:
                await channel.close(None)
            await asyncio.sleep(pause_s)


@asynccontextmanager
async def fleet(
    site: CloudSite, folder: Path, count: int, port: int, chance: random.Random
) -> AsyncIterator[list[SimulatedStation]]:
    """So many stations, enrolled and running, which find the cloud at ``port``."""
    names = [f"SIM-{number:03d}" for number in range(1, count + 1)]
    await site.enrol(*((name, folder / name) for name in names))
    stations = [
        SimulatedStation(name, folder / name, f"127.0.0.1:{port}", chance) for name in names
    ]
    running = [asyncio.create_task(station.run()) for station in stations]
    try:
        yield stations
    finally:
        await end_tasks(running)


def jain(shares: list[float]) -> float:
    """How even shares are: 1 for all alike, 1/n for one that has everything."""
    total = sum(shares)
    return total * total / (len(shares) * sum(share * share for share in shares)) if total else 0.0
