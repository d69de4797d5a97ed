"""What a station shows now, while its history drains, and how soon a line that is dead is noticed.

Latency counts from the moment a snapshot is handed to the floor's broker to the moment at which the
cloud's committed cursor covers it or a newer one, asked every 50 ms.
"""

import asyncio
import json
import time
from pathlib import Path

import asyncpg
from kyndof_wire.floor.v1.floor_pb2 import StationSnapshot

from tests.fakes.floor import Producer, until
from tests.simulators.cloud_site import CloudSite
from tests.simulators.network import NetworkProxy

MAKE_S, LOOK_S = 0.2, 0.05
_CURSORS = """
SELECT stream, max(committed_seq) AS seq FROM station_cursors
WHERE organization_id = $1 AND station_id = $2 GROUP BY stream
"""


class Present:
    """Makes snapshots and notes how long each was on its way."""

    def __init__(self, site: CloudSite, station: tuple[str, str], producer: Producer) -> None:
        self._site = site
        self._station_id, self._organization_id = station
        self._producer = producer
        self._made_s: list[float] = []
        self.waits_s: list[float] = []

    async def beside(self, backlog: int) -> list[float]:
        """Go on until so many events are committed; the seconds of each snapshot."""
        making = asyncio.create_task(self._make())
        connection = await asyncpg.connect(self._site.urls.app)
        try:
            await connection.execute(
                "SELECT set_config('kyndof.organization', $1, false)", self._organization_id
            )
            while await self._look(connection) < backlog:  # noqa: ASYNC110  a table is asked
                await asyncio.sleep(LOOK_S)
        finally:
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)
            await connection.close()
        return self.waits_s

    async def _make(self) -> None:
        while True:
            payload = StationSnapshot(finished_count=len(self._made_s)).SerializeToString()
            self._made_s.append(time.perf_counter())
            self._producer.make(stream="state", kind="station_snapshot", payload=payload)
            await asyncio.sleep(MAKE_S)

    async def _look(self, connection: asyncpg.Connection) -> int:
        """Note what is covered by now; how much of the history is committed."""
        rows = await connection.fetch(_CURSORS, self._organization_id, self._station_id)
        at = {row["stream"]: row["seq"] for row in rows}
        now_s = time.perf_counter()
        # Nobody else writes to this stream, so the n-th snapshot has the number n.
        while len(self.waits_s) < min(at.get("state", 0), len(self._made_s)):
            self.waits_s.append(now_s - self._made_s[len(self.waits_s)])
        return int(at.get("events", 0))


def says(home: Path, *, connected: bool) -> bool:
    """Say whether the agent's newest report tells so."""
    report = home / "link.json"
    return report.exists() and json.loads(report.read_text())["cloud"] is connected


async def silence_noticed(home: Path, line: NetworkProxy) -> float:
    """Swallow everything from now on; the seconds until the station says that the cloud is away."""
    await until(lambda: says(home, connected=True), 60)
    line.faults.swallow = True
    began_s = time.perf_counter()
    try:
        await until(lambda: says(home, connected=False), 60)
        return time.perf_counter() - began_s
    finally:
        line.faults.swallow = False
        await line.cut()
