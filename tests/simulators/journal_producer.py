"""A station's journal and producer without camera and kiosk: writes numbered facts, publishes them.

Run as a process with a station's settings in its environment:

    python -m tests.simulators.journal_producer --count N --truth FILE

Before a group of numbers is committed the truth file says so (`begin A B`), afterwards too
(`done A B`). A start after a kill leaves numbers in doubt alone and goes on behind them.
"""

import argparse
import asyncio
from pathlib import Path

from edge.composition import _journal
from edge.infrastructure.mqtt_producer import BrokerAddress, MqttProducer
from edge.infrastructure.spool_journal import SpoolJournal
from edge.infrastructure.sync_process import stop_requested
from edge.infrastructure.system_time import SystemClock, UlidFactory
from edge.settings import EdgeSettings, read_settings
from edge.station.events import ScanRefused, Stamp
from edge.station.progress import StepRecord

_GROUP = 25
_BACKLOG = 1000
_STAMP = Stamp(worker="worker@demo.example", basis="")


async def _heard(_event_id: bytes, _record: StepRecord) -> None:
    """What neighbours do is nothing to us."""


def highest_begun(truth: Path) -> int:
    """The highest number that was begun, 0 at the very first start."""
    if not truth.exists():
        return 0
    lines = [line.split() for line in truth.read_text("ascii").splitlines()]
    return max((int(words[2]) for words in lines if len(words) == 3), default=0)


async def write(journal: SpoolJournal, count: int, truth: Path) -> None:
    """Commit numbered facts until `count`, at most a bounded backlog ahead of the agent."""
    first = highest_begun(truth) + 1
    with truth.open("a", encoding="ascii", buffering=1) as ledger:
        while first <= count:
            while journal.unstored_count() > _BACKLOG:  # noqa: ASYNC110 - the agent's word trims it
                await asyncio.sleep(0.02)
            last = min(first + _GROUP - 1, count)
            ledger.write(f"begin {first} {last}\n")
            facts = [
                ScanRefused(text=str(number), code="CODE_FOREIGN", reader="hid")
                for number in range(first, last + 1)
            ]
            await journal.append(facts, _STAMP)
            ledger.write(f"done {first} {last}\n")
            first = last + 1


async def run(settings: EdgeSettings, count: int, truth: Path) -> None:
    """Write and publish until stopped."""
    _, journal = _journal(settings)
    address = BrokerAddress(
        url=settings.mqtt.url,
        username=settings.mqtt.username or settings.station,
        password=settings.mqtt.password.get_secret_value(),
        station=settings.station,
    )
    producer = MqttProducer(address, journal, _heard, SystemClock(), UlidFactory())
    async with stop_requested(settings.parent_pipe) as stop:
        tasks = [
            asyncio.create_task(producer.run()),
            asyncio.create_task(write(journal, count, truth)),
        ]
        await stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await journal.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    options = parser.parse_args()
    asyncio.run(run(read_settings(), options.count, options.truth))


if __name__ == "__main__":
    main()
