"""The scanner that an address names; another one may be named while the station runs."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

from edge.infrastructure.ending_tasks import end_tasks
from edge.infrastructure.hid_scanner import HidScanner, OnScan
from edge.infrastructure.serial_scanner import SerialScanner
from edge.scanning.address import ScannerAddress

Opened = tuple[Callable[[], bool], Coroutine[object, object, None] | None]


def open_scanner(address: ScannerAddress, on_scan: OnScan) -> Opened:
    """Return whether the scanner is plugged in, and its loop; no loop where none is set."""
    if address.kind == "none":
        return lambda: True, None
    if address.kind == "hid":
        hid = HidScanner(Path(address.target), on_scan)
        return lambda: hid.plugged, hid.run()
    line = SerialScanner(address.target, address.baud, on_scan)
    return lambda: line.plugged, line.run()


class ScannerDesk:
    """Reads the scanner of an address, and another one as soon as another address is set."""

    def __init__(self, address: ScannerAddress, on_scan: OnScan) -> None:
        self.own = self._address = address
        self._on_scan = on_scan
        self._plugged: Callable[[], bool] = lambda: True
        self._other = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def plugged(self) -> bool:
        """Say whether the scanner is there; one that is not set is not missed."""
        return self._plugged()

    def configure(self, address: ScannerAddress) -> None:
        """Use another address; may be called from any thread."""
        if address == self._address:
            return
        self._address = address
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._other.set)

    async def run(self) -> None:
        """Read until cancelled.

        Raises:
            Exception: whatever ends the reading of a scanner for good.
        """
        self._loop = asyncio.get_running_loop()
        while True:
            self._other.clear()
            self._plugged, reading = open_scanner(self._address, self._on_scan)
            tasks = [asyncio.create_task(self._changed())]
            if reading is not None:
                tasks.append(asyncio.create_task(reading))
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                await end_tasks(tasks)

    async def _changed(self) -> None:
        await self._other.wait()
